import type { Call, Principal } from "./call.ts";
import type { Clock } from "./clock.ts";
import type { Code } from "./error.ts";
import type { Field, OptionValue } from "./fields.ts";
import type { Handler, Layer } from "./layer.ts";
import type { MethodSpec, ServiceSpec } from "./spec.ts";
import type { StoreOptions } from "./store.ts";

/** Where a layer is installed: one method of one client or server. */
export interface Site {
  readonly method: MethodSpec;
  /** The service that has the method, for its descriptors. Absent where a test mounts a layer alone. */
  readonly service?: ServiceSpec | undefined;
  /** Client: where the call goes. Empty on a server. */
  readonly target: string;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** State that several methods of one client or server share. Made at the first request for the key. */
  shared<T>(key: string, create: () => T): T;
  /** Server: who can verify credentials, by the name policies use. */
  readonly authProviders: ReadonlyMap<string, AuthProvider>;
  /** Server: where state lives that replicas share. */
  readonly store?: StoreOptions | undefined;
  /** Client: what proves who calls. */
  readonly credentials?: Credentials | undefined;
  /** Client: the whole handler of another method of the service, by its name in the proto file. Ask for it at a call. */
  readonly sibling?: ((name: string) => Handler) | undefined;
  /** Server: puts a failure into the log that no caller gets to see, such as one that a kept reply stands in for. */
  readonly report?: ((error: unknown, method: MethodSpec) => void) | undefined;
}

/**
 * A bearer token, or a function that gets one. The function runs once per attempt: it should keep its token while
 * that is good.
 */
export type Credentials = string | (() => string | Promise<string>);

/** Verifies one kind of credential. */
export interface AuthProvider {
  /**
   * The caller, or undefined when the call carries no credential of this kind.
   *
   * Synchronous when the answer is known (a cached token), to keep the allowed path free of promises.
   * Fails with UNAUTHENTICATED when there is such a credential and it is not good; the text says why
   * without repeating any of it.
   */
  authenticate(call: Call): Principal | undefined | Promise<Principal | undefined>;
  /** Request headers it reads besides `authorization`; a gateway in the same process passes them on. Default: none. */
  readonly headers?: readonly string[];
  /** Fails when the provider can never work, such as for a missing package. A server runs it before it takes calls. */
  ready?(): Promise<void>;
}

/** Everything the product knows about one policy. Client and server install it, generation checks it by it. */
export interface Policy<Name extends string, Config> {
  /** Key in `MethodPolicy` and in generated literals; also the `refusedBy` of its refusals. */
  readonly name: Name;
  /** Field of `mesh.v1.Policy`. */
  readonly option: string;
  /**
   * The option that switches the policy on; a method for which no level sets it has no such policy. Lower levels can
   * then prepare values, such as a budget, without imposing the policy on every method. Default: any option does.
   */
  readonly enabledBy?: string;
  /** Whether a level with these options replaces what it inherits instead of adding to it. Default: never. */
  readonly replaces?: (options: { readonly [field: string]: OptionValue }) => boolean;
  /** Options of which a level that sets one drops the others that it inherits: the members of a `oneof`. Default: none. */
  readonly oneof?: readonly string[];
  /** How option text becomes config, one entry per config key. */
  readonly fields: FieldTable<Config>;
  /** The layer that a client installs; undefined when this config needs none. */
  readonly client?: (config: Config, site: Site) => Layer | undefined;
  /** The layer that a server installs; undefined when this config needs none. */
  readonly server?: (config: Config, site: Site) => Layer | undefined;
  /** The config of a method that sets none. Default: no layer. */
  readonly absent?: Config;
  /** What must hold between the fields, and between them and the method. */
  readonly rules?: readonly Rule<Config>[];
  /** What the reference page says besides the comments of the proto file. */
  readonly reference: Reference;
}

/** The part of a policy's documentation that no proto comment holds. Plain text, `code` in backticks. */
export interface Reference {
  /** The option as a method would write it, in text format, such as `retry: { attempts: 3 }`. */
  readonly example: string;
  /** How the policy makes calls fail, by code. */
  readonly errors: { readonly [code in Code]?: string };
  /** The outcomes that it publishes on the channel `protomesh:policy`, and when. */
  readonly outcomes: { readonly [outcome: string]: string };
  /** What becomes of it in configurations of other enforcement points; an absent one cannot express it. */
  readonly exports: {
    readonly [target in "gRPC service config" | "Envoy" | "Istio" | "Gateway API" | "OpenAPI"]?: string;
  };
}

/** One field per config key; of the element, when the config is a list. */
export type FieldTable<Config> = Config extends readonly (infer Item)[]
  ? { readonly [K in keyof Item]-?: Field<Item[K]> }
  : { readonly [K in keyof Config]-?: Field<Config[K]> };

/** A check on a resolved policy. */
export interface Rule<Config> {
  /** `<policy>/<what>`, such as `retry/needs-idempotency`. */
  readonly id: string;
  /** An error fails generation; a warning is printed. */
  readonly severity: "error" | "warning";
  /** What should be so: one sentence of at most 256 characters, from a capital to a full stop, for lists of rules. */
  readonly purpose: string;
  /** What is wrong and what to do about it, or undefined when all is well. */
  readonly check: (config: Config, method: MethodFacts) => string | undefined;
  /**
   * For what some methods cannot have by their nature: what is left of a config that breaks the rule on a method that only
   * inherits it; undefined for nothing, the config itself where it is an error after all. `lost` is what the method
   * has lost that way before, such as `cache` and `timeout.attempt`. Generation then warns, or says nothing where `field` is set. Default: an error.
   */
  readonly whenInherited?: (config: Config, lost: ReadonlySet<string>) => Config | undefined;
  /** With `whenInherited`: the one option that the rule is about. */
  readonly field?: string;
}

/** What rules may know about a method at generation time. */
export interface MethodFacts {
  readonly path: string;
  readonly kind: MethodSpec["kind"];
  readonly idempotency: MethodSpec["idempotency"];
  /** The method's whole resolved policy, for rules that concern two kinds. */
  readonly policy: MethodSpec["policy"];
  /** True when a run-time configuration has a say in the policy; some options are for it alone. Default: generation. */
  readonly runtime?: boolean;
  /** The methods of its HTTP routes, `*` for any. Absent: not known. */
  readonly httpMethods?: readonly string[] | undefined;
  /** Looks up a request field by its dotted proto path, such as `user.id`. */
  field(path: string): FieldFacts | undefined;
  /** What is wrong with a text as the method's reply in ProtoJSON, or undefined when it is one. */
  replyProblem(json: string): string | undefined;
  /** Another method of the same service, by its name in the proto file. */
  sibling(name: string): SiblingFacts | undefined;
}

/** What rules may know about another method of the service. */
export interface SiblingFacts {
  readonly kind: MethodSpec["kind"];
  /** Whether its request and its reply are the same messages. */
  readonly sameTypes: boolean;
}

/** What rules may know about a request field. */
export interface FieldFacts {
  readonly scalar: "string" | "bytes" | "bool" | "int" | "float" | "enum" | "message";
  readonly repeated: boolean;
  readonly map: boolean;
  /** Marked by (mesh.v1.field).sensitive. */
  readonly sensitive: boolean;
  /** Member of a oneof, so that setting it unsets others. Default: it is not. */
  readonly oneof?: boolean;
}
