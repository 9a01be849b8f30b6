import { backoff, longestCall, type MethodPolicy } from "@protomesh/runtime/policies";
import type { MethodContract } from "../contract/contract.ts";

/** How long a call of a method can take, and how often it is sent, as a client of this product makes it. Milliseconds. */
export interface WorstCase {
  readonly sends: "once" | "retries" | "hedges";
  /** The first one included; so many times the load of its callers reaches a service at worst. */
  readonly attempts: readonly Attempt[];
  /** When the client gives up. Infinity: never. */
  readonly deadlineMs: number;
  /** When whatever still runs is cut: the deadline, or before it where the end of one hedged request ends the call. */
  readonly overMs: number;
  /** When the call is over at the latest, the spread of waits included. Infinity: not bounded. */
  readonly longestMs: number;
  /** The longest silence of a stream. */
  readonly idleMs: number | undefined;
  /** False: an attempt has no time of its own, so it may take all that is left. Each is then drawn as if others failed at once. */
  readonly bounded: boolean;
  /** The percentile of measured latencies after which the next request is sent: when that is, nobody knows before. */
  readonly percentile: number | undefined;
}

/** One attempt of a call, had the ones before it taken all their time. */
export interface Attempt {
  readonly wait: Wait | undefined;
  readonly startMs: number;
  /** Infinity: not bounded. */
  readonly endMs: number;
  /** `cut`: it begins, and the deadline ends it. `late`: it is never sent. */
  readonly fits: "whole" | "cut" | "late";
}

/** What passes before an attempt is sent. */
export interface Wait {
  /** Before it is spread. */
  readonly ms: number;
  readonly lowestMs: number;
  readonly highestMs: number;
}

type Described = Pick<MethodContract, "kind"> & { readonly policy: MethodPolicy };

/** The worst case of a method. Waits are those of the runtime's own backoff; a peer may ask for others by its pushback. */
export function worstCase({ kind, policy }: Described): WorstCase {
  const { timeout = {}, retry, hedge } = policy;
  const repeatable = kind === "unary" || kind === "serverStream";
  const deadlineMs = longestCall(timeout);
  const attemptMs = timeout.attemptMs ?? Number.POSITIVE_INFINITY;
  const idleMs = kind === "unary" ? undefined : timeout.idleMs;
  const common = { deadlineMs, overMs: deadlineMs, idleMs, bounded: attemptMs !== Number.POSITIVE_INFINITY };

  if (retry && repeatable) {
    const waits = waitsOf(retry);
    const attempts = inTurn(waits, attemptMs, deadlineMs);
    const spread = waits.reduce((sum, { highestMs }) => sum + highestMs, 0);
    const longestMs = Math.min(deadlineMs, (waits.length + 1) * attemptMs + spread);
    return { ...common, sends: "retries", attempts, longestMs, percentile: undefined };
  }
  if (hedge && repeatable) {
    const goesOn = hedge.keepGoingOn.includes("DEADLINE_EXCEEDED");
    const delayMs = hedge.delayMs ?? 0;
    // An attempt that is cut ends the call, unless that is a reason to send the next at once.
    const overMs = goesOn ? deadlineMs : Math.min(deadlineMs, attemptMs);
    const stepMs = goesOn ? Math.min(delayMs, attemptMs) : delayMs;
    const attempts = sideBySide(hedge.attempts, stepMs, attemptMs, overMs);
    // With a measured delay, the last request may be sent just before the end.
    const lastMs = hedge.delayMs === undefined ? Number.POSITIVE_INFINITY : (hedge.attempts - 1) * stepMs + attemptMs;
    const longestMs = Math.min(overMs, lastMs);
    return { ...common, sends: "hedges", attempts, overMs, longestMs, percentile: hedge.percentile };
  }
  const longestMs = Math.min(deadlineMs, attemptMs);
  return { ...common, sends: "once", attempts: inTurn([], attemptMs, deadlineMs), longestMs, percentile: undefined };
}

/** The waits between the attempts, one less than there are attempts. */
function waitsOf(retry: NonNullable<MethodPolicy["retry"]>): Wait[] {
  const spread = backoff(retry);
  const before = backoff({ ...retry, jitter: "NONE" });
  return Array.from({ length: retry.attempts - 1 }, (_, n) => ({
    ms: before(n, 0),
    lowestMs: spread(n, 0),
    highestMs: spread(n, 1),
  }));
}

/** Attempts one after the other. Those without a time of their own are placed as if the ones before failed at once. */
function inTurn(waits: readonly Wait[], attemptMs: number, deadlineMs: number): Attempt[] {
  const attempts: Attempt[] = [];
  let before = 0;
  let over = false;
  for (const wait of [undefined, ...waits]) {
    const startMs = before + (wait?.ms ?? 0);
    const endMs = attemptMs === Number.POSITIVE_INFINITY ? deadlineMs : startMs + attemptMs;
    // The client does not send what could not start in time.
    over ||= wait !== undefined && startMs >= deadlineMs;
    const fits: Attempt["fits"] = over ? "late" : endMs > deadlineMs ? "cut" : "whole";
    attempts.push({ wait, startMs, endMs: Math.max(startMs, endMs), fits });
    before = attemptMs === Number.POSITIVE_INFINITY ? startMs : endMs;
  }
  return attempts;
}

/** Requests that do not wait for each other's end. */
function sideBySide(count: number, stepMs: number, attemptMs: number, overMs: number): Attempt[] {
  return Array.from({ length: count }, (_, n): Attempt => {
    const startMs = n * stepMs;
    const endMs = attemptMs === Number.POSITIVE_INFINITY ? overMs : startMs + attemptMs;
    const wait = n === 0 ? undefined : { ms: stepMs, lowestMs: stepMs, highestMs: stepMs };
    if (n > 0 && startMs >= overMs) return { wait, startMs, endMs: Math.max(startMs, endMs), fits: "late" };
    return { wait, startMs, endMs, fits: endMs > overMs ? "cut" : "whole" };
  });
}
