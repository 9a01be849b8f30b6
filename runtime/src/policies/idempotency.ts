import { duration, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import { fillKey } from "./idempotency/client.ts";
import type { IdempotencyConfig } from "./idempotency/config.ts";
import { parsePlace } from "./idempotency/place.ts";
import { rules } from "./idempotency/rules.ts";
import { answerOnce } from "./idempotency/server.ts";

export type { IdempotencyConfig } from "./idempotency/config.ts";

/** Lets the same request under the same key take effect once. Source: AIP-155; IETF draft "The Idempotency-Key HTTP Header". */
export const idempotency: Policy<"idempotency", IdempotencyConfig> = {
  name: "idempotency",
  option: "idempotency",
  fields: {
    key: { ...word("key"), parse: (value) => parsePlace(value as string) },
    windowMs: duration("window", { fallback: () => 24 * 3_600_000 }),
  },
  client: fillKey,
  server: answerOnce,
  rules,
  reference: {
    example: 'idempotency: { key: "field:request_id" }',
    errors: {
      INVALID_ARGUMENT: "the key was sent before with another request; `google.rpc.BadRequest` names where the key is",
      DEADLINE_EXCEEDED: "the first call under the key still ran when the deadline of this one had come",
    },
    outcomes: {
      replayed:
        "the call was answered with what the first one under its key was answered with; `code` says what that was",
      waited: "the first call under the key still ran, so this one waited for its answer",
      conflict: "the key was sent before with another request",
      evicted: "an answer was forgotten before its time, because the answers of the server took up more than 64 MiB",
    },
    exports: {},
  },
};
