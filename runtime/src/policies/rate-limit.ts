import { flag, list, number, parseKey, rate, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** One limit of a method. */
export interface RateLimitConfig {
  readonly name: string;
  readonly perSecond: number;
  /** How many calls pass at once after a pause. */
  readonly burst: number;
  /** Keys; each combination of their values has a bucket of its own. */
  readonly by: readonly string[];
  /** A number, or `field:<path>`. */
  readonly cost: string;
  readonly shared: boolean;
  readonly failClosed: boolean;
  /** Count and report, never refuse. */
  readonly shadow: boolean;
  /** `service`: the methods of the service that carry the limit share its buckets. Set by the generator. */
  readonly scope: "method" | "service";
}

export const rateLimit: Policy<"rateLimit", readonly RateLimitConfig[]> = {
  name: "rateLimit",
  option: "rate_limit",
  fields: {
    name: word("name"),
    perSecond: rate("rate"),
    burst: number("burst", {
      min: 1,
      fallback: (before) => Math.max(1, Math.floor((before.perSecond as number | undefined) ?? 1)),
    }),
    by: list("by", parseKey, { fallback: () => [] }),
    cost: word("cost", { fallback: () => "1" }),
    shared: flag("shared", { fallback: () => false }),
    failClosed: flag("fail_closed", { fallback: () => false }),
    shadow: flag("shadow", { fallback: () => false }),
    scope: { option: "", parse: (value) => value as RateLimitConfig["scope"] },
  },
};
