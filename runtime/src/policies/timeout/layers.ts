import { type Call, withDeadline } from "../../core/call.ts";
import { Cancellation } from "../../core/cancellation.ts";
import type { Clock } from "../../core/clock.ts";
import { RpcError } from "../../core/error.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import { isStream } from "../../core/stream.ts";
import { onMessage, supervise } from "../../core/supervise.ts";
import { alarm } from "./alarm.ts";
import { longestCall, type TimeoutConfig } from "./config.ts";

/** Client, outermost: a deadline for the whole call. It is a number; the transport holds the timer. */
export function limitCall(config: TimeoutConfig, { clock }: Site): Layer | undefined {
  const longest = longestCall(config);
  return longest === Number.POSITIVE_INFINITY ? undefined : capDeadline(longest, clock);
}

/** Client, inside retry: the time and the silence of one attempt, which has its own stream. */
export function limitAttempt({ attemptMs, idleMs }: TimeoutConfig, site: Site): Layer | undefined {
  const cap = attemptMs === undefined ? undefined : capDeadline(attemptMs, site.clock);
  const watch = idleMs === undefined || site.method.kind === "unary" ? undefined : watchSilence(idleMs, "client", site);
  if (!cap || !watch) return cap ?? watch;
  return (next) => cap(watch(next));
}

/** Server: no work for callers who have gone, none beyond `max`, and less time for the next hop. */
export function limitServing({ maxMs, idleMs, reserveMs }: TimeoutConfig, site: Site): Layer {
  const { clock, method } = site;
  const max = maxMs ?? Number.POSITIVE_INFINITY;
  const expired = refusal("DEADLINE_EXCEEDED", `${method.path} was called after its deadline`, {
    refusedBy: "timeout",
  });
  const watch = idleMs === undefined || method.kind === "unary" ? undefined : watchSilence(idleMs, "server", site);

  return (next) => {
    const inner = watch ? watch(next) : next;
    return (call) => {
      const now = clock.now();
      if (call.deadline <= now) return Promise.reject(expired);
      const deadline = Math.min(call.deadline, now + max);
      const onwardDeadline =
        reserveMs === undefined || deadline === Number.POSITIVE_INFINITY ? undefined : deadline - reserveMs;
      // The transport knows the caller's deadline and holds its timer; only an earlier one of ours needs another.
      if (deadline === call.deadline) return inner(onwardDeadline === undefined ? call : { ...call, onwardDeadline });
      const cancellation = call.cancellation ?? new Cancellation();
      const stop = alarm(
        clock,
        () => deadline,
        () => cancellation.cancel(new RpcError("DEADLINE_EXCEEDED", `${method.path} took longer than ${max} ms`)),
      );
      return supervise(inner, { ...call, deadline, onwardDeadline, cancellation }, cancellation, stop);
    };
  };
}

function capDeadline(ms: number, clock: Clock): Layer {
  return (next) => (call) => {
    const deadline = clock.now() + ms;
    return next(call.deadline <= deadline ? call : withDeadline(call, deadline));
  };
}

/** Ends a stream in which no message has moved for so long. On a client it ends one attempt, not the call around it. */
function watchSilence(idleMs: number, side: "client" | "server", { clock, method }: Site): Layer {
  const text = `${method.path} had no message for ${idleMs} ms`;
  return (next) => (call) => {
    const shared = side === "server" ? call.cancellation : undefined;
    const cancellation = shared ?? new Cancellation();
    const unfollow = shared ? undefined : call.cancellation?.onCancel((reason) => cancellation.cancel(reason));
    let last = clock.now();
    const moved = () => {
      last = clock.now();
    };
    const stop = alarm(
      clock,
      () => last + idleMs,
      () => cancellation.cancel(new RpcError("DEADLINE_EXCEEDED", text)),
    );
    const over = () => {
      unfollow?.();
      stop();
    };
    return supervise(watched(next, moved), { ...call, cancellation }, cancellation, over);
  };
}

/** Notices the messages of both directions. */
const watched =
  (next: (call: Call) => Promise<unknown>, moved: () => void) =>
  (call: Call): Promise<unknown> =>
    next(isStream(call.request) ? { ...call, request: onMessage(call.request, moved) } : call).then((reply) =>
      isStream(reply) ? onMessage(reply, moved) : reply,
    );
