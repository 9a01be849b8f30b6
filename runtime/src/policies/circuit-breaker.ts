import { choice, duration, flag, number, statusCodes } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { CircuitBreakerConfig } from "./circuit-breaker/config.ts";
import { breakCircuit } from "./circuit-breaker/layer.ts";
import { rules } from "./circuit-breaker/rules.ts";

export type { CircuitBreakerConfig } from "./circuit-breaker/config.ts";

/** Stops calling what keeps failing. Source: resilience4j's states; Google SRE book, "Client-Side Throttling". */
export const circuitBreaker: Policy<"circuitBreaker", CircuitBreakerConfig> = {
  name: "circuitBreaker",
  option: "circuit_breaker",
  fields: {
    adaptive: flag("adaptive", { fallback: () => false }),
    ratio: number("ratio", { min: 0.001, max: 1, fallback: () => 0.5 }),
    minCalls: number("min_calls", { min: 1, fallback: () => 20 }),
    windowMs: duration("window", { fallback: ({ adaptive }) => (adaptive ? 120_000 : 10_000) }),
    openMs: duration("open", { fallback: () => 5_000 }),
    probes: number("probes", { min: 1, fallback: () => 3 }),
    on: statusCodes("on", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"]),
    slowMs: duration("slow"),
    force: choice("force", { fallback: () => "NONE" as const }),
  },
  client: breakCircuit,
  rules,
  reference: {
    example: 'circuit_breaker: { ratio: 0.5 window: "10s" slow: "800ms" }',
    errors: {
      UNAVAILABLE:
        "The breaker is open, all probes are under way, or an adaptive breaker refused its share. The peer saw nothing, `retry` stops at it, and `refusedBy` is `circuitBreaker`.",
    },
    outcomes: {
      opened:
        "Too many of the last calls failed, or too many probes did. `calls` and `failures` are what it saw, `openMs` is how long it stays open.",
      halfOpen: "The open time is over, and probes are let through.",
      closed: "Enough probes were good; or nobody called for a whole window, so that nothing is known any more.",
      refused: "The call was not sent. The only outcome of an adaptive breaker, which has no states.",
    },
    exports: {
      Envoy:
        "A cluster of the method's own, with `outlier_detection`, which leaves out the addresses that fail; `adaptive` becomes its filter `admission_control` (`sr_threshold`, `sampling_window`), which refuses by a similar formula.",
    },
  },
};
