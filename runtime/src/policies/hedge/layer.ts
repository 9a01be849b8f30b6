import { serviceBudget } from "../../core/budget.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import type { HedgeConfig } from "./config.ts";
import { HedgedCall, type Hedging } from "./hedged-call.ts";
import { Latencies } from "./latencies.ts";

/**
 * Sends another attempt while the ones before are still under way, and cancels all but the first that answers. What a
 * client stream has sent is gone, so those methods get no layer.
 */
export function hedgeCalls(config: HedgeConfig, site: Site): Layer | undefined {
  const { attempts, delayMs, percentile } = config;
  const { method, clock } = site;
  if (method.kind === "clientStream" || method.kind === "bidi") return undefined;
  const budget = serviceBudget(site, config.budget);
  const latencies =
    delayMs !== undefined || percentile === undefined
      ? undefined
      : site.shared(`hedge-latencies:${method.path}:${site.target}:${percentile}`, () => new Latencies(percentile));
  const keepGoingOn = new Set(config.keepGoingOn);
  const lost = refusal("CANCELLED", `another attempt of ${method.path} was answered first`);

  return (next) => {
    const hedging: Hedging = { next, clock, attempts, keepGoingOn, budget, delayMs, latencies, lost };
    return (call) => {
      budget.deposit(clock.now());
      if (!call.retry || call.cancellation?.reason) return next(call);
      return new Promise((resolve, reject) => new HedgedCall(hedging, call, resolve, reject).start());
    };
  };
}
