import type { Code } from "./error.ts";
import type { MethodFacts } from "./policy.ts";

/** Codes that another attempt cannot change, wherever it goes. Source: gRPC "Status codes and their use"; gRFC A6. */
export const finalCodes: ReadonlySet<Code> = new Set<Code>([
  "CANCELLED",
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "DATA_LOSS",
  "UNAUTHENTICATED",
]);

/** Whether running the method twice for one request is promised to be harmless: by its level, or by a key. */
export const isRepeatable = ({ idempotency, policy }: Pick<MethodFacts, "idempotency" | "policy">): boolean =>
  idempotency !== undefined || (policy.idempotency as { readonly key?: string } | undefined)?.key !== undefined;

/** How a method gives that promise, for the text of an error. */
export const promiseRepeatable =
  "set idempotency_level to NO_SIDE_EFFECTS or IDEMPOTENT, or give it an idempotency key";
