import type { Call } from "./core/call.ts";
import { Cancellation } from "./core/cancellation.ts";
import { type CallOptions, startCall } from "./core/context.ts";
import { RpcError } from "./core/error.ts";
import { checkKeys, keysOf } from "./core/known-keys.ts";
import { compose, type Handler } from "./core/layer.ts";
import { type LiveMethod, live } from "./core/live.ts";
import type { PolicySource } from "./core/policy-source.ts";
import { type SiteOptions, siteFactory } from "./core/site.ts";
import type { MethodSpec, ServiceSpec } from "./core/spec.ts";
import { isStream } from "./core/stream.ts";
import type { Target } from "./core/target.ts";
import type { UserLayer } from "./core/user-layer.ts";
import type { MethodPolicy } from "./policies/index.ts";
import { attemptLayers, type ClientPlace, callLayers, checkOwnLayers, clientOrder } from "./stack.ts";
import { mirrorTraffic, splitTraffic, type Traffic } from "./traffic.ts";

/** How a client is built, beyond what its proto file says. */
export interface ClientOptions extends Pick<SiteOptions, "clock" | "random" | "credentials"> {
  /** Layers of one's own, at named places; of several at one place the first is outermost. Default: none. */
  readonly layers?: readonly UserLayer<ClientPlace>[] | undefined;
  /** Overrides of the policies, `policies` of a loaded configuration. Default: the generated policies alone. */
  readonly policies?: PolicySource | undefined;
}

/** One handler per method, policy included, composed once. */
export const clientHandlers = (spec: ServiceSpec, target: Target, options?: ClientOptions): Map<string, Handler> =>
  new Map([...clientMethods(spec, target, options)].map(([key, { handler }]) => [key, handler]));

/** The same with the method as it is in force, which a configuration may change. */
function clientMethods(spec: ServiceSpec, target: Target, options: ClientOptions = {}): Map<string, LiveMethod> {
  const { layers = [], policies } = options;
  checkOwnLayers(layers, clientOrder, `layers of a client of ${spec.name}`);
  const byName = new Map<string, LiveMethod>();
  const sibling = (name: string) => (byName.get(name) as LiveMethod).handler;
  const site = siteFactory({ ...options, sibling });
  const attempt = (method: MethodSpec, to: Target) =>
    compose(attemptLayers(site(method, spec, to.name), layers), to.handler(method));
  const named = (name: string) => (policies as PolicySource).target(name);
  const whole = (method: MethodSpec, to: Target) => {
    const { mirror } = method.policy as Traffic;
    const innermost = attempt(method, to);
    const handler =
      mirror && mirror.percent > 0
        ? mirrorTraffic(mirror, site(method, spec), innermost, copy(method, named(mirror.target)))
        : innermost;
    // By target, because one that is in trouble, or answers otherwise, is no matter of the others of a split.
    return compose(callLayers(site(method, spec, to.name), layers), handler);
  };
  /** Like an attempt, but what observes or disturbs the callers' own calls sees nothing of copies. */
  const copy = (method: MethodSpec, to: Target) =>
    compose(
      attemptLayers(site({ ...method, policy: { ...method.policy, fault: undefined } }, spec, to.name)),
      to.handler(method),
    );
  const build = (method: MethodSpec) => {
    const { split } = method.policy as Traffic;
    return split
      ? splitTraffic(split, site(method, spec), (name) => whole(method, named(name)))
      : whole(method, target);
  };
  policies?.bind(spec, build);
  return new Map(
    Object.entries(spec.methods).map(([key, method]) => {
      const built = live(method, policies, (current) => site.building(current, () => build(current)));
      byName.set(method.name, built);
      return [key, built];
    }),
  );
}

const known = keysOf<ClientOptions>({ clock: true, random: true, credentials: true, layers: true, policies: true });

/** The methods that each client was made of. */
const clients = new WeakMap<object, ReadonlyMap<string, LiveMethod>>();

/**
 * A client of a service: the same interface that implementations implement, with the service's policy applied.
 *
 * Closing the target ends it; the client itself holds nothing.
 */
