import type { Call } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import { RpcError } from "../../core/error.ts";
import type { Handler } from "../../core/layer.ts";
import { whenOver } from "../../core/stream.ts";
import type { Gate } from "./gate.ts";

/** Told how long a call took whose time says something, and how many ran when it began, itself included. */
export type Learn = (ms: number, running: number) => void;

/**
 * Runs a call that has a place, and gives the place back once, when the call ends in whichever way: answered, failed,
 * its stream read to the end or left, or cancelled. Work that goes on after that is nobody's call any more.
 *
 * Of failures only a deadline says something about latency: other calls may fail fast because something is broken, and
 * hanging up says how patient callers are.
 */
export function occupy(next: Handler, call: Call, gate: Gate, clock: Clock, learn?: Learn): Promise<unknown> {
  const running = gate.inside;
  const startedAt = learn ? clock.now() : 0;
  let inside = true;
  let unfollow: (() => void) | undefined;
  const over = (error?: unknown) => {
    if (!inside) return;
    inside = false;
    unfollow?.();
    if (learn && (error === undefined || isLate(error))) learn(clock.now() - startedAt, running);
    gate.leave();
  };
  unfollow = call.cancellation?.onCancel(over);
  try {
    return whenOver(next(call), over);
  } catch (error) {
    over(error);
    return Promise.reject(error);
  }
}

const isLate = (error: unknown): boolean =>
  error instanceof RpcError && error.code === "DEADLINE_EXCEEDED" && error.refusedBy === undefined;
