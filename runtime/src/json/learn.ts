import { isDeepStrictEqual } from "node:util";
import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  type Registry,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Codec } from "../core/spec.ts";
import { byNumber, isImplicit, isLong } from "./es-shape.ts";
import { getter } from "./place.ts";
import { holdMessage, holdNumber, plainKey, setSample, unlisted } from "./samples.ts";
import {
  copier,
  type EnumTexts,
  type FieldShape,
  type Form,
  isWrapper,
  type MessageShape,
  type Presence,
  type ScalarForm,
} from "./shape.ts";

/** A generator whose objects do not show how they hold a field. */
export class Unlearnable extends Error {
  override readonly name = "Unlearnable";
}

/** The way to one message type through a codec: what the codec makes of a message inside of its own. */
export interface Probe {
  readonly desc: DescMessage;
  /** The codec's whole message with this one in its place. */
  whole(message: Message): Message;
  /** The same as the codec's object, and of that the part that is this message. */
  object(message: Message): object;
}

/** What was learned of one codec. */
export interface Learned {
  readonly shapes: ReadonlyMap<DescMessage, MessageShape>;
  /** The way to each of the types. */
  readonly probes: readonly Probe[];
}

/** The most types that are looked at: what has more is left to the detour. */
const mostTypes = 2000;

/**
 * Learns how the objects of a codec hold its message and all that can be inside of it: samples are encoded from descriptors,
 * decoded by the codec, and looked for. Throws Unlearnable.
 */
export function learn(codec: Codec, desc: DescMessage, registry: Registry): Learned {
  const shapes = new Map<DescMessage, MessageShape>();
  const probes: Probe[] = [];
  const extended = new Set<string>();
  for (const type of registry) if (type.kind === "extension") extended.add(type.extendee.typeName);
  const open: Probe[] = [
    {
      desc,
      whole: (message) => message,
      object: (message) => objectIn(codec.decode(toBinary(desc, message)), desc.typeName),
    },
  ];
  for (let probe = open.pop(); probe; probe = open.pop()) {
    if (shapes.has(probe.desc)) continue;
    if (extended.has(probe.desc.typeName)) throw new Unlearnable(`${probe.desc.typeName} has extensions`);
    if (shapes.size >= mostTypes) throw new Unlearnable(`${desc.typeName} holds too many types`);
    const shape = learnType(probe);
    shapes.set(probe.desc, shape);
    probes.push(probe);
    for (const place of shape.fields) if (place.form.kind === "message") open.push(inside(probe, place));
  }
  return { shapes, probes };
}

function objectIn(value: unknown, what: string): object {
  if (typeof value !== "object" || value === null) throw new Unlearnable(`${what} is no object`);
  if (Object.getPrototypeOf(value) === Object.prototype) return value;
  // ts-proto can leave defaults on a prototype of each message.
  const flat: Fields = {};
  for (const key in value) flat[key] = (value as Fields)[key];
  return flat;
}

/** The way to the message that a field holds. */
function inside(outer: Probe, place: FieldShape): Probe {
  const { field } = place;
  const get = getter(place);
  const hold = (inner: Message): Message => {
    const message = reflect(outer.desc);
    holdMessage(message, field, inner);
    return message.message;
  };
  return {
    desc: field.message as DescMessage,
    whole: (inner) => outer.whole(hold(inner)),
    object: (inner) => objectIn(elementOf(field, get(outer.object(hold(inner)))), String(field)),
  };
}

/** The first element of a list or map, or the value itself. */
function elementOf(field: DescField, value: unknown): unknown {
  if (field.fieldKind === "list") return Array.isArray(value) ? value[0] : undefined;
  if (field.fieldKind === "map")
    return (value instanceof Map ? [...value.values()] : Object.values(value as object))[0];
  return value;
}

type Fields = { [key: string]: unknown };

function learnType(probe: Probe): MessageShape {
  const { desc } = probe;
  const template = probe.object(create(desc));
  const fields = byNumber(desc).map((field) => learnField(probe, template, field));
  return { desc, make: copier(template), fields, es: false };
}

function learnField(probe: Probe, template: object, field: DescField): FieldShape {
  const message = reflect(probe.desc);
  setSample(message, field, "plain");
  const object = probe.object(message.message) as Fields;
  const before = template as Fields;
  const changed = Object.keys(object).filter((key) => !isDeepStrictEqual(object[key], before[key]));
  const [key] = changed;
  if (key === undefined || changed.length > 1)
    throw new Unlearnable(`${String(field)} shows in ${changed.length} properties`);
  const found = object[key];
  const union = unionOf(field, found);
  const value = elementOf(field, union ? (found as Fields)[union.value] : found);
  const place = { field, key, union, map: mapOf(field, found) };
  const first = { ...place, presence: "explicit" as const, form: { kind: "plain", type: "Value" } as const };
  const form = formOf(field, value, () => textsOf(probe, first, before[key]));
  return { ...place, form, presence: presenceOf(field, form, before[key]) };
}

