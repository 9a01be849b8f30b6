import type { Code } from "../core/error.ts";
import { flag, statusCodes, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** What is answered instead of a failure: one of `json`, `stale` and `method`. */
export interface FallbackConfig {
  /** The failures that are replaced. */
  readonly on: readonly Code[];
  /** A reply in ProtoJSON. */
  readonly json?: string;
  /** The last good reply. */
  readonly stale?: boolean;
  /** Name of another method. */
  readonly method?: string;
}

/** Answers something else instead of a failure, and says so. */
export const fallback: Policy<"fallback", FallbackConfig> = {
  name: "fallback",
  option: "fallback",
  fields: {
    on: statusCodes("on", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN"]),
    json: word("json"),
    stale: flag("stale"),
    method: word("method"),
  },
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
