import type { Code } from "../core/error.ts";
import { choice, duration, flag, number, statusCodes } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** When a method is not called any more. */
export interface CircuitBreakerConfig {
  /** True: a share of the calls is refused. False: all or none. */
  readonly adaptive: boolean;
  /** Share of failures at which it opens; adaptive: the share that is borne. */
  readonly ratio: number;
  readonly minCalls: number;
  /** How long a call counts. */
  readonly windowMs: number;
  /** How long it stays open the first time. */
  readonly openMs: number;
  /** Calls let through when that is over. */
  readonly probes: number;
  /** Codes that are failures. */
  readonly on: readonly Code[];
  /** A slower answer is a failure too. */
  readonly slowMs?: number;
  /** Set by a run-time configuration. */
  readonly force: "NONE" | "OPEN" | "CLOSED";
}

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
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
