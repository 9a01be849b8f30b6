import { decided } from "../../core/decision.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { type Bucket, hold, take } from "./bucket.ts";
import type { RateLimitConfig } from "./config.ts";
import { type Limit, openLimit, refuse } from "./limit.ts";
import { SharedLimits } from "./shared.ts";

/**
 * Admits a call or refuses it at once; it never queues, because a queue hides overload.
 *
 * With several limits a call takes from all or from none. A shadow limit takes what it has and lets the rest pass.
 */
export function limitRate(configs: readonly RateLimitConfig[], site: Site): Layer | undefined {
  if (configs.length === 0) return undefined;
  const { clock, method } = site;
  const opened = configs.map((config) => openLimit(config, site));
  const limits = opened.filter(({ shared }) => !shared);
  const ofAll = opened.filter(({ shared }) => shared);
  const shared = ofAll.length > 0 ? new SharedLimits(ofAll, site) : undefined;
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
      if (waits[n] === 0) take(buckets[n] as Bucket, fullAt[n] as number, now);
    }
    if (!shared) return next(call);
    // Other calls run before the store has answered, so this one takes now and gives back when it is refused.
    const held = limits.flatMap(({ gcra }, n) =>
      waits[n] === 0 ? [hold(buckets[n] as Bucket, gcra.unitMs * (costs[n] as number))] : [],
    );
    const end = (giveBack: boolean) => {
      for (const release of held) release(giveBack);
    };
    return shared.take(call).then(
      (refused) => {
        end(refused !== undefined);
        if (refused === undefined) return next(call);
        throw refused;
      },
      (error) => {
        end(true);
        throw error;
      },
    );
  };
}
