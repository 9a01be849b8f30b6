import type { Code, ErrorDetail, ErrorOrigin } from "../../core/error.ts";

/** What a call was answered with: the bytes of an encoded reply, each as a character, or a failure. */
export type Answer = string | Failure;

/** A failure that repeating cannot change. */
export interface Failure {
  readonly code: Code;
  readonly text: string;
  readonly details: readonly ErrorDetail[];
  readonly origin: ErrorOrigin | undefined;
}
