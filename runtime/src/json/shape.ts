import type { DescEnum, DescField, DescMessage, ScalarType } from "@bufbuild/protobuf";

/** How a generator's objects hold the messages of one type. */
export interface MessageShape {
  readonly desc: DescMessage;
  /** A new message without any field. */
  readonly make: () => object;
  /** In the order of their numbers. */
  readonly fields: readonly FieldShape[];
  /** True for messages of protobuf-es, which say what they are and keep extensions. */
  readonly es: boolean;
}

/** Where a field is in a message object, and what its values look like there. */
export interface FieldShape {
  readonly field: DescField;
  readonly key: string;
  /** For a oneof that is one property with an object `{ [tag]: name, [value]: ... }`. */
  readonly union?: { readonly tag: string; readonly name: string; readonly value: string } | undefined;
  readonly presence: Presence;
  /** Of one element of a list, one value of a map. */
  readonly form: Form;
  /** For a map: how it is held. */
  readonly map?: { readonly isMap: boolean; readonly key: ScalarForm } | undefined;
}

/**
 * When a field counts as given. `implicit`: when it differs from zero. `sparse`: that, and undefined is zero, too. `nonzero`:
 * when it differs from zero, and zero is never printed.
 * `explicit`: when it is neither undefined nor null; `defined`: when it is not undefined; `own`: when the object itself has it.
 */
export type Presence = "implicit" | "sparse" | "nonzero" | "explicit" | "defined" | "own";

/** What one value looks like. */
export type Form =
  | { readonly kind: "scalar"; readonly type: ScalarType; readonly as: ScalarForm }
  | { readonly kind: "enum"; readonly desc: DescEnum; readonly texts?: EnumTexts | undefined }
  | { readonly kind: "message"; readonly desc: DescMessage }
  /** A message of google/protobuf/wrappers.proto as the value in it. */
  | { readonly kind: "wrapped"; readonly desc: DescMessage; readonly inner: Form }
  /** A Timestamp as Date, or as its ISO text. */
  | { readonly kind: "date" | "iso" }
  /** A Duration as its ProtoJSON text. */
  | { readonly kind: "duration" }
  /** A FieldMask as its paths. */
  | { readonly kind: "paths" }
  /** A Struct, Value or ListValue as what JSON.parse makes. */
  | { readonly kind: "plain"; readonly type: "Struct" | "Value" | "ListValue" };

/** What a scalar is in JavaScript, where there is a choice. A function makes it from text: 64-bit numbers as objects. */
export type ScalarForm = "same" | "bigint" | "number" | "string" | "buffer" | LongMaker;

/** Makes an object that holds a 64-bit number, such as those of the package `long`. */
export type LongMaker = (text: string) => unknown;

/** An enum whose values are texts. */
export interface EnumTexts {
  readonly byNumber: ReadonlyMap<number, unknown>;
  readonly byText: ReadonlyMap<unknown, number>;
  /** What stands for numbers without a name. */
  readonly unknown: unknown;
}

/** Knows the shape of each message type of one generator. */
export type Shapes = (desc: DescMessage) => MessageShape;

/** Makes copies of an empty message: containers in it are new each time. */
export function copier(template: object): () => object {
  const [lists, objects, others]: [string[], string[], [string, () => unknown][]] = [[], [], []];
  for (const [key, value] of Object.entries(template)) {
    if (Array.isArray(value)) lists.push(key);
    else if (value instanceof Map) others.push([key, () => new Map()]);
    else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
      if (Object.keys(value).length === 0) objects.push(key);
      else others.push([key, () => ({ ...value })]);
    }
  }
  const prototype: object = Object.getPrototypeOf(template);
  const isBare = prototype === Object.prototype;
  return () => {
    // Faster than a spread where templates are of many types.
    const copy: { [key: string]: unknown } = Object.assign(isBare ? {} : Object.create(prototype), template);
    for (let n = 0; n < lists.length; n++) copy[lists[n] as string] = [];
    for (let n = 0; n < objects.length; n++) copy[objects[n] as string] = {};
    for (let n = 0; n < others.length; n++) {
      const [key, make] = others[n] as (typeof others)[number];
      copy[key] = make();
    }
    return copy;
  };
}

const wrappers = /^google\.protobuf\.(Bool|Bytes|Double|Float|U?Int(?:32|64)|String)Value$/;

/** True for the messages of google/protobuf/wrappers.proto. */
export const isWrapper = ({ typeName }: DescMessage): boolean => wrappers.test(typeName);

/** True for messages with a JSON form of their own. Source: ProtoJSON, "JSON representation for well-known types". */
export const hasOwnJson = (desc: DescMessage): boolean =>
  isWrapper(desc) ||
  /^google\.protobuf\.(Any|Timestamp|Duration|FieldMask|Struct|Value|ListValue)$/.test(desc.typeName);
