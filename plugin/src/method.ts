import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { MethodKind } from "@protomesh/runtime";

const kinds = {
  unary: "unary",
  server_streaming: "serverStream",
  client_streaming: "clientStream",
  bidi_streaming: "bidi",
} as const;

/** Which sides of a method stream. */
export const kindOf = (method: DescMethod): MethodKind => kinds[method.methodKind];

/** What `idempotency_level` says; undefined for a method without it. */
export function idempotencyOf({ idempotency }: DescMethod): "NO_SIDE_EFFECTS" | "IDEMPOTENT" | undefined {
  if (idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return "NO_SIDE_EFFECTS";
  return idempotency === MethodOptions_IdempotencyLevel.IDEMPOTENT ? "IDEMPOTENT" : undefined;
}
