import { serviceBudget } from "../../core/budget.ts";
import type { Call } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import { decided } from "../../core/decision.ts";
import { RpcError } from "../../core/error.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { pushback } from "../../messages/pushback.ts";
import { backoff } from "./backoff.ts";
import type { RetryConfig } from "./config.ts";
import { Trailers } from "./trailers.ts";

/**
 * Sends a failed call again, until its promise settles well: that is gRPC's commit point, so one loop serves unary
 * methods and server streams. What a client stream has sent is gone, so those methods get no layer.
 *
 * The caller always gets the own error of the last attempt that was made. Source: gRFC A6.
 */
export function retryFailures(config: RetryConfig, site: Site): Layer | undefined {
  const { method, clock, random } = site;
  if (method.kind === "clientStream" || method.kind === "bidi") return undefined;
  const budget = serviceBudget(site, config.budget);
  const verdict = judge(config, site);
  const waitBefore = backoff(config);

  return (next) => {
    /**
     * `retry` counts since the backoff began: the peer's own delay starts it anew. `before` is the error of the attempt
     * before.
     */
    const send = (call: Call, retry: number, trailers?: Trailers, before?: unknown): Promise<unknown> => {
      const startedAt = clock.now();
      return next(trailers ? { ...call, onTrailers: trailers.ofNext() } : call).catch((error: unknown) => {
        const told = verdict(error, call, startedAt);
        if (told === "stop") {
          // What this process refuses was no attempt, and its error would say that the peer has seen nothing of the call.
          if (before === undefined || !isRefusal(error, call)) throw error;
          trailers?.dropLast();
          throw before;
        }
        const delay = told ?? waitBefore(retry, random());
        const now = clock.now();
        const again = { ...call, attempt: call.attempt + 1 };
        // An attempt that cannot start in time would only replace this error by a poorer one, later.
        if (delay >= call.deadline - now) throw noted("late", again, error);
        if (!budget.withdraw(now)) throw noted("exhausted", again, error);
        return pause(delay, call, clock).then(() => {
          // Timers can be late.
          if (clock.now() >= call.deadline) throw noted("late", again, error);
          decided("retry", "sent", method.path, { attempt: again.attempt });
          return send(again, told === undefined ? retry + 1 : 0, trailers, error);
        });
      });
    };
    return (call) => {
      budget.deposit(clock.now());
      if (!call.retry) return next(call);
      if (!call.onTrailers) return send(call, 0);
      const trailers = new Trailers(call);
      return send(call, 0, trailers).finally(() => trailers.settle());
    };
  };
}

const isRefusal = (error: unknown, { cancellation }: Call): boolean =>
  error instanceof RpcError && error.refusedBy !== undefined && error !== cancellation?.reason;

/** Says why the attempt is not sent, and returns the error that so is the call's. */
function noted(outcome: string, { method, attempt }: Call, error: unknown): unknown {
  decided("retry", outcome, method.path, { attempt });
  return error;
}

/**
 * Transports hold their timers on other clocks, and those come early by a little; so an attempt counts as cut when it
 * ran for its time less this.
 */
const earlyMs = 5;

/** Whether a failure is worth another attempt: "stop", the peer's delay, or undefined for our own backoff. */
function judge(
  { attempts, on, attemptTimeout }: RetryConfig,
  { method, clock }: Site,
): (error: unknown, call: Call, startedAt: number) => number | "stop" | undefined {
  const codes = new Set(on);
  const attemptMs = attemptTimeout ? attemptMsOf(method.policy.timeout) : undefined;

  return (error, call, startedAt) => {
    if (!(error instanceof RpcError) || error.refusedBy !== undefined || error.committed) return "stop";
    if (call.attempt >= attempts || call.cancellation?.reason) return "stop";
    const cut =
      attemptMs !== undefined && error.code === "DEADLINE_EXCEEDED" && clock.now() - startedAt >= attemptMs - earlyMs;
    if (!cut && !codes.has(error.code)) return "stop";
    const told = pushback(error);
    // Whoever is out of quota stays so for a while; only the peer knows for how long.
    return error.code === "RESOURCE_EXHAUSTED" && told === undefined ? "stop" : told;
  };
}

/** `timeout.attempt` of the same method, if it has one. */
function attemptMsOf(timeout: unknown): number | undefined {
  return (timeout as { readonly attemptMs?: number } | undefined)?.attemptMs;
}

/** Waits, unless the caller gives up first. */
function pause(ms: number, { cancellation }: Call, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = clock.schedule(ms, () => {
      leave?.();
      resolve();
    });
    const leave = cancellation?.onCancel((reason) => {
      stop();
      reject(reason);
    });
  });
}
