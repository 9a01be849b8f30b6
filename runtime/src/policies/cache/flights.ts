import type { Call } from "../../core/call.ts";
import { Cancellation } from "../../core/cancellation.ts";
import { decided } from "../../core/decision.ts";
import { RpcError } from "../../core/error.ts";
import type { Handler } from "../../core/layer.ts";
import { Metadata } from "../../core/metadata.ts";
import type { Site } from "../../core/policy.ts";
import type { MethodSpec } from "../../core/spec.ts";
import { copyOf } from "../../messages/replies.ts";
import { tellTrailers } from "../../messages/replies-trailers.ts";

/** What flights do with replies. */
export interface FlightOptions {
  /** Keeps a reply; returns its bytes, or undefined when it has none. */
  readonly keep: (key: string, reply: unknown, askedAt: number) => Uint8Array | undefined;
  /** Marks the reply of a call that is not the call's own. Returns what the call fails with when that goes wrong. */
  readonly mark: (call: Call, how: "coalesced") => RpcError | undefined;
  /** How long a refresh in the background may take. */
  readonly refreshMs: number;
}

/** A caller who waits for a shared call. */
interface Waiter {
  readonly call: Call;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
  flight: Flight;
  unfollow: (() => void) | undefined;
  stop: (() => void) | undefined;
}

/** A call that several wait for. */
interface Flight {
  readonly key: string;
  readonly deadline: number;
  readonly cancellation: Cancellation;
  readonly waiters: Set<Waiter>;
  /** Whose request it is, while that one waits; headers and trailers are for nobody else. */
  owner: Waiter | undefined;
  /** Set for a refresh: ends its timer. Such a flight goes on when nobody waits. */
  stop?: (() => void) | undefined;
  over: boolean;
}

/**
 * Calls for the same that share one call below.
 *
 * The shared call belongs to none of its callers: each obeys its own deadline and cancellation, and only when the last has
 * left, the shared call ends. Those who still have time when the shared call has run out of its own start anew together.
 */
export class Flights {
  readonly #next: Handler;
  readonly #site: Site;
  readonly #options: FlightOptions;
  readonly #flying = new Map<string, Flight>();

  constructor(next: Handler, site: Site, options: FlightOptions) {
    this.#next = next;
    this.#site = site;
    this.#options = options;
  }

  /** The reply of the call for this key that is under way, or of this call. */
  join(key: string, call: Call): Promise<unknown> {
    const { path } = this.#site.method;
    const reason = call.cancellation?.reason;
    if (reason) return Promise.reject(reason);
    return new Promise((resolve, reject) => {
      const known = this.#flying.get(key);
      const flight = known ?? this.#prepare(key, call.deadline);
      const waiter: Waiter = { call, resolve, reject, flight, unfollow: undefined, stop: undefined };
      waiter.unfollow = call.cancellation?.onCancel((reason) => this.#leave(waiter, reason));
      decided("cache", known ? "coalesced" : "miss", path);
      this.#board(flight, waiter);
      if (!known) this.#start(flight, waiter);
    });
  }

  /** Fetches a new reply for nobody in particular, unless that is under way. */
  refresh(key: string, call: Call): void {
    if (this.#flying.has(key)) return;
    const { clock, method } = this.#site;
    // A copy, because the caller has its reply before attempts read this, and may use the message for another call.
    const request = requestOf(call, method);
    if (request === undefined) return;
    const { refreshMs } = this.#options;
    const flight = this.#prepare(key, clock.now() + refreshMs);
    flight.stop = clock.schedule(refreshMs, () => {
      const late = new RpcError("DEADLINE_EXCEEDED", `${method.path} did not answer in time`);
      this.#failed(flight, late);
      flight.cancellation.cancel(late);
    });
    const alone = { onHeaders: undefined, onTrailers: undefined, response: undefined, onwardDeadline: undefined };
    this.#send(flight, { ...call, ...alone, request });
  }

  #prepare(key: string, deadline: number): Flight {
    const cancellation = new Cancellation();
    const flight: Flight = { key, deadline, cancellation, waiters: new Set(), owner: undefined, over: false };
    this.#flying.set(key, flight);
    return flight;
  }

  #board(flight: Flight, waiter: Waiter): void {
    const { clock, method } = this.#site;
    const { deadline } = waiter.call;
    flight.waiters.add(waiter);
    waiter.flight = flight;
    // Nobody below knows of a deadline that is earlier than the shared call's.
    if (deadline >= flight.deadline) return;
    waiter.stop = clock.schedule(deadline - clock.now(), () =>
      this.#leave(waiter, new RpcError("DEADLINE_EXCEEDED", `${method.path} did not answer in time`)),
    );
  }

