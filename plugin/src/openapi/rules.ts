import type { DescEnum, DescField, DescMessage, DescOneof } from "@bufbuild/protobuf";
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
  uint32: [5, bounds("int")],
  uint64: [6, bounds("int")],
  sint32: [7, bounds("sint")],
  sint64: [8, bounds("sint")],
  fixed32: [9, bounds("fixed32")],
  fixed64: [10, bounds("fixed64")],
  sfixed32: [11, bounds("fixed32")],
  sfixed64: [12, bounds("fixed64")],
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

const fieldRules: Shape = { required: [25, "bool"], ...ruleShapes };

/** The rules of a field; empty without any. */
export const rulesOf = (field: DescField): Decoded =>
  (decodeOption(field, extension, message(fieldRules)) ?? {}) as Decoded;

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

/** The keywords that say the same as the rules of one value, for values of the schema `base`. */
export function keywordsOf(rules: Decoded, base: SchemaObject, type: DescEnum | undefined): SchemaObject {
  for (const [kind, value] of Object.entries(rules)) {
    if (!(kind in ruleShapes) || typeof value !== "object") continue;
    const given = value as Decoded;
    if (kind === "string") return textual(given);
    if (kind === "enum") return type ? named(given, type) : {};
    if (kind === "bool") return given.const === undefined ? {} : { const: given.const };
    if (kind === "repeated")
      return clean({ minItems: number(given.minItems), maxItems: number(given.maxItems), uniqueItems: given.unique });
    if (kind === "map") return clean({ minProperties: number(given.minPairs), maxProperties: number(given.maxPairs) });
    if (kind !== "bytes") return numeric(given, base);
  }
  return {};
}

function numeric(given: Decoded, { type }: SchemaObject): SchemaObject {
  // 64-bit numbers are text in JSON, where bounds mean nothing: they are said for readers.
  const print = (value: unknown) => (value !== undefined && type === "string" ? String(value) : number(value));
  const { gt, gte, lt, lte } = given;
  // With the lower bound above the upper one, protovalidate takes what is outside.
  const outside =
    lowest(gt, gte) !== undefined &&
    highest(lt, lte) !== undefined &&
    Number(lowest(gt, gte)) >= Number(highest(lt, lte));
  const name = (keyword: string) => (type === "string" ? `x-${keyword}` : keyword);
  const limits: { [keyword: string]: unknown } = {
    [name("minimum")]: print(gte),
    [name("exclusiveMinimum")]: print(gt),
    [name("maximum")]: print(lte),
    [name("exclusiveMaximum")]: print(lt),
  };
  return clean({
    const: print(given.const),
    enum: values(given.in)?.map(print),
    ...(outside ? {} : limits),
  });
}

const lowest = (gt: unknown, gte: unknown) => gte ?? gt;
const highest = (lt: unknown, lte: unknown) => lte ?? lt;

function textual(given: Decoded): SchemaObject {
  const { prefix, suffix, contains } = given as { [rule: string]: string | undefined };
  const patterns = [
    given.pattern as string | undefined,
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
    allOf: more.length > 0 ? more.map((pattern) => ({ pattern })) : undefined,
    anyOf: given.ip === true ? [{ format: "ipv4" }, { format: "ipv6" }] : undefined,
    not: excluded ? { enum: excluded } : undefined,
  });
}

const names: { readonly [rule in keyof typeof formats]?: string } = {
  email: "email",
  hostname: "hostname",
  ipv4: "ipv4",
  ipv6: "ipv6",
  uri: "uri",
  uriRef: "uri-reference",
  uuid: "uuid",
};

const formatOf = (given: Decoded): string | undefined =>
  Object.entries(names).find(([rule]) => given[rule] === true)?.[1];

/** What is left of an enum, as its names. */
function named(given: Decoded, type: DescEnum): SchemaObject {
  const [only, allowed, excluded] = [given.const, values(given.in), values(given.notIn)];
  if (only === undefined && !allowed && !excluded) return {};
  const left = type.values.filter(({ number: value }) => {
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
