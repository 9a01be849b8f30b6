import type { RetryConfig } from "./config.ts";

type Spread = (waitMs: number, random: number) => number;

const spreads: { readonly [Jitter in RetryConfig["jitter"]]: Spread } = {
  PROPORTIONAL: (wait, random) => wait * (0.8 + 0.4 * random),
  FULL: (wait, random) => wait * random,
  EQUAL: (wait, random) => (wait / 2) * (1 + random),
  NONE: (wait) => wait,
};

/**
 * The wait in milliseconds before a retry, counted from 0 since the backoff began:
 * `min(initial * multiplier ^ retry, max)`, spread so that callers do not come back all at once.
 *
 * `max` bounds the wait before it is spread, the first wait included, as grpc-go does. Source: gRFC A6,
 * "Exponential Backoff"; FULL and EQUAL: AWS, "Exponential Backoff And Jitter".
 */
export function backoff({
  initialMs,
  maxMs,
  multiplier,
  jitter,
}: RetryConfig): (retry: number, random: number) => number {
  const spread = spreads[jitter];
  return (retry, random) => spread(Math.min(initialMs * multiplier ** retry, maxMs), random);
}
