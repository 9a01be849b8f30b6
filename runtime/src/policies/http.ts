import { choice, number } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** How the gateway treats a method's routes; installs no layer. */
export interface HttpConfig {
  readonly successStatus?: number;
  readonly unknownQuery?: "IGNORE" | "REJECT";
  readonly unknownJson?: "IGNORE" | "REJECT";
}

export const http: Policy<"http", HttpConfig> = {
  name: "http",
  option: "http",
  fields: {
    successStatus: number("success_status", { min: 200, max: 299 }),
    unknownQuery: choice("unknown_query"),
    unknownJson: choice("unknown_json"),
  },
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
