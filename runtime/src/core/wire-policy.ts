import { decided } from "./decision.ts";
import type { RpcError } from "./error.ts";
import { refusal } from "./refusal.ts";
import type { MethodSpec } from "./spec.ts";

/** The parts of a method's policy that transports carry out, because only they see bytes. Data as the generator prints it. */
export interface WirePolicy {
  readonly limits?: { readonly requestBytes?: number; readonly responseBytes?: number };
  readonly balance?: { readonly picker: Picker; readonly hashBy?: string };
  readonly compression?: { readonly request: Encoding; readonly minBytes: number };
}

/** How a request may be compressed. */
export type Encoding = "IDENTITY" | "GZIP" | "DEFLATE";

/** How one of several addresses is chosen for a call. */
export type Picker = "PICK_FIRST" | "ROUND_ROBIN" | "LEAST_REQUEST" | "WEIGHTED" | "RING_HASH";

/** What transports do for the policy of a method. */
export const wirePolicy = ({ policy }: MethodSpec): WirePolicy => policy;

/** The refusal of a message that `limits` does not let pass, and the word of it to whoever counts. */
export function tooLarge({ path }: MethodSpec, message: "request" | "reply", max: number, committed?: true): RpcError {
  const option = message === "request" ? "request_bytes" : "response_bytes";
  decided("limits", "refused", path, { limit: option, max });
  return refusal(
    "RESOURCE_EXHAUSTED",
    `a ${message} of ${path} is larger than the ${max} bytes of limits.${option}: send less at once, or raise the limit`,
    { refusedBy: "limits", committed },
  );
}

/** Whether a call failed because `limits` did not let its reply pass, here or on the server, whose error is known by its text. */
export const isTooLargeReply = ({ code, text }: RpcError): boolean =>
  code === "RESOURCE_EXHAUSTED" && /^a reply of \S+ is larger than the \d+ bytes of limits\.response_bytes:/.test(text);
