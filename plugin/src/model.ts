import type { MethodKind, Route } from "@protomesh/runtime";

/** Everything that one generated file says. What prints it needs no descriptor. */
export interface FileModel {
  /** The proto file, such as `acme/shop/v1/shop.proto`. */
  readonly source: string;
  /** The generated file, relative to the output folder: `acme/shop/v1/shop_mesh.ts`. */
  readonly output: string;
  /** Base64 of a `google.protobuf.FileDescriptorSet`: the file and what it needs. Made on demand, because it can be large. */
  readonly descriptors: () => string;
  readonly services: readonly ServiceModel[];
  /** The client for browsers, when it was asked for. */
  readonly rest?: RestModel | undefined;
}

/** What a client of the file's services for browsers says, besides the services. */
export interface RestModel {
  /** The generated file, relative to the output folder: `acme/shop/v1/shop_rest.ts`. */
  readonly output: string;
  /** Import path of the file that has the interfaces, relative to the output folder. */
  readonly mesh: string;
  readonly shape: RestShape;
  /** Fields as lines of the runtime's tables, by the message's full name. */
  readonly messages: readonly { readonly typeName: string; readonly fields: readonly string[] }[];
  readonly enums: readonly { readonly typeName: string; readonly values: { readonly [name: string]: number } }[];
  readonly checks: readonly RestCheckModel[];
}

/** Fields of a message with the TypeScript types that they must have. */
export interface RestCheckModel {
  readonly type: ImportModel;
  readonly fields: readonly { readonly key: string; readonly type: string }[];
}

/** How messages hold their fields, as the runtime's tables name it. What is by default is left out. */
export interface RestShape {
  readonly longs?: "bigint" | "string";
  readonly oneofs?: "unions" | "unions-value";
  readonly dates?: "message" | "string";
  readonly enumTexts?: boolean;
  readonly maps?: boolean;
}

/** A service of the file. */
export interface ServiceModel {
  /** Name of the interface and of the constant. */
  readonly name: string;
  /** Name of the function that makes a client. */
  readonly factory: string;
  /** Full name, such as `acme.shop.v1.Shop`. */
  readonly typeName: string;
  readonly doc: DocModel;
  readonly methods: readonly MethodModel[];
}

/** A method of a service. */
export interface MethodModel {
  /** Name in the interface. */
  readonly key: string;
  /** Name in the proto file. */
  readonly name: string;
  readonly kind: MethodKind;
  readonly idempotency: "NO_SIDE_EFFECTS" | "IDEMPOTENT" | undefined;
  readonly doc: DocModel;
  readonly request: MessageModel;
  readonly reply: MessageModel;
  /** The resolved policy, by kind. */
  readonly policy: { readonly [kind: string]: unknown };
  readonly routes: readonly Route[];
  /** `auth.rule` of the policy as code; undefined for none, or one that the runtime interprets. */
  readonly authRule: RuleModel | undefined;
}

/** A CEL expression over `auth` and `request`, translated. */
export interface RuleModel {
  readonly cel: string;
  /** Which of its parameters the condition reads. */
  readonly readsAuth: boolean;
  readonly readsRequest: boolean;
  /** A TypeScript condition in pieces: code and names of functions that the runtime exports, in turns. */
  readonly condition: readonly string[];
}

/** What the proto file says about an element for its reader. */
export interface DocModel {
  /** The comment before the element, as the compiler hands it over; empty for none. */
  readonly comment: string;
  readonly deprecated: boolean;
}

/** A message that ts-proto or protobuf-es generates. */
export interface MessageModel {
  /** Full name, such as `acme.shop.v1.Order`. */
  readonly typeName: string;
  /** The message's TypeScript type. */
  readonly type: ImportModel;
  /** What the codec is made from: ts-proto's functions, or protobuf-es's schema. */
  readonly codec: ImportModel;
  /** The function of the runtime that makes it. */
  readonly codecOf: "tsProtoCodec" | "esCodec";
}

/** A name that a module exports. */
export interface ImportModel {
  readonly name: string;
  /** A package, or a path relative to the output folder that starts with `./`. */
  readonly from: string;
}
