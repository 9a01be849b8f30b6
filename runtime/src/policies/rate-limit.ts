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
  reference: {
    example: 'rate_limit: { name: "tenant" rate: "200/s" burst: 400 by: "claim:tenant" }',
    errors: {
      RESOURCE_EXHAUSTED:
        "A limit has no room for the call. Carries `google.rpc.RetryInfo`, `google.rpc.QuotaFailure` and the trailer `grpc-retry-pushback-ms`; over HTTP 429 with `Retry-After`, `RateLimit-Policy` and `RateLimit`.",
      UNAVAILABLE: "The store of a limit with `fail_closed` is away.",
    },
    outcomes: {
      refused: "A limit refused the call; details `limit`, `cost` and `waitMs`.",
      shadow: "A limit with `shadow` would have refused it; the same details.",
      storeAway: "The store failed or was late, so it is left alone for a second; detail `limit`.",
    },
    exports: {
      Envoy:
        "`local_ratelimit` with a bucket for each value of its keys, except fields of the request; each Envoy counts by itself, also where a limit is `shared`.",
      Istio: "An EnvoyFilter with the same.",
      "Gateway API": "Envoy Gateway's BackendTrafficPolicy `rateLimit`.",
    },
  },
};
