import { randomUUID } from "node:crypto";
import type { Call } from "./core/call.ts";
import { CallContext } from "./core/context.ts";
import { lateText, RpcError, unreachableText } from "./core/error.ts";
import { compose, type Handler, type Layer } from "./core/layer.ts";
import { type LiveMethod, live } from "./core/live.ts";
import type { AuthProvider } from "./core/policy.ts";
import type { PolicySource } from "./core/policy-source.ts";
import { type Report, reliable } from "./core/report.ts";
import { type SiteOptions, siteFactory } from "./core/site.ts";
import type { MethodSpec, ServiceSpec } from "./core/spec.ts";
import type { StoreOptions } from "./core/store.ts";
import { isStream, mapError } from "./core/stream.ts";
import type { UserLayer } from "./core/user-layer.ts";
import { checkOwnLayers, type ServerPlace, serverLayers, serverOrder } from "./stack.ts";

/** A service and the object that serves it. */
export interface Implementation {
  readonly spec: ServiceSpec;
  readonly object: object;
}

/**
 * Binds an implementation to its service.
 *
 * Throws when a method is missing, naming it. Its methods are called with the implementation as `this`.
 */
export function implement<S extends object>(spec: ServiceSpec<S>, implementation: NoInfer<S>): Implementation {
  for (const [key, method] of Object.entries(spec.methods)) {
    if (typeof (implementation as { [key: string]: unknown })[key] !== "function") {
      throw new TypeError(`the implementation of ${spec.name} has no method ${key}: add it, it serves ${method.path}`);
    }
  }
  return { spec, object: implementation };
}

/** How a server is built, beyond what its proto files say. */
export interface ServerOptions extends Pick<SiteOptions, "clock" | "random"> {
  /** Who can verify credentials, by the name that policies use. Default: nobody. */
  readonly auth?: { readonly providers: { readonly [name: string]: AuthProvider } } | undefined;
  /**
   * Told about every failure whose text the caller does not get, with the id that it got instead: errors that are not
   * an RpcError, and connections to other services that failed.
   *
   * Default: prints it on stderr.
   */
  readonly onError?: Report | undefined;
  /** State that replicas share, for rate limits with `shared`. Default: none, and such limits are refused. */
  readonly store?: StoreOptions | undefined;
  /** Layers of one's own, at named places; of several at one place the first is outermost. Default: none. */
  readonly layers?: readonly UserLayer<ServerPlace>[] | undefined;
  /** Overrides of the policies, `policies` of a loaded configuration. Default: the generated policies alone. */
  readonly policies?: PolicySource | undefined;
}

/** A method with everything that serves it. */
export type ServedMethod = LiveMethod;

/** One handler per method, policy included, composed once. Keyed by path. Throws when two implementations claim one path. */
export function serverHandlers(
  implementations: readonly Implementation[],
  options: ServerOptions = {},
): ReadonlyMap<string, ServedMethod> {
  const { clock, random, auth, store, layers = [], policies } = options;
  checkOwnLayers(layers, serverOrder, "layers of a server");
  const authProviders = new Map(Object.entries(auth?.providers ?? {}));
  const report = (error: unknown, method: MethodSpec) => void hideError(error, method, options.onError);
  const site = siteFactory({ clock, random, store, authProviders, report });
  const served = new Map<string, ServedMethod>();
  for (const { spec, object } of implementations) {
    const innermost = new Map<string, Handler>();
    const build = (method: MethodSpec) =>
      compose([guard(options), ...serverLayers(site(method, spec), layers)], innermost.get(method.path) as Handler);
    policies?.bind(spec, build);
    for (const [key, method] of Object.entries(spec.methods)) {
      if (served.has(method.path))
        throw new Error(`${method.path} has two implementations: register ${spec.name} once`);
      const run = (object as { [key: string]: Run })[key] as Run;
      innermost.set(method.path, invoke(method, run.bind(object)));
      served.set(
        method.path,
        live(method, policies, (current) => site.building(current, () => build(current))),
      );
    }
  }
  return served;
}

type Run = (request: unknown, context: CallContext) => unknown;

/** The innermost handler of a server: the user's method. */
function invoke(method: MethodSpec, run: Run): Handler {
  const streams = method.kind === "serverStream" || method.kind === "bidi";
  return async (call) => {
    const reply = await run(call.request, new CallContext(call));
    if (isStream(reply) === streams && typeof reply === "object" && reply !== null) return reply;
    const got = reply === null ? "null" : isStream(reply) ? "a stream" : typeof reply;
    throw new TypeError(`${method.path} returned ${got} instead of ${streams ? "an AsyncIterable" : "a message"}`);
  };
}

/**
 * Outermost on every server: what is not an RpcError becomes INTERNAL with an id. The id is all that the caller
 * learns; the error itself goes to the log.
 */
function guard({ onError }: ServerOptions): Layer {
  const hide = (error: unknown, { method }: Call): RpcError => hideError(error, method, onError);
  return (next) => (call) =>
    next(call).then(
      (reply) => (isStream(reply) ? mapError(reply, (error) => hide(error, call)) : reply),
      (error) => {
        throw hide(error, call);
      },
    );
}

/**
 * What a caller may see of an error: an RpcError of this process as it is; the failure of a call to another one without
 * that one's trailers and address; anything else as INTERNAL with the id under which it is reported. For transports, whose own failures (a reply that cannot be encoded) arise outside the handler.
 */
export function hideError(
  error: unknown,
  method: MethodSpec,
  onError: ServerOptions["onError"] = printError,
): RpcError {
  if (error instanceof RpcError) {
    if (error.origin === undefined) return error;
    if (error.origin === "peer") return new RpcError(error.code, error.text, { details: error.details, cause: error });
    // Deadlines pass every day; that of a call to another service is no news for the log.
    if (error.code === "DEADLINE_EXCEEDED") return new RpcError(error.code, lateText(method.path), { cause: error });
  }
  const id = randomUUID();
  reliable(onError, printError)(error, id, method);
  return error instanceof RpcError
    ? new RpcError(error.code, unreachableText(method.path, id), { cause: error })
    : new RpcError("INTERNAL", `internal error ${id}`, { cause: error });
}

function printError(error: unknown, id: string, method: MethodSpec): void {
  console.error(`${method.path} failed with internal error ${id}:`, error);
}
