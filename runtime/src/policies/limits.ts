import { number } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** The largest messages, which transports enforce, and the most messages of a stream. */
export interface LimitsConfig {
  readonly requestBytes?: number;
  readonly responseBytes?: number;
  /** In each direction. */
  readonly messages?: number;
}

/** Bounds what a call may send and get. */
export const limits: Policy<"limits", LimitsConfig> = {
  name: "limits",
  option: "limits",
  fields: {
    requestBytes: number("request_bytes", { min: 1, max: 2 ** 31 - 1 }),
    responseBytes: number("response_bytes", { min: 1, max: 2 ** 31 - 1 }),
    messages: number("messages", { min: 1 }),
  },
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