/** ts-proto writes `{ $case, value }`, in older versions `{ $case, [member] }`. */
function unionOf(field: DescField, found: unknown): FieldShape["union"] {
  if (!field.oneof || typeof found !== "object" || found === null) return undefined;
  const tag = "$case";
  const name = (found as Fields)[tag];
  const value = Object.keys(found).find((key) => key !== tag);
  return typeof name === "string" && value !== undefined ? { tag, name, value } : undefined;
}

function mapOf(field: DescField, found: unknown): FieldShape["map"] {
  if (field.fieldKind !== "map") return undefined;
  if (!(found instanceof Map)) return { isMap: false, key: "same" };
  const [key] = found.keys();
  return { isMap: true, key: isLong(field.mapKey) ? longForm(key, field, field.mapKey) : "same" };
}

function presenceOf(field: DescField, form: Form, unset: unknown): Presence {
  const isMissing = unset === undefined || unset === null;
  if (field.fieldKind === "list" || field.fieldKind === "map" || isImplicit(field))
    return isMissing ? "sparse" : "implicit";
  // A generator that does not know presence: zero is what is not given.
  if (!isMissing && (form.kind === "scalar" || form.kind === "enum")) return "nonzero";
  return form.kind === "plain" && unset === undefined ? "defined" : "explicit";
}

function formOf(field: DescField, value: unknown, texts: () => EnumTexts): Form {
  if (field.scalar !== undefined)
    return { kind: "scalar", type: field.scalar, as: scalarForm(value, field, field.scalar) };
  if (field.enum) {
    if (typeof value === "number") return { kind: "enum", desc: field.enum };
    if (typeof value === "string") return { kind: "enum", desc: field.enum, texts: texts() };
    throw new Unlearnable(`${String(field)} holds ${typeof value}`);
  }
  const desc = field.message as DescMessage;
  const isObject = typeof value === "object" && value !== null;
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      if (value instanceof Date) return { kind: "date" };
      if (typeof value === "string") return { kind: "iso" };
      break;
    case "google.protobuf.Duration":
      if (typeof value === "string") return { kind: "duration" };
      break;
    case "google.protobuf.FieldMask":
      if (Array.isArray(value)) return { kind: "paths" };
      break;
    case "google.protobuf.Struct":
      if (isObject && Object.hasOwn(value, plainKey)) return { kind: "plain", type: "Struct" };
      break;
    case "google.protobuf.Value":
      if (value === 1.5) return { kind: "plain", type: "Value" };
      break;
    case "google.protobuf.ListValue":
      if (Array.isArray(value)) return { kind: "plain", type: "ListValue" };
      break;
  }
  const [only] = desc.fields;
  if (isWrapper(desc) && only?.scalar !== undefined && !(isObject && Object.hasOwn(value, "value")))
    return {
      kind: "wrapped",
      desc,
      inner: { kind: "scalar", type: only.scalar, as: scalarForm(value, field, only.scalar) },
    };
  if (isObject && !Array.isArray(value)) return { kind: "message", desc };
  throw new Unlearnable(`${String(field)} holds ${typeof value}`);
}

function scalarForm(value: unknown, field: DescField, type: ScalarType): ScalarForm {
  if (isLong(type)) return longForm(value, field, type);
  if (type === ScalarType.BYTES) {
    if (Buffer.isBuffer(value)) return "buffer";
    if (value instanceof Uint8Array) return "same";
  } else if (value === "x~" || value === true || value === 3 || value === 1.5) return "same";
  throw new Unlearnable(`${String(field)} holds ${typeof value}`);
}

function longForm(value: unknown, field: DescField, type: ScalarType): ScalarForm {
  if (typeof value === "bigint" || typeof value === "number" || typeof value === "string")
    return typeof value as "bigint" | "number" | "string";
  const maker = (value as { constructor?: { fromString?: unknown } } | undefined)?.constructor;
  if (typeof maker?.fromString !== "function" || String(value) !== "3")
    throw new Unlearnable(`${String(field)} holds ${typeof value}`);
  const unsigned = type === ScalarType.UINT64 || type === ScalarType.FIXED64;
  const from = maker as unknown as { fromString(text: string, unsigned: boolean): unknown };
  return (text) => from.fromString(text, unsigned);
}

/** What each value of an enum is, where values are texts. */
function textsOf(probe: Probe, place: FieldShape, zero: unknown): EnumTexts {
  const { field } = place;
  const desc = field.enum as DescEnum;
  const get = getter(place);
  const textOf = (number: number): unknown => {
    if (number === 0 && field.fieldKind === "enum" && isImplicit(field) && zero !== undefined && zero !== null)
      return zero;
    const message = reflect(probe.desc);
    holdNumber(message, field, number);
    return elementOf(field, get(probe.object(message.message)));
  };
  const numbers = desc.values.map(({ number }) => number);
  // Of several texts for a number, only one is what is decoded, and objects may hold any.
  if (new Set(numbers).size < numbers.length) throw new Unlearnable(`${String(field)} holds texts with aliases`);
  const byNumber = new Map(numbers.map((number) => [number, textOf(number)] as const));
  const byText = new Map([...byNumber].map(([number, text]) => [text, number] as const));
  return { byNumber, byText, unknown: desc.open ? textOf(unlisted(numbers)) : undefined };
}
