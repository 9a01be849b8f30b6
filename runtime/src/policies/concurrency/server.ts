import type { Call } from "../../core/call.ts";
import { type Criticality, criticalityOf, lowerCriticality, withCriticality } from "../../core/criticality.ts";
import { decided } from "../../core/decision.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import type { ConcurrencyConfig } from "./config.ts";
import { Gate, type GateRules } from "./gate.ts";
import { Gradient } from "./gradient.ts";
import { type Saturation, saturationFor, saturationKey, shedsAtMs } from "./loop-delay.ts";
import { placesFor, rankOf } from "./places.ts";
import { type Refusals, refusalsOf } from "./refuse.ts";
import { occupy } from "./stay.ts";
import { wait } from "./wait.ts";

/**
 * Lets in as many calls as the method can bear, those first that matter most, and hands their criticality on.
 *
 * A call is shed when the process is late and the call may be; then it gets a place, or waits for one, or is refused.
 */
export function limitConcurrency(config: ConcurrencyConfig, site: Site): Layer {
  const { method, clock } = site;
  const saturation = site.shared<Saturation>(saturationKey, () => saturationFor(clock));
  const refusals = refusalsOf(method.path, config);
  const admit = admission(config, site, refusals);

  return (next) => {
    const run = admit ? admit(next) : (call: Call) => next(call);
    return (call) => {
      const claimed = criticalityOf(call.metadata);
      const criticality = lowerCriticality(claimed, config.criticality);
      const shedsAt = shedsAtMs[criticality];
      if (shedsAt !== Number.POSITIVE_INFINITY) {
        const delayMs = saturation.delayMs();
        if (delayMs >= shedsAt) {
          decided("concurrency", "shed", method.path, { criticality, delayMs });
          return Promise.reject(refusals.shed);
        }
      }
      // The calls that are made for this one go by its metadata, so it says what holds and not what was claimed.
      const known = criticality === claimed ? call : { ...call, metadata: withCriticality(call.metadata, criticality) };
      return run(known, criticality);
    };
  };
}

type Admit = (next: (call: Call) => Promise<unknown>) => (call: Call, criticality: Criticality) => Promise<unknown>;

/** The limit, if the method has one. */
function admission(config: ConcurrencyConfig, site: Site, refusals: Refusals): Admit | undefined {
  const { method, clock } = site;
  const { max, queue, min = 1 } = config;
  if (max === undefined) return undefined;
  // By its bounds alone: a longer queue is no reason to start low again under full load.
  const gradient =
    config.adaptive === "GRADIENT"
      ? site.shared(`concurrency:${method.path}:${min}:${max}`, () => new Gradient({ min, max }))
      : undefined;
  const highest = rankOf(config.criticality);
  const limit = () => gradient?.limit ?? max;
  const rules: GateRules = { queue, places: (rank) => placesFor(rank, limit(), highest) };
  // One for all configurations that the method has in turn: calls under way count, whatever let them in.
  const gate = site.shared(`concurrency:${method.path}`, () => new Gate(rules));
  const tell = (outcome: string, criticality: Criticality) =>
    decided("concurrency", outcome, method.path, { limit: limit(), inflight: gate.inside, criticality });

  const learn = gradient
    ? (ms: number, running: number) => {
        if (gradient.add(ms, running, clock.now()))
          decided("concurrency", "limit", method.path, { limit: gradient.limit, inflight: gate.inside });
      }
    : undefined;

  return (next) => {
    const stay = (call: Call) => occupy(next, call, gate, clock, learn);
    return (call, criticality) => {
      if (call.cancellation?.reason) return Promise.reject(call.cancellation.reason);
      const rank = rankOf(criticality);
      if (gate.tryEnter(rank, rules)) return stay(call);
      if (!gate.hasRoomFor(rank)) {
        tell("refused", criticality);
        return Promise.reject(refusals.full);
      }
      tell("queued", criticality);
      return wait({ call, criticality, gate, clock, run: stay, refusals, tell });
    };
  };
}
