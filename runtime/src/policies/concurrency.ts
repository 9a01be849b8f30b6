import { choice, number } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import { claimCriticality } from "./concurrency/client.ts";
import type { ConcurrencyConfig } from "./concurrency/config.ts";
import { rules } from "./concurrency/rules.ts";
import { limitConcurrency } from "./concurrency/server.ts";

export type { ConcurrencyConfig } from "./concurrency/config.ts";

/** How many calls may run at once, and which go first. Source: Netflix concurrency-limits; Google SRE book, "Handling Overload". */
export const concurrency: Policy<"concurrency", ConcurrencyConfig> = {
  name: "concurrency",
  option: "concurrency",
  fields: {
    adaptive: choice("adaptive", { fallback: () => "FIXED" as const }),
    max: number("max", { min: 1, fallback: ({ adaptive }) => (adaptive === "GRADIENT" ? 200 : undefined) }),
    min: number("min", {
      min: 1,
      fallback: ({ adaptive, max }) => (adaptive === "GRADIENT" ? Math.min(20, max as number) : undefined),
    }),
    queue: number("queue", { min: 0, fallback: () => 0 }),
    criticality: choice("criticality", { fallback: () => "CRITICAL" as const }),
  },
  client: claimCriticality,
  server: limitConcurrency,
  rules,
  reference: {
    example: "concurrency: { max: 50 queue: 20 }",
    errors: {
      UNAVAILABLE:
        "no place is free and the queue is full, a call that matters more took the place in the queue, or the process " +
        "is overloaded and the call is SHEDDABLE or SHEDDABLE_PLUS; the last one with `grpc-retry-pushback-ms: -1`",
      DEADLINE_EXCEEDED: "the deadline passed in the queue",
    },
    outcomes: {
      refused: "no place, and none to wait at",
      queued: "waits for a place",
      evicted: "left the queue to a call that matters more",
      expired: "left the queue because it was cancelled or its deadline passed",
      shed: "the event loop is late, and the call matters less than others",
      limit: "an adaptive limit has changed",
    },
    exports: {
      Envoy:
        "`max`: `circuit_breakers.thresholds.max_requests`; GRADIENT: the `adaptive_concurrency` filter; no criticality, no queue",
      Istio: "`max`: `connectionPool.http.http2MaxRequests` of a DestinationRule",
      "Gateway API": "`max`: with Envoy Gateway, `circuitBreaker.maxParallelRequests` of a BackendTrafficPolicy",
    },
  },
};
