import type { Call } from "../../core/call.ts";
import { decided } from "../../core/decision.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { keyOf } from "../../messages/key.ts";
import { type Bucket, Buckets, Gcra } from "./bucket.ts";
import type { RateLimitConfig } from "./config.ts";
import { costOf } from "./cost.ts";
import { Refusals } from "./refuse.ts";

/**
 * Admits a call or refuses it at once; it never queues, because a queue hides overload.
 *
 * With several limits a call takes from all or from none. A shadow limit takes what it has and lets the rest pass.
 */
export function limitRate(configs: readonly RateLimitConfig[], site: Site): Layer | undefined {
  if (configs.length === 0) return undefined;
  const { clock, method } = site;
  const limits = configs.map((config) => open(config, site));
  // Written anew by every call before they are read: nothing waits in between.
  const buckets: Bucket[] = limits.map(({ buckets }) => buckets.only);
  const fullAt = new Float64Array(limits.length);
  const waits = new Float64Array(limits.length);
  const costs = new Float64Array(limits.length);

  return (next) => (call) => {
    const now = clock.now();
    let refused = false;
    for (let n = 0; n < limits.length; n++) {
      const limit = limits[n] as Limit;
      const cost = typeof limit.cost === "number" ? limit.cost : limit.cost(call);
      const bucket = limit.key ? limit.buckets.of(limit.key(call)) : limit.buckets.only;
      const after = limit.gcra.after(bucket, cost, now);
      const wait = cost > limit.burst ? Number.POSITIVE_INFINITY : limit.gcra.wait(after, now);
      buckets[n] = bucket;
      fullAt[n] = after;
      waits[n] = wait;
      costs[n] = cost;
      if (wait > 0) {
        decided("rateLimit", limit.shadow ? "shadow" : "refused", method.path, {
          limit: limit.name,
          cost,
          waitMs: wait,
        });
        if (!limit.shadow) refused = true;
      }
    }
    if (refused) return Promise.reject(refuse(limits, waits, costs));
    for (let n = 0; n < limits.length; n++) {
      if (waits[n] === 0) (buckets[n] as Bucket).fullAt = fullAt[n] as number;
    }
    return next(call);
  };
}

/** One limit of one method, ready to decide. */
interface Limit {
  readonly name: string;
  readonly burst: number;
  readonly shadow: boolean;
  readonly cost: number | ((call: Call) => number);
  readonly key: ((call: Call) => string) | undefined;
  readonly buckets: Buckets;
  readonly gcra: Gcra;
  readonly refusals: Refusals;
}

function open(config: RateLimitConfig, { method, shared }: Site): Limit {
  const { name, perSecond, burst, by, shadow } = config;
  const where = `${method.path}: rate limit "${name}"`;
  if (config.shared) {
    throw new Error(`${where} is shared between replicas, which needs a store that does not exist yet: remove shared`);
  }
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
    burst,
    shadow,
    cost,
    key: keyOf(by, method),
    buckets: own ? new Buckets() : shared(`rate-limit:${service}:${JSON.stringify(config)}`, () => new Buckets()),
    gcra: new Gcra(perSecond, burst),
    refusals: new Refusals(method.path, config),
  };
}

/** The refusal of the limit that takes longest, with the names of the others. */
function refuse(limits: readonly Limit[], waits: Float64Array, costs: Float64Array) {
  const over = [...limits.keys()].filter((n) => (waits[n] as number) > 0 && !limits[n]?.shadow);
  const longest = over.reduce((one, other) => ((waits[other] as number) > (waits[one] as number) ? other : one));
  const { refusals } = limits[longest] as Limit;
  const waitMs = waits[longest] as number;
  if (waitMs === Number.POSITIVE_INFINITY) return refusals.forever(costs[longest] as number);
  const also = over.filter((n) => n !== longest).map((n) => (limits[n] as Limit).refusals);
  return refusals.after(waitMs, also);
}