  /** Sends an owner's call, which hears of headers and trailers as long as it waits. */
  #start(flight: Flight, owner: Waiter): void {
    flight.owner = owner;
    const { onHeaders, onTrailers } = owner.call;
    const guarded = (listener: ((metadata: Metadata) => void) | undefined) =>
      listener && ((metadata: Metadata) => this.#tellOwner(flight, listener, metadata));
    this.#send(flight, { ...owner.call, onHeaders: guarded(onHeaders), onTrailers: guarded(onTrailers) });
  }

  #send(flight: Flight, call: Call): void {
    const { cancellation, deadline } = flight;
    const askedAt = this.#site.clock.now();
    this.#next({ ...call, cancellation, deadline }).then(
      (reply) => this.#landed(flight, reply, askedAt),
      (error) => this.#failed(flight, error),
    );
  }

  /** A callback that throws ends its own call, not that of the others. */
  #tellOwner(flight: Flight, listener: (metadata: Metadata) => void, metadata: Metadata): void {
    const { owner } = flight;
    if (!owner) return;
    const error = tellTrailers({ ...owner.call, onTrailers: listener }, metadata);
    if (error) this.#leave(owner, error, "told");
  }

  #leave(waiter: Waiter, error: RpcError, told?: "told"): void {
    const { flight } = waiter;
    flight.waiters.delete(waiter);
    if (flight.owner === waiter) flight.owner = undefined;
    settle(waiter);
    const thrown = told ? undefined : tellTrailers(waiter.call, new Metadata());
    waiter.reject(thrown ?? error);
    if (flight.waiters.size > 0 || flight.stop || flight.over) return;
    this.#end(flight);
    flight.cancellation.cancel(error);
  }

  /** Nobody can join it any more, and what still comes of it has no reader. */
  #end(flight: Flight): void {
    flight.over = true;
    flight.stop?.();
    if (this.#flying.get(flight.key) === flight) this.#flying.delete(flight.key);
  }

  #landed(flight: Flight, reply: unknown, askedAt: number): void {
    if (flight.over) return;
    this.#end(flight);
    const { method } = this.#site;
    const bytes = this.#options.keep(flight.key, reply, askedAt);
    if (flight.stop) decided("cache", "revalidated", method.path);
    for (const waiter of flight.waiters) {
      settle(waiter);
      const copy = waiter === flight.owner ? reply : bytes && copyOf(method.reply, bytes);
      // What cannot be copied cannot be shared.
      if (copy === undefined) this.#next(waiter.call).then(waiter.resolve, waiter.reject);
      else {
        const error = waiter === flight.owner ? undefined : this.#options.mark(waiter.call, "coalesced");
        if (error) waiter.reject(error);
        else waiter.resolve(copy);
      }
    }
  }

  #failed(flight: Flight, error: unknown): void {
    if (flight.over) return;
    this.#end(flight);
    const { method, report } = this.#site;
    const late = error instanceof RpcError && error.code === "DEADLINE_EXCEEDED";
    if (flight.stop) {
      decided("cache", "not-revalidated", method.path, { code: error instanceof RpcError ? error.code : "INTERNAL" });
      report?.(error, method);
    }
    const again: Waiter[] = [];
    for (const waiter of flight.waiters) {
      if (late && waiter.call.deadline > flight.deadline) again.push(waiter);
      else {
        settle(waiter);
        const thrown = waiter === flight.owner ? undefined : tellTrailers(waiter.call, trailersOf(error));
        waiter.reject(thrown ?? error);
      }
    }
    // A callback that was just told may have cancelled another caller.
    const [first, ...others] = again.filter((waiter) => flight.waiters.has(waiter));
    if (!first) return;
    const owner = others.reduce((one, other) => (other.call.deadline > one.call.deadline ? other : one), first);
    const next = this.#prepare(flight.key, owner.call.deadline);
    for (const waiter of [first, ...others]) this.#board(next, waiter);
    this.#start(next, owner);
  }
}

/** Lets go of what a waiter holds. */
function settle(waiter: Waiter): void {
  waiter.unfollow?.();
  waiter.stop?.();
}

const trailersOf = (error: unknown): Metadata =>
  (error instanceof RpcError ? error.metadata?.clone() : undefined) ?? new Metadata();

/** The request as a message of its own; undefined when it cannot be encoded, so that it could not be sent either. */
function requestOf({ request }: Call, { request: codec }: MethodSpec): unknown {
  try {
    return copyOf(codec, codec.encode(request));
  } catch {
    return undefined;
  }
}