export function createClient<S extends object>(spec: ServiceSpec<S>, target: Target, options: ClientOptions = {}): S {
  if (typeof (target as Partial<Target> | undefined)?.handler !== "function") {
    throw new TypeError(`a client of ${spec.name} needs a target: give it connect("host:port") or inProcess(...)`);
  }
  checkKeys(options, known, `a client of ${spec.name}`);
  const client: { [key: string]: unknown } = {};
  const methods = clientMethods(spec, target, options);
  for (const [key, live] of methods) {
    const { kind } = live.method;
    client[key] = (kind === "serverStream" || kind === "bidi" ? streaming : single)(live, options);
  }
  clients.set(client, methods);
  return client as S;
}

/** The policy in force for each method of a client, by method name, overrides included. */
export function policyOf<S extends object>(client: S): { readonly [K in keyof S]: MethodPolicy } {
  const made = clients.get(client);
  if (!made) throw new TypeError("policyOf takes a client that createClient made");
  return Object.fromEntries([...made].map(([key, { method }]) => [key, method.policy])) as {
    [K in keyof S]: MethodPolicy;
  };
}

function single(live: LiveMethod, { clock }: ClientOptions) {
  const { handler } = live;
  return (request: unknown, options?: CallOptions): Promise<unknown> => {
    let call: ReturnType<typeof startCall>;
    try {
      call = startCall(live.method, request, options, clock);
    } catch (error) {
      return Promise.reject(error);
    }
    const reply = handler(call);
    return call.cancellation?.release ? reply.finally(call.cancellation.release) : reply;
  };
}

/** The call starts when the reply is first read, and ends at once when the reader leaves. */
function streaming(live: LiveMethod, { clock }: ClientOptions) {
  return (request: unknown, options?: CallOptions): AsyncIterable<unknown> =>
    new Reply(live, () => startCall(live.method, request, options, clock));
}

const end = { done: true as const, value: undefined };

/**
 * A streamed reply. Not a generator: a generator's `return` waits for a `next` under way, so a reader that leaves while
 * the stream is silent would never end the call.
 */
class Reply implements AsyncIterableIterator<unknown> {
  readonly #live: LiveMethod;
  readonly #start: () => Call;
  readonly #cancellation = new Cancellation();
  #opening: Promise<AsyncIterator<unknown>> | undefined;
  #source: AsyncIterator<unknown> | undefined;
  #release: (() => void) | undefined;
  #over = false;

  constructor(live: LiveMethod, start: () => Call) {
    this.#live = live;
    this.#start = start;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#over) return Promise.resolve(end);
    if (this.#source) return this.#source.next().then(this.#passed, this.#failed);
    this.#opening ??= this.#open();
    return this.#opening.then((source) => (this.#over ? end : source.next())).then(this.#passed, this.#failed);
  }

  return(): Promise<IteratorResult<unknown>> {
    if (!this.#over) {
      this.#finish();
      this.#cancellation.cancel(new RpcError("CANCELLED", `the reader left ${this.#live.method.path}`));
      // Not awaited, because the call has ended; what its layers still have to say has no reader.
      this.#source?.return?.().catch(() => {});
    }
    return Promise.resolve(end);
  }

  async #open(): Promise<AsyncIterator<unknown>> {
    const call = this.#start();
    const unfollow = call.cancellation?.onCancel((reason) => this.#cancellation.cancel(reason));
    this.#release = () => {
      unfollow?.();
      call.cancellation?.release?.();
    };
    const reply = await this.#live.handler({ ...call, cancellation: this.#cancellation });
    if (!isStream(reply)) throw new RpcError("INTERNAL", `${this.#live.method.path} was answered without a stream`);
    this.#source = reply[Symbol.asyncIterator]();
    if (this.#over) this.#source.return?.().catch(() => {});
    return this.#source;
  }

  readonly #passed = (result: IteratorResult<unknown>): IteratorResult<unknown> => {
    if (this.#over) return end;
    if (result.done) this.#finish();
    return result;
  };

  readonly #failed = (error: unknown): IteratorResult<unknown> => {
    // A reader that left hears no more, not even of the end that it made itself.
    if (this.#over) return end;
    this.#finish();
    throw error;
  };

  #finish(): void {
    this.#over = true;
    this.#release?.();
  }
}
