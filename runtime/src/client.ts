import { type CallOptions, startCall } from "./core/context.ts";
import { compose, type Handler } from "./core/layer.ts";
import { type SiteOptions, siteFactory } from "./core/site.ts";
import type { MethodSpec, ServiceSpec } from "./core/spec.ts";
import { isStream } from "./core/stream.ts";
import type { Target } from "./core/target.ts";
import type { MethodPolicy } from "./policies/index.ts";
import { layersOf } from "./stack.ts";

/** How a client is built, beyond what its proto file says. */
export interface ClientOptions extends Pick<SiteOptions, "clock" | "random" | "credentials"> {}

/** One handler per method, policy included, composed once. */
export function clientHandlers(spec: ServiceSpec, target: Target, options: ClientOptions = {}): Map<string, Handler> {
  const site = siteFactory(options);
  return new Map(
    Object.entries(spec.methods).map(([key, method]) => [
      key,
      compose(layersOf("client", site(method)), target.handler(method)),
    ]),
  );
}

const specs = new WeakMap<object, ServiceSpec>();

/**
 * A client of a service: the same interface that implementations implement, with the service's policy applied.
 *
 * Closing the target ends it; the client itself holds nothing.
 */
export function createClient<S extends object>(spec: ServiceSpec<S>, target: Target, options: ClientOptions = {}): S {
  const client: { [key: string]: unknown } = {};
  for (const [key, handler] of clientHandlers(spec, target, options)) {
    const method = spec.methods[key] as MethodSpec;
    const streams = method.kind === "serverStream" || method.kind === "bidi";
    client[key] = (streams ? streaming : single)(method, handler, options);
  }
  specs.set(client, spec);
  return client as S;
}

/** The policy in force for each method of a client, by method name. */
export function policyOf<S extends object>(client: S): { readonly [K in keyof S]: MethodPolicy } {
  const spec = specs.get(client);
  if (!spec) throw new TypeError("policyOf takes a client that createClient made");
  return Object.fromEntries(Object.entries(spec.methods).map(([key, { policy }]) => [key, policy])) as {
    [K in keyof S]: MethodPolicy;
  };
}

function single(method: MethodSpec, handler: Handler, { clock }: ClientOptions) {
  return (request: unknown, options?: CallOptions): Promise<unknown> => {
    let call: ReturnType<typeof startCall>;
    try {
      call = startCall(method, request, options, clock);
    } catch (error) {
      return Promise.reject(error);
    }
    const reply = handler(call);
    return call.cancellation?.release ? reply.finally(call.cancellation.release) : reply;
  };
}

/** The call starts when the reply is first read, and ends when the reader leaves. */
function streaming(method: MethodSpec, handler: Handler, { clock }: ClientOptions) {
  return async function* (request: unknown, options?: CallOptions): AsyncGenerator<unknown> {
    const call = startCall(method, request, options, clock);
    try {
      const reply = await handler(call);
      if (isStream(reply)) yield* reply;
    } finally {
      call.cancellation?.release?.();
    }
  };
}
