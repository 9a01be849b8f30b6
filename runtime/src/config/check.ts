import { type DescEnum, type DescField, type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { nearest, unknownKey } from "../core/known-keys.ts";
import { ConfigError } from "./error.ts";
import { isEntries, isItems, kindOf, type Node } from "./node.ts";

/** A configuration of which nothing is left that `fromJson` refuses: keys by their JSON names, absent ones left out. */
export interface Checked {
  readonly json: { readonly [key: string]: JsonValue };
  /** Where each key was written, by its path, such as `targets[1].tls`. */
  readonly places: ReadonlyMap<string, string>;
}

/** Throws a ConfigError for whatever protobuf-es would refuse without saying where, and for what it would not see. */
export function checkConfig(root: Node, schema: DescMessage): Checked {
  const places = new Map<string, string>();
  return { json: checkMessage(root, schema, "", places), places };
}

function checkMessage(node: Node, message: DescMessage, path: string, places: Map<string, string>) {
  const { at, value } = node;
  places.set(path, at);
  if (!isEntries(value)) throw new ConfigError(at, path, `is ${kindOf(value)}, it must be an object`);
  const seen = new Map<string, string>();
  const json: { [key: string]: JsonValue } = {};
  for (const [key, inner] of value) {
    const field = message.fields.find(({ name, jsonName }) => key === jsonName || key === name);
    if (!field) {
      const known = message.fields.map(({ jsonName }) => jsonName);
      throw new ConfigError(inner.at, path, unknownKey(key, known));
    }
    if (inner.value === null) continue; // ProtoJSON: the same as absent.
    const place = field.oneof?.name ?? field.name;
    const earlier = seen.get(place);
    if (earlier !== undefined)
      throw new ConfigError(inner.at, path, `${earlier} and ${key} exclude each other: keep one`);
    seen.set(place, key);
    json[field.jsonName] = checkField(inner, field, path === "" ? field.jsonName : `${path}.${field.jsonName}`, places);
  }
  return json;
}

function checkField(node: Node, field: DescField, path: string, places: Map<string, string>): JsonValue {
  const { at, value } = node;
  places.set(path, at);
  if (field.fieldKind === "list") {
    if (!isItems(value)) throw new ConfigError(at, path, `is ${kindOf(value)}, it must be a list`);
    return value.map((item, index) => {
      const place = `${path}[${index}]`;
      places.set(place, item.at);
      if (field.message) return checkMessage(item, field.message, place, places);
      return field.enum ? checkEnum(item, field.enum, place) : checkScalar(item, field.scalar, place);
    });
  }
  if (field.fieldKind === "map") return checkMap(node, field, path, places);
  if (field.message && isJson(field.message)) return checkJson(node, field.message, path, places);
  if (field.message) return checkMessage(node, field.message, path, places);
  return field.enum ? checkEnum(node, field.enum, path) : checkScalar(node, field.scalar, path);
}

function checkMap(
  { at, value }: Node,
  field: DescField & { fieldKind: "map" },
  path: string,
  places: Map<string, string>,
) {
  if (!isEntries(value)) throw new ConfigError(at, path, `is ${kindOf(value)}, it must be an object`);
  const { message } = field;
  if (!message) throw new Error(`no check of the type of ${path} is written yet`);
  return Object.fromEntries(
    [...value].map(([key, inner]) => [key, checkMessage(inner, message, `${path}.${key}`, places)]),
  );
}

/** Messages that are any JSON there is. */
const isJson = ({ typeName }: DescMessage) => /^google\.protobuf\.(?:Struct|Value)$/.test(typeName);

function checkJson(node: Node, { typeName }: DescMessage, path: string, places: Map<string, string>): JsonValue {
  if (typeName === "google.protobuf.Struct" && !isEntries(node.value))
    throw new ConfigError(node.at, path, `is ${kindOf(node.value)}, it must be an object`);
  return jsonOf(node, path, places);
}

function jsonOf({ at, value }: Node, path: string, places: Map<string, string>): JsonValue {
  places.set(path, at);
  if (isItems(value)) return value.map((item, index) => jsonOf(item, `${path}[${index}]`, places));
  if (!isEntries(value)) return value as JsonValue;
  return Object.fromEntries([...value].map(([key, inner]) => [key, jsonOf(inner, `${path}.${key}`, places)]));
}

/** The scalar types that the schema uses. */
const scalars: {
  readonly [type: number]: { readonly what: string; readonly fits: (value: Node["value"]) => boolean };
} = {
  [ScalarType.STRING]: { what: "text", fits: (value) => typeof value === "string" },
  [ScalarType.BOOL]: { what: "true or false", fits: (value) => typeof value === "boolean" },
  [ScalarType.UINT32]: { what: "a whole number of at least 0", fits: (value) => isWhole(value, 2 ** 32 - 1) },
  [ScalarType.UINT64]: {
    what: "a whole number of at least 0",
    fits: (value) => isWhole(value, Number.MAX_SAFE_INTEGER) || (typeof value === "string" && /^\d{1,19}$/.test(value)),
  },
  [ScalarType.DOUBLE]: { what: "a number", fits: Number.isFinite },
};

const isWhole = (value: Node["value"], most: number) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;

function checkScalar({ at, value }: Node, type: ScalarType | undefined, path: string): JsonValue {
  const scalar = scalars[type ?? -1];
  if (!scalar) throw new Error(`no check of the type of ${path} is written yet`);
  if (!scalar.fits(value)) throw new ConfigError(at, path, `is ${kindOf(value)}, it must be ${scalar.what}`);
  return value as JsonValue;
}

function checkEnum({ at, value }: Node, { values }: DescEnum, path: string): JsonValue {
  const names = values.map(({ name }) => name).filter((name) => !name.endsWith("_UNSPECIFIED"));
  if (typeof value === "string" && names.includes(value)) return value;
  const meant = typeof value === "string" ? nearest(value, names) : undefined;
  const hint = meant ? `, did you mean ${meant}?` : ".";
  throw new ConfigError(at, path, `is none of the names that it may be${hint} Names: ${names.join(", ")}`);
}
