import type { Policy } from "../core/policy.ts";
import type { ValidationConfig } from "./validation/config.ts";
import { checkRequests } from "./validation/layer.ts";

export type { ValidationConfig } from "./validation/config.ts";

/** Checks requests by their protovalidate rules. */
export const validation: Policy<"validation", ValidationConfig> = {
  name: "validation",
  option: "validation",
  fields: {},
  server: checkRequests,
  reference: {
    example: "validation: {}",
    errors: {
      INVALID_ARGUMENT:
        "the request breaks rules; `google.rpc.BadRequest` names the first 16: the field, what the rule says, and the rule's id as `reason`",
      INTERNAL: "a rule could not be evaluated; the log says why",
    },
    outcomes: {
      refused: "the request breaks rules: `rule` is the id of the first, `violations` how many there are",
      failed: "a rule could not be evaluated, so the call was not allowed",
    },
    exports: {},
  },
};
