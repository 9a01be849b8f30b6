import type { Code } from "../../core/error.ts";
import type { Rule } from "../../core/policy.ts";
import type { CircuitBreakerConfig } from "./config.ts";

/** They say what is wrong with the call, and nothing about the peer. */
const callersOwn: ReadonlySet<Code> = new Set<Code>([
  "CANCELLED",
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
  "UNAUTHENTICATED",
]);

/** What must hold for a method with a circuit breaker. */
export const rules: readonly Rule<CircuitBreakerConfig>[] = [
  {
    id: "circuit-breaker/force",
    severity: "error",
    purpose: "Only a run-time configuration forces a breaker open or closed.",
    check: ({ force }, { runtime }) =>
      force !== "NONE" && !runtime
        ? `force: ${force} would hold for every deployment for ever: remove it here, and set it in the run-time configuration`
        : undefined,
  },
  {
    id: "circuit-breaker/adaptive-ratio",
    severity: "error",
    purpose: "An adaptive breaker refuses some calls when all of them fail.",
    check: ({ adaptive, ratio }) =>
      adaptive && ratio >= 1
        ? "an adaptive breaker that bears a ratio of 1 never refuses a call: lower ratio or remove circuit_breaker"
        : undefined,
  },
  {
    id: "circuit-breaker/callers-own-code",
    severity: "warning",
    purpose: "A breaker does not count failures that can be the caller's own mistake.",
    check({ on }) {
      const wrong = on.filter((code) => callersOwn.has(code));
      return wrong.length > 0
        ? `${wrong.join(", ")} can be the caller's own mistake, so one bad caller could stop the calls of all: remove it from on`
        : undefined;
    },
  },
  {
    id: "circuit-breaker/slow-beyond-timeout",
    severity: "warning",
    purpose: "What a breaker counts as slow is shorter than the call's timeout.",
    check({ slowMs }, { policy }) {
      const { totalMs } = (policy.timeout as { readonly totalMs?: number } | undefined) ?? {};
      return slowMs !== undefined && totalMs !== undefined && slowMs >= totalMs
        ? `slow (${slowMs} ms) is not below timeout.total (${totalMs} ms), so no answer is ever slow: lower slow or remove it`
        : undefined;
    },
  },
];
