import type { DescEnumValue, DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
import type { SchemaObject } from "openapi3-ts/oas31";
import { type Decoded, decodeOption, type Kind, type Shape } from "./wire.ts";

/** The number under which protovalidate extends options. Its declarations are not compiled in. Source: buf/validate/validate.proto. */
const extension = 1159;

const message = (shape: Shape): Kind => ({ message: () => shape });
const list = (kind: Kind): Kind => ({ repeated: kind });

const bounds = (kind: Kind): Kind =>
  message({ const: [1, kind], lt: [2, kind], lte: [3, kind], gt: [4, kind], gte: [5, kind], in: [6, list(kind)] });

const formats = {
  email: [12, "bool"],
  hostname: [13, "bool"],
  ip: [14, "bool"],
  ipv4: [15, "bool"],
  ipv6: [16, "bool"],
  uri: [17, "bool"],
  uriRef: [18, "bool"],
  uuid: [22, "bool"],
  tuuid: [33, "bool"],
  ulid: [35, "bool"],
} as const satisfies Shape;

/** Which rules there are, by the names that protovalidate has for them. */
export const ruleShapes = {
  float: [1, bounds("float")],
  double: [2, bounds("double")],
  int32: [3, bounds("int")],
  int64: [4, bounds("int")],
  uint32: [5, bounds("uint")],
  uint64: [6, bounds("uint")],
  sint32: [7, bounds("sint")],
  sint64: [8, bounds("sint")],
  fixed32: [9, bounds("fixed32")],
  fixed64: [10, bounds("fixed64")],
  sfixed32: [11, bounds("sfixed32")],
  sfixed64: [12, bounds("sfixed64")],
  bool: [13, message({ const: [1, "bool"] })],
  string: [
    14,
    message({
      const: [1, "string"],
      len: [19, "int"],
      minLen: [2, "int"],
      maxLen: [3, "int"],
      pattern: [6, "string"],
      prefix: [7, "string"],
      suffix: [8, "string"],
      contains: [9, "string"],
      in: [10, list("string")],
      notIn: [11, list("string")],
      ...formats,
    }),
  ],
  bytes: [15, message({ minLen: [2, "int"], maxLen: [3, "int"], len: [13, "int"] })],
  enum: [16, message({ const: [1, "int"], in: [3, list("int")], notIn: [4, list("int")] })],
  repeated: [
    18,
    message({
      minItems: [1, "int"],
      maxItems: [2, "int"],
      unique: [3, "bool"],
      items: [4, { message: () => fieldRules }],
    }),
  ],
  map: [
    19,
    message({
      minPairs: [1, "int"],
      maxPairs: [2, "int"],
      keys: [4, { message: () => fieldRules }],
      values: [5, { message: () => fieldRules }],
    }),
  ],
} as const satisfies Shape;

const fieldRules: Shape = { required: [25, "bool"], ignore: [27, "int"], ...ruleShapes };

// Values of buf.validate.Ignore.
const ifZero = 1n;
const always = 3n;

/** The rules of a field; empty without any. A field that excludes others by a rule of its message may have no value. */
export function rulesOf(field: DescField): Decoded {
  const rules = (decodeOption(field, extension, message(fieldRules)) ?? {}) as Decoded;
  if (rules.ignore !== undefined || !exclusivesOf(field.parent).some(({ fields }) => fields.includes(field.name)))
    return rules;
  return { ...rules, ignore: ifZero };
}

/** Whether rules say that there must be a value. */
export const isNeeded = ({ required, ignore }: Decoded): boolean => required === true && ignore !== always;

/** Whether a member of a oneof must be set. */
export const isRequiredOneof = (oneof: DescOneof): boolean =>
  (decodeOption(oneof, extension, message({ required: [1, "bool"] })) as Decoded | undefined)?.required === true;

/** Fields of which a message has at most one, or exactly one, by a rule of the message. */
export interface Exclusive {
  readonly fields: readonly string[];
  readonly required: boolean;
}

/** Rules of a message about which of its fields go together. */
export function exclusivesOf(desc: DescMessage): Exclusive[] {
  const rule = message({ fields: [1, list("string")], required: [2, "bool"] });
  const { oneof = [] } = (decodeOption(desc, extension, message({ oneof: [4, list(rule)] })) ?? {}) as {
    readonly oneof?: readonly Partial<Exclusive>[];
  };
  return oneof.map(({ fields = [], required = false }) => ({ fields, required }));
}

const ulid = "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$";

/** A value that rules are about. */
export interface Ruled {
  /** Its schema without rules. */
  readonly base: SchemaObject;
  /** The values that readers may know of, of an enum. */
  readonly names?: readonly DescEnumValue[] | undefined;
  /** In JSON, where it stands for no value; undefined where nothing does. */
  readonly zero?: unknown;
}

/** The keywords that say the same as the rules of one value. */
export function keywordsOf(rules: Decoded, { base, names, zero }: Ruled): SchemaObject {
  const keywords = rules.ignore === always ? {} : checked(rules, base, names);
  if (rules.ignore !== ifZero || zero === undefined || Object.keys(keywords).length === 0) return keywords;
  return { anyOf: [{ const: zero }, keywords] };
}

function checked(rules: Decoded, base: SchemaObject, values: readonly DescEnumValue[] | undefined): SchemaObject {
  for (const [kind, value] of Object.entries(rules)) {
    if (!(kind in ruleShapes) || typeof value !== "object") continue;
    const given = value as Decoded;
    if (kind === "string") return textual(given);
    if (kind === "enum") return values ? named(given, values) : {};
    if (kind === "bool") return given.const === undefined ? {} : { const: given.const };
    if (kind === "repeated")
      return clean({ minItems: number(given.minItems), maxItems: number(given.maxItems), uniqueItems: given.unique });
    if (kind === "map") return clean({ minProperties: number(given.minPairs), maxProperties: number(given.maxPairs) });
    if (kind !== "bytes") return numeric(given, base);
  }
  return {};
}

function numeric(given: Decoded, { type }: SchemaObject): SchemaObject {
  // 64-bit numbers are text in JSON, where bounds mean nothing: they are said for readers. Wrappers have two types.
  const isText = [type].flat().includes("string");
  const print = (value: unknown) => (value !== undefined && isText ? String(value) : number(value));
  const { gt, gte, lt, lte } = given;
  // With the lower bound above the upper one, protovalidate takes what is outside.
  const outside =
    lowest(gt, gte) !== undefined &&
    highest(lt, lte) !== undefined &&
    Number(lowest(gt, gte)) >= Number(highest(lt, lte));
  const name = (keyword: string) => (isText ? `x-${keyword}` : keyword);
  const allowed = values(given.in)?.map(print);
  const limits: { [keyword: string]: unknown } = {
    [name("minimum")]: print(gte),
    [name("exclusiveMinimum")]: print(gt),
    [name("maximum")]: print(lte),
    [name("exclusiveMaximum")]: print(lt),
  };
  return clean({
    const: print(given.const),
    // NaN and the infinities are no numbers of JSON.
    enum: allowed?.includes(undefined) ? undefined : allowed,
    ...(outside ? {} : limits),
  });
}

const lowest = (gt: unknown, gte: unknown) => gte ?? gt;
const highest = (lt: unknown, lte: unknown) => lte ?? lt;

function textual(given: Decoded): SchemaObject {
  const { prefix, suffix, contains } = given as { [rule: string]: string | undefined };
  const { pattern = "" } = given as { readonly pattern?: string };
  const patterns = [
    given.pattern !== undefined && isPortable(pattern) ? pattern : undefined,
    prefix === undefined ? undefined : `^${literal(prefix)}`,
    suffix === undefined ? undefined : `${literal(suffix)}$`,
    contains === undefined ? undefined : literal(contains),
    given.tuuid === true ? "^[0-9a-fA-F]{32}$" : undefined,
    given.ulid === true ? ulid : undefined,
  ].filter((pattern) => pattern !== undefined);
  const [first, ...more] = patterns;
  const excluded = values(given.notIn);
  return clean({
    const: given.const,
    enum: values(given.in),
    minLength: number(given.len ?? given.minLen),
    maxLength: number(given.len ?? given.maxLen),
    format: formatOf(given),
    pattern: first,
    "x-pattern": isPortable(pattern) ? undefined : pattern,
    allOf: more.length > 0 ? more.map((pattern) => ({ pattern })) : undefined,
    anyOf: given.ip === true ? [{ format: "ipv4" }, { format: "ipv6" }] : undefined,
    not: excluded ? { enum: excluded } : undefined,
  });
}

/**
 * Whether a pattern of RE2 is one of JSON Schema, too, on every Node.js: newer ones know flags inside patterns.
 * Source: JSON Schema Core 2020-12, 6.4.
 */
function isPortable(pattern: string): boolean {
  if (/(?<!\\)\(\?(?![:<])/.test(pattern)) return false;
  try {
    new RegExp(pattern, "u");
    return true;
  } catch {
    return false;
  }
}

const stringFormats: { readonly [rule in keyof typeof formats]?: string } = {
  email: "email",
  hostname: "hostname",
  ipv4: "ipv4",
  ipv6: "ipv6",
  uri: "uri",
  uriRef: "uri-reference",
  uuid: "uuid",
};

const formatOf = (given: Decoded): string | undefined =>
  Object.entries(stringFormats).find(([rule]) => given[rule] === true)?.[1];

/** What is left of an enum, as its names. */
function named(given: Decoded, all: readonly DescEnumValue[]): SchemaObject {
  const [only, allowed, excluded] = [given.const, values(given.in), values(given.notIn)];
  if (only === undefined && !allowed && !excluded) return {};
  const left = all.filter(({ number: value }) => {
    const is = (other: unknown) => BigInt.asIntN(32, other as bigint) === BigInt(value);
    return (only === undefined || is(only)) && (allowed?.some(is) ?? true) && !excluded?.some(is);
  });
  return left.length > 0 ? { enum: left.map(({ name }) => name) } : {};
}

const number = (value: unknown): number | undefined => {
  const finite = value === undefined ? Number.NaN : Number(value);
  return Number.isFinite(finite) ? finite : undefined;
};
const values = (value: unknown) => (Array.isArray(value) && value.length > 0 ? (value as unknown[]) : undefined);
const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
const clean = (schema: { readonly [keyword: string]: unknown }): SchemaObject =>
  Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
