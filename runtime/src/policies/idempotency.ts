import { duration, OptionError, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** Where the key of a request is, and how long its answer is remembered. */
export interface IdempotencyConfig {
  /** `field:<name>` or `metadata:<name>`. */
  readonly key: string;
  readonly windowMs: number;
}

/** Lets the same request under the same key take effect once. Source: AIP-155; IETF draft "The Idempotency-Key HTTP Header". */
export const idempotency: Policy<"idempotency", IdempotencyConfig> = {
  name: "idempotency",
  option: "idempotency",
  fields: {
    key: {
      ...word("key"),
      parse(value) {
        if (/^(?:field:[A-Za-z_]\w*|metadata:[\w.-]+)$/.test(value as string)) return value as string;
        throw new OptionError(
          `${JSON.stringify(value)} is no place for a key: write "field:<name>" or "metadata:<name>"`,
        );
      },
    },
    windowMs: duration("window", { fallback: () => 24 * 3_600_000 }),
  },
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
