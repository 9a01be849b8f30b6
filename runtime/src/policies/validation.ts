import type { Policy } from "../core/policy.ts";

/** Whether requests are checked. The generator sets it where a request has protovalidate rules. */
export type ValidationConfig = { readonly [none in never]: never };

/** Checks requests by their protovalidate rules. */
export const validation: Policy<"validation", ValidationConfig> = {
  name: "validation",
  option: "validation",
  fields: {},
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
