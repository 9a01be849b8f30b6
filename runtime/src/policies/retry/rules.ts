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
    purpose: "A method that is retried after codes that may follow work may run twice.",
    check: ({ on }, method) =>
      isRepeatable(method) || onlyUnavailable(on)
        ? undefined
        : `a retry on ${on.join(", ")} may run the method twice: ${promiseRepeatable}, or retry on UNAVAILABLE only`,
  },
  {
    id: "retry/unavailable-after-work",
    severity: "warning",
    purpose: "A method that is retried on UNAVAILABLE says that it may run twice.",
    check: ({ on }, method) =>
      isRepeatable(method) || !onlyUnavailable(on)
        ? undefined
        : `UNAVAILABLE can also come after the work was done, and a retry then does it twice: if that is harmless, ${promiseRepeatable}`,
  },
  {
    id: "retry/on-empty",
    severity: "error",
    purpose: "A retry names the codes that it is for.",
    check: ({ on }) =>
      on.length === 0 ? "on names no code, so nothing is ever retried: name one or remove retry" : undefined,
  },
  {
    id: "retry/max-below-initial",
    severity: "error",
    purpose: "The longest wait of a retry is not below the first.",
    check: ({ initialMs, maxMs }) =>
      maxMs < initialMs
        ? `max (${maxMs} ms) is below initial (${initialMs} ms): raise max or lower initial`
        : undefined,
  },
  {
    id: "retry/final-code",
    severity: "error",
    purpose: "A retry is only for codes that another attempt can change.",
    check({ on }) {
      const wrong = on.filter((code) => finalCodes.has(code));
      return wrong.length > 0 ? `another attempt cannot change ${wrong.join(", ")}: remove it from on` : undefined;
    },
  },
  {
    id: "retry/client-stream",
    severity: "error",
    purpose: "A method with a stream of requests is not retried.",
    whenInherited: () => undefined,
    check: (_, { kind }) =>
      kind === "clientStream" || kind === "bidi"
        ? "what a client stream has sent cannot be sent again: drop retry here with off: RETRY"
        : undefined,
  },
  {
    id: "retry/server-stream",
    severity: "warning",
    purpose: "A stream of replies is retried only until it begins, which its users should know.",
    check: (_, { kind }) =>
      kind === "serverStream"
        ? "a server stream is retried only until its response begins, never in the middle"
        : undefined,
  },
  {
    id: "retry/attempt-timeout-without-attempt",
    severity: "error",
    purpose: "A retry of attempts that time out has a timeout for attempts.",
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
    purpose: "All attempts of a retry fit into the call's timeout.",
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
