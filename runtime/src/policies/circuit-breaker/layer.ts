import { decided } from "../../core/decision.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import { isStream, onEnd } from "../../core/stream.ts";
import { Breaker } from "./breaker.ts";
import type { CircuitBreakerConfig } from "./config.ts";
import type { Gate, Tell } from "./gate.ts";
import { outcomeBy } from "./outcome.ts";
import { Throttle } from "./throttle.ts";

/**
 * Refuses calls to a method of a target that keeps failing. Stands inside retry, so it sees each attempt; a refusal ends
 * the retries. A stream counts when it begins, and once more should it fail later.
 *
 * The state belongs to the client, so it outlives a change of the policy, also one that forces it open or closed.
 */
export function breakCircuit(config: CircuitBreakerConfig, site: Site): Layer {
  const { force, ...lasting } = config;
  const { clock, method, random, shared, target } = site;
  // It names no target: a server may pass it on to its own callers.
  const refused = refusal("UNAVAILABLE", `${method.path} is not called now: ${why(config)}`, {
    refusedBy: "circuitBreaker",
  });
  const refuse = () => {
    decided("circuitBreaker", "refused", method.path);
    return Promise.reject(refused);
  };
  const tell: Tell = (outcome, detail) => decided("circuitBreaker", outcome, method.path, detail);
  const gate = shared(
    `breaker:${method.path}:${target}:${JSON.stringify(lasting)}`,
    (): Gate => (config.adaptive ? new Throttle(config, random) : new Breaker(config, random, tell)),
  );
  if (force === "OPEN") return () => refuse;
  const forced = force === "CLOSED";
  const outcomeOf = outcomeBy(config.on);

  return (next) => (call) => {
    const ticket = gate.admit(clock.now(), forced);
    if (ticket === undefined) return forced ? next(call) : refuse();
    return next(call).then(
      (reply) => {
        const now = clock.now();
        if (!gate.settle(ticket, "answer", now) || !isStream(reply)) return reply;
        return onEnd(reply, (error) => {
          if (error !== undefined && outcomeOf(error, call) === "failure") gate.revoke(ticket, now, clock.now());
        });
      },
      (error) => {
        gate.settle(ticket, outcomeOf(error, call), clock.now());
        throw error;
      },
    );
  };
}

function why({ force, adaptive }: CircuitBreakerConfig): string {
  if (force === "OPEN") return "a run-time configuration has opened its circuit breaker";
  if (adaptive) return "too many of its last calls failed, so its circuit breaker lets only a part of them through";
  return "too many of its last calls failed, so its circuit breaker is open; it tries again by itself";
}
