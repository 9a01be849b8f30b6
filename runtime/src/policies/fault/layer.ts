import { decided } from "../../core/decision.ts";
import { RpcError } from "../../core/error.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import type { FaultConfig } from "./config.ts";
import { pause } from "./pause.ts";

/** On a client: what is disturbed there looks like the peer's doing to all layers around. */
export const disturbAttempt = (config: FaultConfig, site: Site): Layer | undefined =>
  config.side === "CLIENT" ? disturb(config, site) : undefined;

/** On a server: before the implementation runs. */
export const disturbServing = (config: FaultConfig, site: Site): Layer | undefined =>
  config.side === "SERVER" ? disturb(config, site) : undefined;

/** Delays calls, then aborts them, each by a draw of its own, before anything is sent or run. Source: gRFC A33. */
function disturb({ delay, abort, header, maxActive, side }: FaultConfig, site: Site): Layer | undefined {
  if (!delay && !abort) return undefined;
  const { clock, method, random, shared } = site;
  const delayMs = delay?.ms ?? 0;
  const delayed = chance(delay?.percent, random);
  const aborted = chance(abort?.percent, random);
  const most = maxActive ?? Number.POSITIVE_INFINITY;
  const client = side === "CLIENT";
  // Not a refusal: retries, breaker and fallback must take it for the peer's answer, and a server must pass it on.
  const error =
    abort &&
    refusal(abort.code, `${method.path} was aborted by an injected fault`, { origin: client ? "peer" : undefined });
  const delayDetail = delay && { ms: delay.ms };
  const abortDetail = abort && { code: abort.code };
  const late = () =>
    new RpcError("DEADLINE_EXCEEDED", `${method.path} did not answer in time: an injected fault delayed it`, {
      origin: client ? "transport" : undefined,
    });
  // Of the method: whichever target the calls go to, and whatever policy it had when they began to wait.
  const active = shared(`fault:${method.path}`, () => ({ count: 0 }));

  return (next) => {
    const fail = () => {
      decided("fault", "aborted", method.path, abortDetail);
      return Promise.reject(error);
    };
    return (call) => {
      if ((header !== undefined && !call.metadata.has(header)) || active.count >= most) return next(call);
      const waits = delayed();
      const fails = aborted();
      if (!waits) return fails ? fail() : next(call);
      decided("fault", "delayed", method.path, delayDetail);
      active.count++;
      return pause(delayMs, call, clock, late).then(
        () => {
          active.count--;
          return fails ? fail() : next(call);
        },
        (reason) => {
          active.count--;
          throw reason;
        },
      );
    };
  };
}

/** Draws per million, as gRFC A33 does. */
function chance(percent = 0, random: () => number): () => boolean {
  const perMillion = Math.round(percent * 10_000);
  return perMillion === 0 ? () => false : () => Math.floor(random() * 1_000_000) < perMillion;
}
