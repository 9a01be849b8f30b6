import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { isWrapper } from "./shape.ts";

/** Which sample: a plain one that differs from zero, or one at the edge of what a field can hold. */
export type SampleKind = "plain" | "edge";

/** What an edge may be: not every generator has room for 64 bits, and enums as texts know their names only. */
export interface Edges {
  readonly wide: boolean;
  readonly openEnums: boolean;
}

const allEdges: Edges = { wide: true, openEnums: true };

/** Sets a field of a message to a sample: a list and a map get one element, at the edge two. */
export function setSample(message: ReflectMessage, field: DescField, kind: SampleKind, edges = allEdges): void {
  const isSingular = field.fieldKind !== "list" && field.fieldKind !== "map";
  put(message, field, sampleOf(field, isSingular ? kind : "plain", edges), "plain");
  if (!isSingular && kind === "edge") put(message, field, sampleOf(field, "edge", edges), "edge");
}

/** Sets a field to hold this one message, as an element where it is a list or a map. */
export const holdMessage = (message: ReflectMessage, field: DescField, inner: Message): void =>
  put(message, field, reflect(field.message as DescMessage, inner), "plain");

/** Sets an enum field to hold this number, as an element where it is a list or a map. */
export const holdNumber = (message: ReflectMessage, field: DescField, number: number): void =>
  put(message, field, number, "plain");

function put(message: ReflectMessage, field: DescField, value: unknown, key: SampleKind): void {
  if (field.fieldKind === "list") message.get(field).add(value as never);
  else if (field.fieldKind === "map") message.get(field).set(keySample(field.mapKey, key) as never, value as never);
  else message.set(field, value as never);
}

function sampleOf(field: DescField, kind: SampleKind, edges: Edges): unknown {
  if (field.scalar !== undefined) return scalarSample(field.scalar, kind, edges.wide);
  if (field.enum) return enumSample(field.enum, kind, edges.openEnums);
  const desc = field.message as DescMessage;
  return reflect(desc, messageSample(desc, kind));
}

function messageSample(desc: DescMessage, kind: SampleKind): Message {
  const json = (kind === "plain" ? plainJson : edgeJson)[desc.typeName];
  if (json !== undefined) return fromJson(desc, json);
  const message = create(desc);
  const [value] = desc.fields;
  if (isWrapper(desc) && value?.scalar !== undefined)
    reflect(desc, message).set(value, scalarSample(value.scalar, kind, false) as never);
  return message;
}

/** A key that no message type has as a field. */
export const plainKey = "k~";

const plainJson: { readonly [type: string]: JsonValue } = {
  "google.protobuf.Timestamp": "2001-02-03T04:05:06Z",
  "google.protobuf.Duration": "7s",
  "google.protobuf.FieldMask": "a",
  "google.protobuf.Struct": { [plainKey]: 1.5 },
  "google.protobuf.Value": 1.5,
  "google.protobuf.ListValue": [1.5],
};

const edgeJson: { readonly [type: string]: JsonValue } = {
  "google.protobuf.Timestamp": "2999-12-31T23:59:59.500Z",
  "google.protobuf.Duration": "-1.500s",
  "google.protobuf.FieldMask": "aB,c.dE",
  "google.protobuf.Struct": { a: [null, true, "x", { b: [] }], "": {} },
  "google.protobuf.Value": null,
  "google.protobuf.ListValue": [null, [], {}, false],
};

function enumSample({ values, open }: DescEnum, kind: SampleKind, openEnums: boolean): number {
  if (kind === "edge" && open && openEnums) return unlisted(values.map(({ number }) => number));
  return values.find(({ number }) => number !== 0)?.number ?? (open ? 1 : 0);
}

/** A number that is no value of an enum. */
export const unlisted = (numbers: readonly number[]): number => Math.max(0, ...numbers) + 1000;

function keySample(type: ScalarType, kind: SampleKind): unknown {
  if (type === ScalarType.STRING) return kind === "plain" ? plainKey : "";
  return type === ScalarType.BOOL ? kind === "plain" : scalarSample(type, kind, false);
}

function scalarSample(type: ScalarType, kind: SampleKind, wide: boolean): unknown {
  const plain = kind === "plain";
  switch (type) {
    case ScalarType.STRING:
      return plain ? "x~" : 'ü"\\\u2028';
    case ScalarType.BOOL:
      return true;
    case ScalarType.BYTES:
      return plain ? Uint8Array.of(1, 2) : Uint8Array.of(255, 254, 253, 252);
    case ScalarType.DOUBLE:
      return plain ? 1.5 : -1e300;
    case ScalarType.FLOAT:
      return plain ? 1.5 : Number.NEGATIVE_INFINITY;
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return plain ? 3 : -(2 ** 31);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return plain ? 3 : 2 ** 32 - 1;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return plain ? 3n : wide ? 2n ** 64n - 1n : 2n ** 53n - 1n;
    default:
      return plain ? 3n : wide ? -(2n ** 63n) : 1n - 2n ** 53n;
  }
}
