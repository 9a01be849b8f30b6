import { message } from "./message.ts";
import { enumType, scalarTypes } from "./scalars.ts";
import type { Shape, Tables } from "./tables.ts";
import { type Field, isObject, type ValueType } from "./value.ts";
import { any, asMap, boxed, duration, fieldMask, loneValue, plain, timestamp } from "./well-known.ts";

const line = /^(?:(repeated|optional|map<(\w+)>|oneof:(\w+)) )?([\w.]+) (\w+)(?: json=(\S+))?(?: key=(\S+))?$/;

/** Finds types by name: those of the tables are compiled when they are first used. */
export class Types {
  readonly #tables: Tables;
  readonly #shape: Required<Omit<Shape, "oneofs">> & Pick<Shape, "oneofs">;
  /** What a field of a type holds, and what a message of the type is where it stands alone. */
  readonly #inFields: Map<string, ValueType>;
  readonly #alone: Map<string, ValueType>;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.#shape = { longs: "number", dates: "date", enumTexts: false, maps: false, ...tables.shape };
    const { longs, dates, maps } = this.#shape;
    const scalars = scalarTypes(longs);
    const struct = plain(isObject, "object");
    const list = plain(Array.isArray, "list");
    const value = plain((one) => one !== undefined, "JSON value", true);
    const wrapped = Object.entries(wrappers).map(([name, of]) => [name, scalars[of] as ValueType] as const);
    const common: readonly (readonly [string, ValueType])[] = [
      ["Duration", duration(longs)],
      ["Any", any],
    ];
    const empty = message("google.protobuf.Empty", () => [], this.#shape);
    this.#inFields = known([
      ...common,
      ["Timestamp", timestamp(dates, longs)],
      ["FieldMask", fieldMask],
      ["Struct", struct],
      ["ListValue", list],
      ["Value", value],
      ["Empty", empty],
      ...wrapped.map(([name, type]) => [name, { ...type, zero: undefined }] as const),
    ]);
    for (const [name, type] of Object.entries(scalars)) this.#inFields.set(name, type);
    // ts-proto takes off what wraps a value in fields alone.
    this.#alone = known([
      ...common,
      ["Timestamp", timestamp("message", longs)],
      ["FieldMask", boxed("paths", fieldMask, () => [])],
      ["Struct", maps ? boxed("fields", asMap(struct), () => new Map()) : boxed("fields", struct, () => ({}))],
      ["ListValue", boxed("values", list, () => [])],
      ["Value", loneValue],
      ["Empty", empty],
      ...wrapped.map(([name, type]) => [name, boxed("value", type)] as const),
    ]);
  }

  /** A message that is a request or a reply. Throws when the tables do not have it. */
  message(typeName: string): ValueType {
    return this.#alone.get(typeName) ?? this.#type(typeName);
  }

  #type(name: string): ValueType {
    const found = this.#inFields.get(name) ?? this.#declared(name);
    this.#inFields.set(name, found);
    return found;
  }

  #declared(name: string): ValueType {
    const { messages, enums } = this.#tables;
    if (Object.hasOwn(enums, name)) return enumType(enums[name] as { [name: string]: number }, this.#shape.enumTexts);
    if (!Object.hasOwn(messages, name)) throw new Error(`the tables have no ${name}: generate the code again`);
    return message(name, () => (messages[name] as string[]).map((text) => this.#field(text)), this.#shape);
  }

  #field(text: string): Field {
    const [, label, keys, group, type = "", name = "", json = camel(name), key = json] = line.exec(text) ?? [];
    if (name === "") throw new Error(`the tables have a field ${JSON.stringify(text)}: generate the code again`);
    const keyType = keys === undefined ? undefined : this.#type(keys);
    return {
      name,
      json,
      key,
      label: keys ? "map" : group ? "oneof" : ((label ?? "single") as Field["label"]),
      oneof: this.#shape.oneofs && group,
      type: this.#type(type),
      keys: keyType,
      // Whatever its options, ts-proto does so where keys are neither text nor small numbers.
      isMap: this.#shape.maps || typeof keyType?.zero === "boolean" || typeof keyType?.zero === "bigint",
    };
  }
}

const wrappers = {
  BoolValue: "bool",
  BytesValue: "bytes",
  DoubleValue: "double",
  FloatValue: "float",
  Int32Value: "int32",
  Int64Value: "int64",
  StringValue: "string",
  UInt32Value: "uint32",
  UInt64Value: "uint64",
};

const known = (types: readonly (readonly [string, ValueType])[]) =>
  new Map([
    ...types.map(([name, type]) => [`google.protobuf.${name}`, type] as const),
    ["google.protobuf.NullValue", nullValue] as const,
  ]);

const nullValue: ValueType = { zero: 0, write: () => null, read: () => 0, takesNull: true };

/** protoc's default JSON name: each underscore goes, and what follows it becomes a capital. */
const camel = (name: string) => name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());
