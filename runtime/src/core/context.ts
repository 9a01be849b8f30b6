import type { Call, Peer, Principal } from "./call.ts";
import { callOf, ResponseMetadata } from "./call.ts";
import { Cancellation } from "./cancellation.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Criticality, criticalities, criticalityHeader, criticalityOf, lowerCriticality } from "./criticality.ts";
import { RpcError } from "./error.ts";
import { Metadata, type MetadataInit } from "./metadata.ts";
import type { MethodSpec } from "./spec.ts";

/**
 * What a caller may say about one call.
 *
 * A server's `CallContext` is a valid value: passing it on (as it is, or `{ ...context, timeoutMs: 200 }`) makes
 * the next call share its deadline and cancellation, and carries trace metadata along.
 */
export interface CallOptions {
  /**
   * How long this caller is willing to wait, in milliseconds. Greater than 0.
   *
   * It can shorten the method's `timeout` policy, never lengthen it. All attempts and the waits between them
   * share it, and the server receives what is left as `grpc-timeout`.
   *
   * Default: the method's policy; without one, no limit. Fails with DEADLINE_EXCEEDED.
   * Source: gRFC A6 (a deadline spans all attempts); gRPC over HTTP/2, "Timeout".
   */
  readonly timeoutMs?: number | undefined;
  /** The same as an instant on the clock that `performance.now()` reads. The earlier of the two counts. */
  readonly deadline?: number | undefined;
  /** Aborting it cancels the call, which then fails with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** Request metadata. Default: none. */
  readonly metadata?: MetadataInit | undefined;
  /** False: send the call once, whatever the policies for retry and hedging say. Default: true. */
  readonly retry?: boolean | undefined;
  /** False: take no reply out of this client's cache. The new reply still goes into it. Default: true. */
  readonly cache?: boolean | undefined;
  /**
   * How much this call matters to servers that must choose. It can lower what the call has already, from the method's
   * policy or the call that it is made for, never raise it. Default: CRITICAL.
   */
  readonly criticality?: Criticality | undefined;
  /** Receives the response headers when they arrive. */
  readonly onHeaders?: ((headers: Metadata) => void) | undefined;
  /** Receives the trailers when the call ends, also when it fails. */
  readonly onTrailers?: ((trailers: Metadata) => void) | undefined;
  /** Set by a server's context: ends this call when that one ends. */
  readonly cancellation?: Cancellation | undefined;
  /** Set by a server's context: its trace metadata travels on. */
  readonly requestMetadata?: Metadata | undefined;
}

/** Request metadata that travels from hop to hop, whoever calls. Source: W3C Trace Context and Baggage; x-request-id by custom. */
const travelling = ["traceparent", "tracestate", "baggage", "x-request-id"] as const;

/** What an implementation knows about the call it serves; also the `options` of the calls it makes. */
export class CallContext implements CallOptions {
  readonly method: MethodSpec;
  /** When the caller stops waiting, less the policy's `reserve`, on the clock of `performance.now()`; Infinity: never. */
  readonly deadline: number;
  /** Fires when nobody waits for the answer any more. `signal` tells the same. */
  readonly cancellation: Cancellation;
  /** What the caller sent. Only trace metadata travels on to the next hop. */
  readonly requestMetadata: Metadata;
  /** Who calls; undefined on a PUBLIC method called without credentials. */
  readonly principal: Principal | undefined;
  readonly peer: Peer;
  /** 1 for the first attempt, as the caller says. */
  readonly attempt: number;
  readonly #response: ResponseMetadata;

  constructor(call: Call) {
    this.method = call.method;
    this.deadline = call.onwardDeadline ?? call.deadline;
    this.cancellation = call.cancellation ?? new Cancellation();
    this.requestMetadata = call.metadata;
    this.principal = call.principal;
    this.peer = call.peer ?? unknownPeer;
    this.attempt = call.attempt;
    this.#response = call.response ?? new ResponseMetadata();
  }

  /** Aborts when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.cancellation.signal;
  }

  /** Response headers. They leave with the first message, so set them before it. */
  get responseHeaders(): Metadata {
    this.#response.headers ??= new Metadata();
    return this.#response.headers;
  }

