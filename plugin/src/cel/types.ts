import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** The type of a CEL expression, as far as it is known; `dyn` is anything. */
export type Type =
  | { readonly kind: Simple }
  | { readonly kind: "list"; readonly of: Type }
  | { readonly kind: "map"; readonly key: Type; readonly value: Type }
  /** A wrapper message: its value, or null. */
  | { readonly kind: "wrapper"; readonly of: Type }
  | { readonly kind: "message"; readonly desc: DescMessage }
  /** The variables `auth` and `method`. */
  | { readonly kind: "record"; readonly name: string; readonly fields: ReadonlyMap<string, Type> };

/** Types without parts. */
export type Simple =
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "null"
  | "timestamp"
  | "duration"
  | "type"
  | "dyn";

/** A type without parts. */
export const simple = (kind: Simple): Type => ({ kind });

/** What users call a type. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "message":
      return type.desc.typeName;
    case "record":
      return type.name;
    case "wrapper":
      return typeName(type.of);
    case "list":
      return `list(${typeName(type.of)})`;
    case "map":
      return `map(${typeName(type.key)}, ${typeName(type.value)})`;
    default:
      return type.kind;
  }
}

const list = (of: Type): Type => ({ kind: "list", of });

/** The type that a field has in CEL. */
export function fieldType(field: DescField): Type {
  switch (field.fieldKind) {
    case "enum":
      return simple("int");
    case "scalar":
      return scalarType(field.scalar);
    case "message":
      return messageType(field.message);
    case "list":
      return list(itemType(field.listKind, field));
    case "map":
      return { kind: "map", key: scalarType(field.mapKey), value: itemType(field.mapKind, field) };
  }
}

function itemType(kind: "enum" | "scalar" | "message", { scalar, message }: DescField): Type {
  if (kind === "enum") return simple("int");
  return kind === "scalar" ? scalarType(scalar as ScalarType) : messageType(message as DescMessage);
}

function scalarType(scalar: ScalarType): Type {
  switch (scalar) {
    case ScalarType.STRING:
      return simple("string");
    case ScalarType.BOOL:
      return simple("bool");
    case ScalarType.BYTES:
      return simple("bytes");
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return simple("double");
    case ScalarType.UINT32:
    case ScalarType.UINT64:
    case ScalarType.FIXED32:
    case ScalarType.FIXED64:
      return simple("uint");
    default:
      return simple("int");
  }
}

const wellKnown: { readonly [name: string]: Type } = {
  Timestamp: simple("timestamp"),
  Duration: simple("duration"),
  Any: simple("dyn"),
  Value: simple("dyn"),
  ListValue: list(simple("dyn")),
  Struct: { kind: "map", key: simple("string"), value: simple("dyn") },
};

/** The type that a message has in CEL. */
export function messageType(desc: DescMessage): Type {
  const [, name = ""] = /^google\.protobuf\.(\w+)$/.exec(desc.typeName) ?? [];
  if (Object.hasOwn(wellKnown, name)) return wellKnown[name] as Type;
  const [value] = desc.fields;
  if (/^(?:Bool|Bytes|Double|Float|U?Int(?:32|64)|String)Value$/.test(name) && value?.fieldKind === "scalar") {
    return { kind: "wrapper", of: scalarType(value.scalar) };
  }
  return { kind: "message", desc };
}
