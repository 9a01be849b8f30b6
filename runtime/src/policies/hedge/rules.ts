import type { Rule } from "../../core/policy.ts";
import { finalCodes, isRepeatable, promiseRepeatable } from "../../core/repeatable.ts";
import type { HedgeConfig } from "./config.ts";

interface Times {
  readonly totalMs?: number;
  readonly maxMs?: number;
  readonly attemptMs?: number;
}

const timesOf = (timeout: unknown): Times => (timeout as Times | undefined) ?? {};

/** What must hold for a method that is hedged. Source: gRFC A6, "Hedging Policy". */
export const rules: readonly Rule<HedgeConfig>[] = [
  {
    id: "hedge/needs-idempotency",
    severity: "error",
    purpose: "Only methods that may run twice are hedged.",
    check: (_, method) =>
      isRepeatable(method) ? undefined : `hedging runs the method twice on purpose: ${promiseRepeatable}`,
  },
  {
    id: "hedge/with-retry",
    severity: "error",
    purpose: "A method is retried or hedged, never both.",
    check: (_, { policy }) =>
      policy.retry === undefined
        ? undefined
        : "a method is retried or hedged, never both: drop one of them with off: RETRY or off: HEDGE",
  },
  {
    id: "hedge/delay-or-percentile",
    severity: "error",
    purpose: "A hedge has either a delay or a percentile.",
    check({ delayMs, percentile }) {
      if (delayMs !== undefined && percentile !== undefined)
        return "delay and percentile are both set: keep one of them";
      return delayMs === undefined && percentile === undefined
        ? "nothing says when the next request is sent: set delay or percentile"
        : undefined;
    },
  },
  {
    id: "hedge/delay-beyond-total",
    severity: "error",
    purpose: "The delay of a hedge is shorter than the call's timeout.",
    check({ delayMs }, { policy }) {
      const { totalMs, maxMs } = timesOf(policy.timeout);
      const total = Math.min(totalMs ?? Number.POSITIVE_INFINITY, maxMs ?? Number.POSITIVE_INFINITY);
      return delayMs !== undefined && delayMs >= total
        ? `delay (${delayMs} ms) is not below the time of the whole call (${total} ms), so nothing is ever hedged: lower delay`
        : undefined;
    },
  },
  {
    id: "hedge/delay-beyond-attempt",
    severity: "warning",
    purpose: "The delay of a hedge is over before an attempt is cut off.",
    check({ delayMs, keepGoingOn }, { policy }) {
      const { attemptMs } = timesOf(policy.timeout);
      return delayMs !== undefined &&
        attemptMs !== undefined &&
        delayMs >= attemptMs &&
        !keepGoingOn.includes("DEADLINE_EXCEEDED")
        ? `timeout.attempt (${attemptMs} ms) ends the call before delay (${delayMs} ms) is over: lower delay, or name DEADLINE_EXCEEDED in keep_going_on`
        : undefined;
    },
  },
  {
    id: "hedge/final-code",
    severity: "error",
    purpose: "A hedge goes on only after codes that another request can change.",
    check({ keepGoingOn }) {
      const wrong = keepGoingOn.filter((code) => finalCodes.has(code));
      return wrong.length > 0
        ? `another request cannot change ${wrong.join(", ")}: remove it from keep_going_on`
        : undefined;
    },
  },
  {
    id: "hedge/client-stream",
    severity: "error",
    purpose: "A method with a stream of requests is not hedged.",
    whenInherited: () => undefined,
    check: (_, { kind }) =>
      kind === "clientStream" || kind === "bidi"
        ? "what a client stream has sent cannot be sent again: drop hedge here with off: HEDGE"
        : undefined,
  },
  {
    id: "hedge/server-stream",
    severity: "warning",
    purpose: "A stream of replies is hedged only until it begins, which its users should know.",
    check: (_, { kind }) =>
      kind === "serverStream"
        ? "a server stream is hedged only until its response begins, never in the middle"
        : undefined,
  },
];