  /** Trailers. They leave with the status. */
  get responseTrailers(): Metadata {
    this.#response.trailers ??= new Metadata();
    return this.#response.trailers;
  }
}

const unknownPeer: Peer = { address: "unknown" };

/** Options for work that goes on when the call it was started by has ended: trace metadata, no deadline, no cancellation. */
export const detached = (context: CallOptions): CallOptions => ({ requestMetadata: context.requestMetadata });

/** A deadline ten years away is no deadline, but a time of another clock. */
const longestMs = 10 * 365 * 24 * 3_600_000;

/** Makes the call that a client's layers see. */
export function startCall(
  method: MethodSpec,
  request: unknown,
  options: CallOptions | undefined,
  clock: Clock = systemClock,
): Call {
  if (options === undefined) {
    const deadline = Number.POSITIVE_INFINITY;
    return callOf({
      method,
      request,
      metadata: new Metadata(),
      deadline,
      attempt: 1,
      cancellation: undefined,
      retry: true,
      cache: true,
    });
  }
  const { timeoutMs, cancellation } = options;
  // A context's cancellation says it all; reading its signal would make one.
  const signal = options instanceof CallContext ? undefined : options.signal;
  let deadline = options.deadline ?? Number.POSITIVE_INFINITY;
  if (!(deadline - clock.now() < longestMs || deadline === Number.POSITIVE_INFINITY)) {
    throw new TypeError(
      `deadline of ${method.path} is ${deadline}: use timeoutMs, or an instant that performance.now() will read, not Date.now()`,
    );
  }
  if (timeoutMs !== undefined) {
    if (!(typeof timeoutMs === "number" && timeoutMs > 0))
      throw new TypeError(`timeoutMs of ${method.path} is ${timeoutMs}: use milliseconds above 0, or leave it out`);
    deadline = Math.min(deadline, clock.now() + timeoutMs);
  }
  return callOf({
    method,
    request,
    metadata: outgoing(options),
    deadline,
    attempt: 1,
    cancellation: signal ? follow(signal, cancellation) : cancellation,
    retry: options.retry ?? true,
    cache: options.cache ?? true,
    onHeaders: options.onHeaders,
    onTrailers: options.onTrailers,
  });
}

function outgoing({ metadata, requestMetadata, criticality }: CallOptions): Metadata {
  // A copy, because layers add to it and the caller may use the same object for the next call.
  const result = metadata instanceof Metadata ? metadata.clone() : Metadata.from(metadata);
  if (requestMetadata) {
    for (const key of travelling) {
      const value = result.has(key) ? undefined : requestMetadata.get(key);
      if (value !== undefined) result.set(key, value);
    }
  }
  if (criticality && !criticalities.includes(criticality))
    throw new TypeError(`criticality is ${JSON.stringify(criticality)}: use one of ${criticalities.join(", ")}`);
  // It travels too, but falls only: what the caller claims in its own metadata cannot lift what this call is made for.
  const inherited = requestMetadata && criticalityOf(requestMetadata);
  const lowest = lowerCriticality(criticality, lowerCriticality(criticalityOf(result), inherited));
  if (lowest) result.set(criticalityHeader, lowest);
  return result;
}

/** What an aborted signal does to calls: one listener per signal, however many calls share it. */
const followers = new WeakMap<AbortSignal, Cancellation>();

function followed(signal: AbortSignal): Cancellation {
  const known = followers.get(signal);
  if (known) return known;
  const cancellation = new Cancellation();
  followers.set(signal, cancellation);
  const abort = () =>
    cancellation.cancel(new RpcError("CANCELLED", "the caller aborted the call", { cause: signal.reason }));
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return cancellation;
}

/** A cancellation that fires with a signal, and with another cancellation if there is one. */
function follow(signal: AbortSignal, other: Cancellation | undefined): Cancellation {
  const first = followed(signal);
  if (!other) return first;
  const both = new Cancellation();
  const leaves = [first, other].map((one) => one.onCancel((reason) => both.cancel(reason)));
  both.release = () => {
    for (const leave of leaves) leave();
  };
  return both;
}
