/**
 * For tests of policies and of code that uses them: a clock that stands still until told, and any policy mounted
 * on a method whose peer is a function. Works with every test runner.
 */
import type { Call, Peer, Principal } from "./core/call.ts";
import type { Clock } from "./core/clock.ts";
import { type CallOptions, startCall } from "./core/context.ts";
import { compose, type Handler, type Layer } from "./core/layer.ts";
import type { Policy, Site } from "./core/policy.ts";
import { type SiteOptions, siteFactory } from "./core/site.ts";
import type { Codec, MethodSpec } from "./core/spec.ts";
import { isStream, onEnd } from "./core/stream.ts";
import { localTarget } from "./in-process.ts";

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** Time that passes only when a test says so. Timers run in the order of their times. */
export class FakeClock implements Clock {
  #now = 0;
  readonly #startedAt: number;
  readonly #timers = new Set<Timer>();

  /** `startedAt` is the wall clock at the start, in milliseconds since 1970. Default: the start of 2026, UTC. */
  constructor(startedAt = Date.UTC(2026, 0, 1)) {
    this.#startedAt = startedAt;
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.#startedAt + this.#now;
  }

  schedule(delayMs: number, run: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** How many timers wait. Zero after a call has ended, or somebody forgot one. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Lets time pass: runs what falls due, each at its own time, and lets promises settle before, in between and after.
   */
  async advance(ms: number): Promise<void> {
    await settled();
    const until = this.#now + ms;
    for (let timer = this.#next(until); timer; timer = this.#next(until)) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.run();
      await settled();
    }
    this.#now = until;
    await settled();
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= until && (!next || timer.at < next.at)) next = timer;
    return next;
  }
}

/** Resolves when every promise that can settle without time or I/O has settled. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What stands at the other end of a mounted layer. */
export interface MountOptions extends Pick<SiteOptions, "random" | "authProviders" | "credentials" | "store"> {
  /** Which layer of the policy to mount. Default: the client's, or the server's when there is none. */
  readonly side?: "client" | "server" | undefined;
  /** The method. Default: a unary method `/test.v1.Test/Call` without idempotency. */
  readonly method?: Partial<Pick<MethodSpec, "path" | "kind" | "idempotency" | "policy" | "request">> | undefined;
  /** What answers below the layer: returns or throws. Default: answers with an empty object. */
  readonly handler?: ((call: Call) => unknown) | undefined;
  /** Default: a clock of its own. */
  readonly clock?: FakeClock | undefined;
  /** Makes the site; pass one function to several mounts and they share what policies share. */
  readonly site?: ((method: MethodSpec) => Site) | undefined;
}

/** What a test may say about one call, besides what any caller may. */
export interface SendOptions extends CallOptions {
  readonly peer?: Peer | undefined;
  readonly principal?: Principal | undefined;
  readonly attempt?: number | undefined;
}

/** A mounted layer. */
export interface Mounted {
  /** Makes one call. */
  send(request?: unknown, options?: SendOptions): Promise<unknown>;
  /** The calls that got below the layer, in their order. */
  readonly seen: readonly Call[];
  readonly clock: FakeClock;
  readonly method: MethodSpec;
}

/** Mounts one policy with its config. The peer obeys deadline and cancellation as a transport does. */
export function mount<Name extends string, Config>(
  row: Pick<Policy<Name, Config>, "name" | "client" | "server">,
  config: Config,
  options: MountOptions = {},
): Mounted {
  const side = options.side ?? (row.client ? "client" : "server");
  const policy = { ...options.method?.policy, [row.name]: config };
  return mountLayers(
    (site) => {
      const layer = row[side]?.(config, site);
      return layer ? [layer] : [];
    },
    { ...options, side, method: { ...options.method, policy } },
  );
}

/** Mounts layers, outermost first. */
export function mountLayers(build: (site: Site) => readonly Layer[], options: MountOptions = {}): Mounted {
  const { clock = new FakeClock(), random = () => 0.5, authProviders, credentials, store, side = "client" } = options;
  const method: MethodSpec = {
    name: "Call",
    path: "/test.v1.Test/Call",
    kind: "unary",
    request: anyMessage,
    reply: anyMessage,
    policy: {},
    routes: [],
    ...options.method,
  };
  const site = (options.site ?? siteFactory({ clock, random, authProviders, credentials, store }))(method);
  const answer = options.handler ?? (() => ({}));
  const seen: Call[] = [];
  const peer: Handler = async (call) => {
    seen.push(call);
    return await answer(call);
  };
  const layers = build(site);
  const transport = (handler: Handler) =>
    localTarget(new Map([[method.path, { method, handler }]]), clock).handler(method);
  const handler = side === "client" ? compose(layers, transport(peer)) : transport(compose(layers, peer));

  return {
    seen,
    clock,
    method,
    async send(request = {}, { peer, principal, attempt, ...options } = {}) {
      const started = startCall(method, request, options, clock);
      const release = started.cancellation?.release ?? (() => {});
      let reply: unknown;
      try {
        reply = await handler({ ...started, peer, principal, attempt: attempt ?? started.attempt });
      } catch (error) {
        release();
        throw error;
      }
      if (isStream(reply)) return started.cancellation?.release ? onEnd(reply, release) : reply;
      release();
      return reply;
    },
  };
}

const unused = (): never => {
  throw new Error("a mounted layer hands messages over as they are: nothing encodes them");
};

const anyMessage: Codec = { typeName: "test.v1.Message", encode: unused, decode: unused };
