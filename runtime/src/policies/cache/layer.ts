import type { Call } from "../../core/call.ts";
import { decided } from "../../core/decision.ts";
import { type Code, RpcError } from "../../core/error.ts";
import type { Handler, Layer } from "../../core/layer.ts";
import { Metadata } from "../../core/metadata.ts";
import type { Site } from "../../core/policy.ts";
import { within } from "../../core/within.ts";
import { copyOf, type KeptReply, repliesOf } from "../../messages/replies.ts";
import { replyKey } from "../../messages/replies-key.ts";
import { holdTrailers, tellTrailers } from "../../messages/replies-trailers.ts";
import { ageTrailer, type CacheConfig, cacheTrailer } from "./config.ts";
import { Flights } from "./flights.ts";

/** Client: answers calls out of the replies of earlier ones. */
export const keepOnClient = (config: CacheConfig, site: Site): Layer | undefined =>
  config.side === "CLIENT" ? keepReplies(config, site) : undefined;

/** Server: the same, for whoever calls. */
export const keepOnServer = (config: CacheConfig, site: Site): Layer | undefined =>
  config.side === "SERVER" ? keepReplies(config, site) : undefined;

/** Failures that say nothing about the request. Source: RFC 5861, "stale-if-error". */
const ofThePeer: ReadonlySet<Code> = new Set<Code>([
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "INTERNAL",
  "UNKNOWN",
  "RESOURCE_EXHAUSTED",
]);

/**
 * Keeps replies as bytes and decodes each time, so no caller can change what another gets; the caller whose call it was gets
 * the message itself. Headers and trailers are not kept.
 */
function keepReplies(config: CacheConfig, site: Site): Layer | undefined {
  const { clock, method, report } = site;
  if (method.kind !== "unary" || method.idempotency !== "NO_SIDE_EFFECTS") return undefined;
  const { path } = method;
  const { ttlMs, coalesce } = config;
  const staleUntil = ttlMs + (config.staleWhileRevalidateMs ?? 0);
  const errorUntil = ttlMs + (config.staleIfErrorMs ?? 0);
  const replies = repliesOf(site, config);
  const keyOf = replyKey(config, site);
  const mark = config.side === "CLIENT" ? markForCaller : markForPeer;

  const keep = (key: string, reply: unknown, askedAt: number): Uint8Array | undefined => {
    try {
      const bytes = method.reply.encode(reply);
      replies.keep(key, bytes, askedAt);
      return bytes;
    } catch {
      // What is no message cannot be kept; whoever sends it on says what is wrong with it.
      return undefined;
    }
  };
  /** The reply as an answer to this call; undefined when it cannot be read. */
  const give = (call: Call, kept: KeptReply, how: "hit" | "stale", ageMs: number): Promise<unknown> | undefined => {
    const copy = copyOf(method.reply, kept.text);
    if (copy === undefined) return undefined;
    const error = mark(call, how, ageMs);
    return error ? Promise.reject(error) : Promise.resolve(copy);
  };

  return (next) => {
    const flights = new Flights(next, site, { keep, mark, refreshMs: refreshMsOf(method.policy) });
    const alone = (call: Call, key: string): Promise<unknown> => {
      const askedAt = clock.now();
      return next(call).then((reply) => {
        keep(key, reply, askedAt);
        return reply;
      });
    };
    const fetch = (call: Call, key: string): Promise<unknown> => {
      if (coalesce) return flights.join(key, call);
      decided("cache", "miss", path);
      return alone(call, key);
    };

    const standIn = (call: Call, key: string, error: unknown, held: ReturnType<typeof holdTrailers> | undefined) => {
      const kept = isOfThePeer(error) && !call.cancellation?.reason ? replies.get(key) : undefined;
      const ageMs = kept ? clock.now() - kept.askedAt : errorUntil;
      const stale = kept && ageMs < errorUntil ? copyOf(method.reply, kept.text) : undefined;
      if (stale === undefined) throw held?.release() ?? error;
      const failed = held
        ? held.release([cacheTrailer, "stale"], [ageTrailer, inSeconds(ageMs)])
        : mark(call, "stale", ageMs);
      if (failed) throw failed;
      const code = error instanceof RpcError ? error.code : "INTERNAL";
      decided("cache", "stale", path, { ageMs, code });
      report?.(error, method);
      return stale;
    };
    const fetchOrStandIn = (call: Call, key: string): Promise<unknown> => {
      if (!call.onTrailers) return fetch(call, key).catch((error) => standIn(call, key, error, undefined));
      const held = holdTrailers(call);
      return fetch(held.call, key).then(
        (reply) => {
          const failed = held.release();
          if (failed) throw failed;
          return reply;
        },
        (error) => standIn(call, key, error, held),
      );
    };
    const miss = errorUntil > ttlMs ? fetchOrStandIn : fetch;

    const answer = (call: Call, key: string | undefined): Promise<unknown> => {
      if (key === undefined) return next(call);
      // What the caller of a client wants is no business of a server's cache.
      if (config.side === "CLIENT" && !call.cache) return alone(call, key);
      const kept = replies.get(key);
      if (kept) {
        const ageMs = clock.now() - kept.askedAt;
        const fresh = ageMs < ttlMs;
        const given = fresh || ageMs < staleUntil ? give(call, kept, fresh ? "hit" : "stale", ageMs) : undefined;
        if (given) {
          if (fresh) decided("cache", "hit", path);
          else {
            decided("cache", "stale", path, { ageMs });
            flights.refresh(key, call);
          }
          return given;
        }
      }
      return miss(call, key);
    };

    return answerer(keyOf, answer, site);
  };
}

/** Waits for the key only where it has to be waited for. */
const answerer =
  (
    keyOf: ReturnType<typeof replyKey>,
    answer: (call: Call, key: string | undefined) => Promise<unknown>,
    { clock }: Site,
  ): Handler =>
  (call) => {
    const key = keyOf(call);
    return typeof key === "object" ? within(key, call, clock).then((got) => answer(call, got)) : answer(call, key);
  };

/** A refusal of auth or of the limits is about this call; what is no RpcError becomes INTERNAL on the way out. */
function isOfThePeer(error: unknown): boolean {
  if (!(error instanceof RpcError)) return true;
  return ofThePeer.has(error.code) && error.refusedBy !== "auth" && error.refusedBy !== "limits";
}

const inSeconds = (ageMs: number): string => String(Math.floor(ageMs / 1000));

function writeMark(trailers: Metadata, how: string, ageMs: number | undefined): Metadata {
  trailers.set(cacheTrailer, how);
  return ageMs === undefined ? trailers : trailers.set(ageTrailer, inSeconds(ageMs));
}

/** Client: by a trailer, for callers who want them. */
const markForCaller = (call: Call, how: string, ageMs?: number): RpcError | undefined =>
  call.onTrailers && tellTrailers(call, writeMark(new Metadata(), how, ageMs));

/** Server: by a trailer of the response. */
function markForPeer({ response }: Call, how: string, ageMs?: number): undefined {
  if (!response) return;
  response.trailers ??= new Metadata();
  writeMark(response.trailers, how, ageMs);
}

/** A refresh has the time that a call of the method would have, or half a minute. */
function refreshMsOf({ timeout }: Site["method"]["policy"]): number {
  const { totalMs, maxMs } = (timeout ?? {}) as { readonly totalMs?: number; readonly maxMs?: number };
  return totalMs ?? maxMs ?? 30_000;
}
