import type { Code } from "../../core/error.ts";
import type { Rule } from "../../core/policy.ts";
import { finalCodes, isRepeatable, promiseRepeatable } from "../../core/repeatable.ts";
import type { RetryConfig } from "./config.ts";

const onlyUnavailable = (on: readonly Code[]) => on.every((code) => code === "UNAVAILABLE");

/** What must hold for a method that retries. Source: gRFC A6, "Retryable Status Codes". */
export const rules: readonly Rule<RetryConfig>[] = [
  {
    id: "retry/needs-idempotency",
    severity: "error",
    check: ({ on }, method) =>
      isRepeatable(method) || onlyUnavailable(on)
        ? undefined
        : `a retry on ${on.join(", ")} may run the method twice: ${promiseRepeatable}, or retry on UNAVAILABLE only`,
  },
  {
    id: "retry/unavailable-after-work",
    severity: "warning",
    check: ({ on }, method) =>
      isRepeatable(method) || !onlyUnavailable(on)
        ? undefined
        : `UNAVAILABLE can also come after the work was done, and a retry then does it twice: if that is harmless, ${promiseRepeatable}`,
  },
  {
    id: "retry/on-empty",
    severity: "error",
    check: ({ on }) =>
      on.length === 0 ? "on names no code, so nothing is ever retried: name one or remove retry" : undefined,
  },
  {
    id: "retry/max-below-initial",
    severity: "error",
    check: ({ initialMs, maxMs }) =>
      maxMs < initialMs
        ? `max (${maxMs} ms) is below initial (${initialMs} ms): raise max or lower initial`
        : undefined,
  },
  {
    id: "retry/final-code",
    severity: "error",
    check({ on }) {
      const wrong = on.filter((code) => finalCodes.has(code));
      return wrong.length > 0 ? `another attempt cannot change ${wrong.join(", ")}: remove it from on` : undefined;
    },
  },
  {
    id: "retry/client-stream",
    severity: "error",
    whenInherited: () => undefined,
    check: (_, { kind }) =>
      kind === "clientStream" || kind === "bidi"
        ? "what a client stream has sent cannot be sent again: drop retry here with off: RETRY"
        : undefined,
  },
  {
    id: "retry/server-stream",
    severity: "warning",
    check: (_, { kind }) =>
      kind === "serverStream"
        ? "a server stream is retried only until its response begins, never in the middle"
        : undefined,
  },
  {
    id: "retry/attempt-timeout-without-attempt",
    severity: "error",
    field: "attempt_timeout",
    whenInherited: (config, lost) => (lost.has("timeout.attempt") ? { ...config, attemptTimeout: false } : config),
    check: ({ attemptTimeout }, { policy }) =>
      attemptTimeout && timesOf(policy.timeout).attemptMs === undefined
        ? "attempt_timeout is set, but no attempt has a timeout: set timeout.attempt or remove attempt_timeout"
        : undefined,
  },
  {
    id: "retry/attempts-beyond-total",
    severity: "warning",
    check(config, { policy }) {
      const { totalMs, attemptMs } = timesOf(policy.timeout);
      if (totalMs === undefined || attemptMs === undefined) return undefined;
      const fit = attemptsThatFit(config, totalMs, attemptMs);
      return fit < config.attempts
        ? `when attempts last their ${attemptMs} ms, only ${fit} of ${config.attempts} fit into the total of ${totalMs} ms: raise total or lower the others`
        : undefined;
    },
  },
];

interface Times {
  readonly totalMs?: number;
  readonly attemptMs?: number;
}

const timesOf = (timeout: unknown): Times => (timeout as Times | undefined) ?? {};

/** How many attempts can begin and run their time, with waits that are neither short nor long. */
function attemptsThatFit({ attempts, initialMs, maxMs, multiplier }: RetryConfig, totalMs: number, attemptMs: number) {
  let fit = 0;
  let end = 0;
  for (let retry = 0; retry < attempts; retry++) {
    end += attemptMs;
    if (end > totalMs) break;
    fit++;
    end += Math.min(initialMs * multiplier ** retry, maxMs);
  }
  return Math.max(1, fit);
}
