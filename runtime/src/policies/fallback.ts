import { flag, statusCodes, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { FallbackConfig } from "./fallback/config.ts";
import { standIn } from "./fallback/layer.ts";
import { rules } from "./fallback/rules.ts";

export type { FallbackConfig } from "./fallback/config.ts";

/** Answers something else instead of a failure, and says so. */
export const fallback: Policy<"fallback", FallbackConfig> = {
  name: "fallback",
  option: "fallback",
  oneof: ["json", "stale", "method"],
  fields: {
    on: statusCodes("on", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN"]),
    json: word("json"),
    stale: flag("stale"),
    method: word("method"),
  },
  client: standIn,
  rules,
  reference: {
    example: "fallback: { json: '{\"items\": []}' }",
    errors: {},
    outcomes: {
      static: "`json` was given instead of a failure with `code`; trailer `x-mesh-fallback: static`",
      stale: "the last good reply was given; trailer `x-mesh-fallback: stale`",
      method: "the other method answered; trailer `x-mesh-fallback: method`",
      failed: "what should stand in failed too, with `code`, and the caller got the first failure",
    },
    exports: {},
  },
};
