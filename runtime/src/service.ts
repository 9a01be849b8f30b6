import type { AuthRule, Codec, MethodSpec, Route, ServiceSpec } from "./core/spec.ts";
import type { MethodPolicy } from "./policies/index.ts";

/** A method as generated code writes it: the path follows from the service's name. */
interface MethodData extends Pick<MethodSpec, "name" | "kind" | "idempotency"> {
  readonly policy?: MethodPolicy;
  // biome-ignore lint/suspicious/noExplicitAny: a rule for requests of any type fits
  readonly authRule?: AuthRule<any>;
  readonly routes?: readonly Route[];
  // biome-ignore lint/suspicious/noExplicitAny: a codec of any message type fits
  readonly request: Codec<any>;
  // biome-ignore lint/suspicious/noExplicitAny: a codec of any message type fits
  readonly reply: Codec<any>;
}

/** A service as generated code writes it. */
export interface ServiceData<S> {
  /** The layout of this literal. A runtime that expects another one is a compile error here: regenerate. */
  readonly format: 1;
  readonly name: string;
  readonly descriptors: string;
  readonly methods: { readonly [K in keyof S]: MethodData };
}

/** Completes and freezes what generated code says about a service. */
export function defineService<S>(data: ServiceData<S>): ServiceSpec<S> {
  if (data.format !== 1) {
    throw new Error(`${data.name} was generated for another version of @protomesh/runtime: run the generator again`);
  }
  const methods: { [key: string]: MethodSpec } = {};
  for (const [key, method] of Object.entries<MethodData>(data.methods)) {
    methods[key] = freeze({ policy: {}, routes: [], ...method, path: `/${data.name}/${method.name}` });
  }
  return freeze({ name: data.name, descriptors: data.descriptors, methods });
}

/** Freezes a literal all the way down; codecs are objects of others and stay as they are. */
function freeze<T extends object>(value: T): T {
  for (const [key, inner] of Object.entries(value)) {
    if (key !== "request" && key !== "reply" && typeof inner === "object" && inner !== null && !Object.isFrozen(inner))
      freeze(inner);
  }
  return Object.freeze(value);
}
