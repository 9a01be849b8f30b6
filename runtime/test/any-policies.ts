import fc from "fast-check";
import type { FaultConfig } from "../src/policies/fault.ts";
import type { MethodPolicy } from "../src/policies/index.ts";
import type { Traffic } from "../src/traffic.ts";

const budget = { ratio: 1, floorPerSecond: 1000, windowMs: 10_000 };
const retry = {
  attempts: 4,
  on: ["UNAVAILABLE"],
  initialMs: 20,
  maxMs: 200,
  multiplier: 2,
  jitter: "FULL",
  attemptTimeout: false,
  budget,
} as const;
const breaker = {
  adaptive: false,
  ratio: 0.5,
  minCalls: 4,
  windowMs: 1000,
  openMs: 100,
  probes: 2,
  on: ["UNAVAILABLE", "DEADLINE_EXCEEDED"],
  force: "NONE",
} as const;
const fixed = { max: 2, queue: 2, adaptive: "FIXED", criticality: "CRITICAL" } as const;
const cache = {
  ttlMs: 50,
  staleWhileRevalidateMs: 50,
  staleIfErrorMs: 100,
  vary: [],
  coalesce: true,
  side: "CLIENT",
  maxBytes: 1000,
} as const;

/** All kinds of policy that say what becomes of a call. */
type Parts = MethodPolicy & Traffic & { readonly fault?: FaultConfig };
/** Some of them. */
export type Choice = { readonly [kind in keyof Parts]: Parts[kind] | undefined };

const maybe = <T>(...values: T[]) => fc.constantFrom<T | undefined>(undefined, ...values);
/** Any policies together, as short-lived as a test with a fake clock wants them. */
export const anyPolicies: fc.Arbitrary<Choice> = fc
  .record({
    timeout: maybe<MethodPolicy["timeout"]>(
      { totalMs: 300 },
      { totalMs: 500, attemptMs: 60 },
      { maxMs: 150, idleMs: 50, reserveMs: 10 },
    ),
    again: maybe<Parts>(
      { retry },
      { retry },
      {
        retry: { ...retry, attemptTimeout: true, jitter: "NONE", budget: { ...budget, ratio: 0.1, floorPerSecond: 0 } },
      },
      { hedge: { attempts: 3, delayMs: 30, keepGoingOn: ["UNAVAILABLE"], budget } },
      { hedge: { attempts: 3, percentile: 50, keepGoingOn: ["UNAVAILABLE", "DEADLINE_EXCEEDED"], budget } },
    ),
    circuitBreaker: maybe<MethodPolicy["circuitBreaker"] | undefined>(
      undefined,
      undefined,
      undefined,
      breaker,
      { ...breaker, slowMs: 40 },
      { ...breaker, adaptive: true },
      { ...breaker, adaptive: true, slowMs: 40 },
      { ...breaker, force: "OPEN" },
      { ...breaker, force: "CLOSED" },
    ),
    concurrency: maybe<MethodPolicy["concurrency"]>(
      fixed,
      { ...fixed, max: 1, queue: 0, criticality: "SHEDDABLE" },
      { ...fixed, min: 1, max: 3, adaptive: "GRADIENT", criticality: "CRITICAL_PLUS" },
    ),
    fault: maybe<FaultConfig | undefined>(
      undefined,
      { side: "CLIENT", delay: { ms: 40, percent: 50 }, abort: { code: "UNAVAILABLE", percent: 30 } },
      { side: "SERVER", delay: { ms: 40, percent: 100 }, maxActive: 1 },
    ),
    limits: maybe<MethodPolicy["limits"]>({ messages: 2 }),
    // Seldom, because what runs for nobody in particular hides what is left behind by mistake.
    cached: maybe<Parts>(
      {},
      {},
      { cache },
      { cache: { ...cache, coalesce: false }, fallback: { on: ["UNAVAILABLE"], stale: true } },
    ),
    split: maybe<Traffic["split"]>({
      targets: [
        { target: "a", weight: 1 },
        { target: "b", weight: 3 },
      ],
      header: "x-to",
    }),
    mirror: maybe<Traffic["mirror"] | undefined>(undefined, undefined, {
      target: "b",
      percent: 50,
      maxActive: 2,
      allowSideEffects: true,
    }),
  })
  .map(({ again, cached, ...rest }) => ({ ...rest, ...again, ...cached }));
