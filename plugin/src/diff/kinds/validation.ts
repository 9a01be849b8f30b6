import type { ValidationConfig } from "@protomesh/runtime/policies";
import type { Kind } from "../verdict.ts";

/** `validation`, which has no options: it is there or not. */
export const validation: Kind<ValidationConfig> = {
  added: () => [["breaking", "requests that break the rules of their message are refused"]],
  removed: () => [["security", "requests are no longer checked"]],
  rows: {},
};
