import { flag, list, number, parseKey, rate, word } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { RateLimitConfig } from "./rate-limit/config.ts";
import { parseCost } from "./rate-limit/cost.ts";
import { limitRate } from "./rate-limit/layer.ts";
import { rules } from "./rate-limit/rules.ts";

export type { RateLimitConfig } from "./rate-limit/config.ts";
export { type Quota, quotasOf } from "./rate-limit/quota.ts";

/** How often a key may call. Source: generic cell rate algorithm (ITU-T I.371). */
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
    cost: {
      option: "cost",
      parse(value) {
        parseCost(value as string);
        return value as string;
      },
      fallback: () => "1",
    },
    shared: flag("shared", { fallback: () => false }),
    failClosed: flag("fail_closed", { fallback: () => false }),
    shadow: flag("shadow", { fallback: () => false }),
    scope: { option: "", parse: (value) => value as RateLimitConfig["scope"] },
  },
  server: limitRate,
  rules,
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
