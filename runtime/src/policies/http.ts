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
  reference: {
    example: "http: { success_status: 201 unknown_query: REJECT }",
    errors: {
      INVALID_ARGUMENT:
        "The request has a query parameter or a JSON field that is not in the message, and REJECT is in force.",
    },
    outcomes: {},
    exports: { OpenAPI: "The status of the successful response." },
  },
};
