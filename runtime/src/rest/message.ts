import type { Shape } from "./tables.ts";
import { type Field, inField, isObject, type Json, type ValueType, wellFormed, wrong } from "./value.ts";

/** A message whose JSON is an object of its fields. `list` is read when the type is first used: types may hold themselves. */
export function message(typeName: string, list: () => readonly Field[], shape: Shape): ValueType {
  let fields: readonly Field[] | undefined;
  let byName: Map<string, Field> | undefined;
  let byJson: Map<string, Field> | undefined;
  const all = () => {
    fields ??= list();
    return fields;
  };
  const names = () => {
    byName ??= new Map(all().map((field) => [field.name, field]));
    return byName;
  };
  const spellings = () => {
    byJson ??= new Map([...names(), ...all().map((field) => [field.json, field] as const)]);
    return byJson;
  };
  return {
    zero: undefined,
    fields: names,
    ...(typeName === "google.api.HttpBody" && { raw: true }),
    write(value) {
      if (!isObject(value)) throw wrong(value, typeName);
      const json: { [key: string]: Json } = {};
      for (const field of all()) {
        const held = holding(value, field, shape);
        if (held === undefined || held === null) {
          if (!(held === null && field.type.takesNull)) continue;
        }
        try {
          const written = writeField(field, held);
          if (written !== undefined) json[field.json] = written;
        } catch (error) {
          throw inField(field.name, error);
        }
      }
      return json;
    },
    read(json) {
      if (!isObject(json)) throw wrong(json, `object of ${typeName}`);
      const result = blank(all());
      for (const [name, value] of Object.entries(json)) {
        const field = spellings().get(name);
        // A newer server may send fields that this client does not know.
        if (!field || value === undefined || (value === null && !field.type.takesNull)) continue;
        try {
          put(result, field, readField(field, value as Json), shape);
        } catch (error) {
          throw inField(field.name, error);
        }
      }
      return result;
    },
  };
}

/** What the message has for a field; undefined for a member of a oneof that is not chosen. */
function holding(value: { readonly [key: string]: unknown }, { oneof, key }: Field, { oneofs }: Shape): unknown {
  if (oneof === undefined) return value[key];
  const group = value[oneof];
  if (!isObject(group) || group.$case !== key) return undefined;
  return group[oneofs === "unions-value" ? "value" : key];
}

function put(result: { [key: string]: unknown }, { oneof, key }: Field, value: unknown, { oneofs }: Shape): void {
  if (oneof === undefined) define(result, key, value);
  else result[oneof] = { $case: key, [oneofs === "unions-value" ? "value" : key]: value };
}

/** The JSON of a field, or undefined when it says no more than its absence. */
function writeField({ label, type, keys }: Field, value: unknown): Json | undefined {
  if (label === "repeated") {
    if (!Array.isArray(value)) throw wrong(value, "list");
    return value.length === 0 ? undefined : value.map((one) => type.write(one));
  }
  if (label === "map") {
    const entries = value instanceof Map ? [...value] : isObject(value) ? Object.entries(value) : undefined;
    if (!entries) throw wrong(value, "map");
    const json: { [key: string]: Json } = {};
    for (const [key, one] of entries) define(json, wellFormed(String(key)), type.write(one));
    return entries.length === 0 || keys === undefined ? undefined : json;
  }
  const json = type.write(value);
  return label === "single" && isZero(value, type.zero) ? undefined : json;
}

function isZero(value: unknown, zero: unknown): boolean {
  if (zero === undefined) return false;
  if (zero instanceof Uint8Array) return (value as Uint8Array).length === 0;
  return Object.is(value, zero);
}

function readField({ label, type, keys, isMap }: Field, json: Json): unknown {
  if (label === "repeated") {
    if (!Array.isArray(json)) throw wrong(json, "list");
    return json.map((one: Json) => readOne(type, one));
  }
  if (label === "map" && keys) {
    if (!isObject(json)) throw wrong(json, "object");
    const entries = Object.entries(json).map(
      ([key, one]) =>
        [keys.read(key === "true" || key === "false" ? key === "true" : key), readOne(type, one as Json)] as const,
    );
    if (isMap) return new Map(entries);
    const result: { [key: string]: unknown } = {};
    for (const [key, one] of entries) define(result, String(key), one);
    return result;
  }
  return type.read(json);
}

function readOne(type: ValueType, json: Json): unknown {
  if (json === null && !type.takesNull) throw wrong(json, "value of a list or map");
  return type.read(json);
}

/** A message that has nothing set: its keys in the order of the proto file, as ts-proto has them. */
function blank(fields: readonly Field[]): { [key: string]: unknown } {
  const result: { [key: string]: unknown } = {};
  for (const { label, key, oneof, type, isMap } of fields) {
    if (oneof !== undefined) result[oneof] = undefined;
    else if (label === "repeated") result[key] = [];
    else if (label === "map") result[key] = isMap ? new Map() : {};
    else define(result, key, label === "single" ? type.zero : undefined);
  }
  return result;
}

/** Sets an own property, also under a name such as `__proto__`. */
function define(target: { [key: string]: unknown }, key: string, value: unknown): void {
  if (key === "__proto__")
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  else target[key] = value;
}
