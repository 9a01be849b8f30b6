/** Whether each side of a method sends one message or a stream. */
export type MethodKind = "unary" | "serverStream" | "clientStream" | "bidi";

/** Turns one message type into bytes and back. `T` is the message as user code sees it. */
export interface Codec<T = unknown> {
  /** Full name of the message, such as `acme.shop.v1.Order`. */
  readonly typeName: string;
  encode(message: T): Uint8Array;
  /** Throws when the bytes are not the message. */
  decode(bytes: Uint8Array): T;
}

/** A path template of `google.api.http`, parsed at generation time. */
export interface Route {
  /** HTTP method in capitals, or `*` for any. */
  readonly method: string;
  /** The template as the proto file has it, for logs and documentation. */
  readonly template: string;
  /** Path segments: a literal in canonical percent-encoding, `*` for one segment, `**` for any number. */
  readonly segments: readonly string[];
  /** What follows the last colon of the template, without the colon. */
  readonly verb?: string;
  /** Fields taken from the path. */
  readonly variables: readonly PathVariable[];
  /** Field that the body is, `*` for the whole request. Default: the body is ignored. */
  readonly body?: string;
  /** Field of the reply that the response body is. Default: the whole reply. */
  readonly responseBody?: string;
}

/** A field bound to the segments `from` up to, not including, `to`. A `**` within them may match any number. */
export interface PathVariable {
  /** Proto names joined by dots. */
  readonly field: string;
  readonly from: number;
  readonly to: number;
}

/** What generated code says about one method: data only. */
export interface MethodSpec<Request = unknown, Reply = unknown> {
  /** Name in the proto file, such as `GetUser`. */
  readonly name: string;
  /** Where gRPC finds it: `/package.Service/Method`. */
  readonly path: string;
  readonly kind: MethodKind;
  /** Whether sending it twice is harmless. Absent: unknown, so no. Source: google.protobuf.MethodOptions. */
  readonly idempotency?: "NO_SIDE_EFFECTS" | "IDEMPOTENT";
  readonly request: Codec<Request>;
  readonly reply: Codec<Reply>;
  /** The policy in force by kind, inheritance and defaults already applied. */
  readonly policy: { readonly [kind: string]: unknown };
  readonly routes: readonly Route[];
  /** `auth.rule` of the policy as code, when the generator could translate it. */
  readonly authRule?: AuthRule<Request>;
}

/** A CEL expression that the generator has translated. */
export interface AuthRule<Request = unknown> {
  /** The expression. The code counts only as long as the policy in force still says the same. */
  readonly cel: string;
  /** Whether the call is allowed. May throw where CEL has an error, which also refuses the call. */
  readonly allows: (auth: AuthVariables, request: Request) => boolean;
}

/** What `auth` is in a rule. */
export interface AuthVariables {
  readonly sub: string;
  readonly provider: string;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly claims: { readonly [name: string]: unknown };
}

/** What generated code says about one service. `S` is the interface that implementations and clients share. */
export interface ServiceSpec<S = unknown> {
  /** Full name, such as `acme.shop.v1.Shop`. */
  readonly name: string;
  /** The file that declares the service and all it imports: a base64 `google.protobuf.FileDescriptorSet`. */
  readonly descriptors: string;
  /** Methods by the name they have in `S`. */
  readonly methods: { readonly [key: string]: MethodSpec };
  /** Carries `S` for type inference. Never set. */
  readonly "~service"?: S;
}
