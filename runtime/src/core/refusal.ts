import { type Code, RpcError, type RpcErrorOptions } from "./error.ts";

/**
 * An error that says what a policy decided. It has no stack: it points at no mistake in the code, and under overload
 * taking a stack would cost more than the call that is refused.
 */
export function refusal(code: Code, text: string, options: RpcErrorOptions = {}): RpcError {
  const frames = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return new RpcError(code, text, options);
  } finally {
    Error.stackTraceLimit = frames;
  }
}
