import type { Code, ErrorDetail, ErrorOrigin } from "../../core/error.ts";

/** What a call was answered with: an encoded reply, or a failure. */
export type Answer = Uint8Array | Failure;

/** A failure that repeating cannot change. */
export interface Failure {
  readonly code: Code;
  readonly text: string;
  readonly details: readonly ErrorDetail[];
  readonly origin: ErrorOrigin | undefined;
}
