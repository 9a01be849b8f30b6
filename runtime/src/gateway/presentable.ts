import { randomUUID } from "node:crypto";
import { lateText, RpcError, unreachableText } from "../core/error.ts";
import type { MethodSpec } from "../core/spec.ts";

/**
 * A failure as outsiders may see it. What only this process understands stays in it, under an id that `onError` is told:
 * errors that are no RpcError, texts that a peer gave without a code, and what the connection to a peer says of it.
 */
export function presentable(
  error: unknown,
  method: MethodSpec,
  onError: (error: unknown, id: string, method: MethodSpec) => void,
): RpcError {
  if (error instanceof RpcError) {
    if (error.code !== "UNKNOWN" && error.origin !== "transport") return error;
    if (error.code === "DEADLINE_EXCEEDED") return new RpcError(error.code, lateText(method.path), { cause: error });
  }
  const id = randomUUID();
  onError(error, id, method);
  if (!(error instanceof RpcError)) return new RpcError("INTERNAL", `internal error ${id}`, { cause: error });
  const text = error.code === "UNKNOWN" ? `unknown error ${id}` : unreachableText(method.path, id);
  return new RpcError(error.code, text, {
    details: error.details,
    ...(error.metadata && { metadata: error.metadata }),
    cause: error,
  });
}
