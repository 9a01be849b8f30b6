import type { Call } from "../../core/call.ts";
import type { RpcError } from "../../core/error.ts";
import type { Site } from "../../core/policy.ts";
import { keyOf } from "../../messages/key.ts";
import { Buckets, Gcra } from "./bucket.ts";
import type { RateLimitConfig } from "./config.ts";
import { costOf } from "./cost.ts";
import { Refusals } from "./refuse.ts";

/** One limit of one method, ready to decide. */
export interface Limit {
  readonly name: string;
  readonly perSecond: number;
  readonly burst: number;
  readonly shadow: boolean;
  /** All replicas together. */
  readonly shared: boolean;
  readonly failClosed: boolean;
  /** Not shared with the other methods of the service. */
  readonly own: boolean;
  readonly cost: number | ((call: Call) => number);
  readonly key: ((call: Call) => string) | undefined;
  readonly buckets: Buckets;
  readonly gcra: Gcra;
  readonly refusals: Refusals;
}

/** Throws when the method cannot have such a limit. */
export function openLimit(config: RateLimitConfig, { method, shared }: Site): Limit {
  const { name, perSecond, burst, by, shadow } = config;
  const where = `${method.path}: rate limit "${name}"`;
  const streams = method.kind === "clientStream" || method.kind === "bidi";
  if (streams && [...by, config.cost].some((text) => text.startsWith("field:"))) {
    throw new Error(`${where} reads a request field, but the method has a stream of requests: use another key or cost`);
  }
  const cost = costOf(config.cost, method);
  if (typeof cost === "number" && cost > burst) {
    throw new Error(`${where} costs ${cost} per call and holds ${burst}, so it admits nothing: raise burst`);
  }
  // With the method among its keys, a limit of the service is one for each method.
  const service = method.path.slice(0, method.path.lastIndexOf("/"));
  const own = config.scope === "method" || by.includes("method");
  return {
    name,
    perSecond,
    burst,
    shadow,
    shared: config.shared,
    failClosed: config.failClosed,
    own,
    cost,
    key: keyOf(by, method),
    buckets: shared(`rate-limit:${own ? method.path : service}:${JSON.stringify(config)}`, () => new Buckets()),
    gcra: new Gcra(perSecond, burst),
    refusals: new Refusals(method.path, config),
  };
}

/** The refusal of the limit that takes longest, with the names of the others. */
export function refuse(limits: readonly Limit[], waits: ArrayLike<number>, costs: ArrayLike<number>): RpcError {
  const over = [...limits.keys()].filter((n) => (waits[n] as number) > 0 && !limits[n]?.shadow);
  const longest = over.reduce((one, other) => ((waits[other] as number) > (waits[one] as number) ? other : one));
  const { refusals } = limits[longest] as Limit;
  const waitMs = waits[longest] as number;
  if (waitMs === Number.POSITIVE_INFINITY) return refusals.forever(costs[longest] as number);
  const also = over.filter((n) => n !== longest).map((n) => (limits[n] as Limit).refusals);
  return refusals.after(waitMs, also);
}
