// The same jobs done by well-known libraries, as one writes them by hand around a call.
import {
  bulkhead,
  circuitBreaker,
  ExponentialBackoff,
  fallback,
  handleAll,
  retry,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
} from "cockatiel";
import Opossum from "opossum";
import { RateLimiterMemory } from "rate-limiter-flexible";
import type { Call } from "../../runtime/src/core/call.ts";
import type { Handler } from "../../runtime/src/core/layer.ts";

/** A library's way to do what one of the layers does. */
export interface PeerRow {
  readonly name: string;
  readonly wrap: (inner: Handler) => Handler;
  readonly refuses?: true;
}

const cockatiel = (
  job: string,
  make: () => { execute(run: () => Promise<unknown>): Promise<unknown> },
  refuses?: true,
): PeerRow => ({
  name: `cockatiel, ${job}`,
  wrap: (inner) => {
    const policy = make();
    return (call) => policy.execute(() => inner(call));
  },
  ...(refuses && { refuses }),
});

const breaker = () =>
  circuitBreaker(handleAll, {
    halfOpenAfter: 5_000,
    breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 }),
  });

/** A breaker that stays open. */
const isolated = () => {
  const open = breaker();
  open.isolate();
  return open;
};

const opossum = (open: boolean): PeerRow["wrap"] => {
  return (inner) => {
    const one = new Opossum((call: Call) => inner(call), { timeout: false, resetTimeout: 2 ** 30 });
    // Its statistics are on a timer, which must not keep the bench alive.
    process.once("beforeExit", () => one.shutdown());
    if (open) one.open();
    return (call) => one.fire(call);
  };
};

const limiter = (points: number): PeerRow["wrap"] => {
  return (inner) => {
    const limit = new RateLimiterMemory({ points, duration: 1 });
    const key = ({ principal }: Call) => principal?.subject ?? "nobody";
    return (call) => limit.consume(key(call)).then(() => inner(call));
  };
};

/** What they offer of what the layers do. */
export const peers: readonly PeerRow[] = [
  cockatiel("retry", () => retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() })),
  cockatiel("timeout", () => timeout(15_000, TimeoutStrategy.Cooperative)),
  cockatiel("circuit breaker", breaker),
  cockatiel("bulkhead", () => bulkhead(1_000, 100)),
  cockatiel("fallback", () => fallback(handleAll, {})),
  { name: "opossum, circuit breaker", wrap: opossum(false) },
  { name: "rate-limiter-flexible, in memory", wrap: limiter(2 ** 31) },
  cockatiel("refused by an open circuit breaker", isolated, true),
  { name: "opossum, refused by an open circuit breaker", wrap: opossum(true), refuses: true },
  { name: "rate-limiter-flexible, refused", wrap: limiter(1), refuses: true },
];
