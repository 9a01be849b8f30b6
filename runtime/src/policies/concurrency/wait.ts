import type { Call } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import type { Criticality } from "../../core/criticality.ts";
import type { Handler } from "../../core/layer.ts";
import type { Gate, Guest } from "./gate.ts";
import { rankOf } from "./places.ts";
import type { Refusals } from "./refuse.ts";

/** A call for which there is no place now. */
export interface Waits {
  readonly call: Call;
  readonly criticality: Criticality;
  readonly gate: Gate;
  readonly clock: Clock;
  /** Runs it once it has a place. */
  readonly run: Handler;
  readonly refusals: Refusals;
  /** Says what became of it. */
  readonly tell: (outcome: string, criticality: Criticality) => void;
}

/**
 * Waits for a place and runs. Only when the queue has room.
 *
 * The call leaves the queue when it is cancelled, which transports also do at its deadline; one that nobody can cancel
 * gets a timer of its own. And whatever a layer has done to the deadline, nothing runs after it.
 */
export function wait({ call, criticality, gate, clock, run, refusals, tell }: Waits): Promise<unknown> {
  const { cancellation, deadline } = call;
  let settle: { resolve(reply: Promise<unknown>): void; reject(reason: unknown): void } | undefined;
  let unfollow: (() => void) | undefined;
  const guest: Guest = {
    rank: rankOf(criticality),
    enter() {
      unfollow?.();
      if (deadline > clock.now()) {
        settle?.resolve(run(call));
        return;
      }
      settle?.reject(refusals.late);
      tell("expired", criticality);
      gate.leave();
    },
    evicted() {
      unfollow?.();
      settle?.reject(refusals.evicted);
      tell("evicted", criticality);
    },
  };
  const promise = new Promise<unknown>((resolve, reject) => {
    settle = { resolve, reject };
  });
  gate.wait(guest);
  const giveUp = (reason: unknown) => {
    gate.giveUp(guest);
    settle?.reject(reason);
    tell("expired", criticality);
  };
  if (cancellation) unfollow = cancellation.onCancel(giveUp);
  else if (deadline < Number.POSITIVE_INFINITY)
    unfollow = clock.schedule(deadline - clock.now(), () => giveUp(refusals.late));
  return promise;
}
