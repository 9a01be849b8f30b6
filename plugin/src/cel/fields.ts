import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { Edition, FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { messageType } from "./types.ts";
import { giveUp, type Message, type Shape, type Value } from "./value.ts";

/** How the generated messages of a run hold their fields. */
export interface Fields {
  /** A field of a message. Gives up where its type is not known for sure, or has no simple translation. */
  value(parent: Message, field: DescField): Value;
  /** Whether a field that knows it is set; undefined for fields that only know a default. */
  presence(parent: Message, field: DescField): Presence | undefined;
}

/** A test for a field, and the opposite. */
interface Presence {
  readonly yes: string;
  readonly no: string;
}

/** The test by an operator of inequality. */
const unless = (left: string, operator: "=" | "==", right: string): Presence => ({
  yes: `${left} !${operator} ${right}`,
  no: `${left} =${operator} ${right}`,
});

/** Messages that nothing is known of: rules over their fields are interpreted. */
export const unknown: Fields = { value: giveUp, presence: giveUp };

/** Messages of protobuf-es. Source: protoc-gen-es 2 and what it prints. */
export const protobufEs: Fields = {
  value(parent, field) {
    // With jstype = JS_STRING.
    const texts = "longAsString" in field && field.longAsString;
    const shape = shaped(field, (rep) => (rep === "bigint" && texts ? giveUp() : { rep }));
    const { oneof } = field;
    // In what is absent itself, only a default of the type's own is sure to be right.
    if ((oneof || parent.optional) && hasOwnDefault(field)) return giveUp();
    if (!oneof) return valueAt(`${at(parent)}${field.localName}`, field, shape, parent.optional || optional(field));
    if (parent.optional) return giveUp();
    const member = `${parent.js}.${oneof.localName}`;
    const chosen = `(${member}.case === "${field.localName}" ? ${member}.value : undefined)`;
    return valueAt(chosen, field, shape, true);
  },
  presence(parent, field) {
    const { oneof } = field;
    if (oneof) {
      const { yes, no } = unless(`${at(parent)}${oneof.localName}.case`, "==", `"${field.localName}"`);
      return { yes: no, no: yes };
    }
    if (optional(field)) return unless(`${at(parent)}${field.localName}`, "==", "undefined");
    return hasPresence(field) ? giveUp() : undefined;
  },
};

/** Messages of ts-proto. `nameOf` gives a field's name; `longs` is `forceLong`, as far as the run was told. */
export const tsProto = (nameOf: (field: string) => string, longs: string | undefined): Fields => ({
  value(parent, field) {
    supported(field);
    const shape = shaped(field, (rep) => {
      if (rep !== "bigint") return { rep };
      if (field.proto.options?.jstype) return giveUp();
      return longs === "bigint" ? { rep } : longs === "number" ? { rep: "number" } : undefined;
    });
    const js = `${at(parent)}${nameOf(field.name)}`;
    if (shape) {
      const value = valueAt(js, field, shape, parent.optional || optional(field));
      return value.kind === "scalar" ? { ...value, doubtful: true } : value;
    }
    // Number, bigint, string or Long: each prints its digits.
    if (field.fieldKind !== "scalar") return giveUp();
    const digits = parent.optional || optional(field) ? `${js} ?? 0` : js;
    return { kind: "scalar", rep: "bigint", js: `BigInt(String(${digits}))`, optional: false };
  },
  presence(parent, field) {
    supported(field);
    // Undefined or, with useNullAsOptional, null.
    return optional(field) ? unless(`${at(parent)}${nameOf(field.name)}`, "=", "null") : undefined;
  },
});

/** ts-proto reads other syntaxes as proto3, and represents a oneof in one of three ways. */
function supported(field: DescField): void {
  // A list of strings, and a value that is null when it is set to null.
  if (/^google\.protobuf\.(?:FieldMask|Value)$/.test(field.message?.typeName ?? "")) giveUp();
  if (field.parent.file.edition !== Edition.EDITION_PROTO3 || field.oneof) giveUp();
}

const at = ({ js, optional }: Message): string => `${js}${optional ? "?" : ""}.`;

/** Whether protobuf-es and ts-proto leave the field undefined when it is not set. */
const optional = (field: DescField): boolean => field.fieldKind === "message" || field.proto.proto3Optional;

const hasPresence = (field: DescField) => "presence" in field && field.presence !== FeatureSet_FieldPresence.IMPLICIT;

/** Whether a default is another one than proto3's. */
const hasOwnDefault = ({ proto, enum: of, fieldKind }: DescField): boolean =>
  (proto.defaultValue !== undefined && proto.defaultValue !== "") ||
  (fieldKind === "enum" && of.values[0]?.number !== 0);

type Reps = (rep: Shape["rep"]) => { readonly rep: Shape["rep"] } | undefined;

/** How a scalar, or an item of a list or map, is held. Undefined when `reps` does not know; messages have no shape. */
function shaped(field: DescField, reps: Reps): Shape | DescMessage | undefined {
  switch (field.fieldKind) {
    case "enum":
      return enumShape(field.enum);
    case "scalar":
      return scalarShape(field.scalar, reps);
    case "message":
      return field.message;
    case "list":
      if (field.listKind === "enum") return enumShape(field.enum);
      return field.listKind === "message" ? field.message : scalarShape(field.scalar, reps);
    case "map":
      if (field.mapKey !== ScalarType.STRING || field.mapKind !== "scalar") return giveUp();
      return scalarShape(field.scalar, reps);
  }
}

const enumShape = (of: DescEnum): Shape => ({ rep: "number", enum: of });

function scalarShape(scalar: ScalarType, reps: Reps): Shape | undefined {
  switch (scalar) {
    case ScalarType.STRING:
      return reps("string");
    case ScalarType.BOOL:
      return reps("boolean");
    case ScalarType.BYTES:
      return giveUp();
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { rep: "number", float: true };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return reps("bigint");
    default:
      return reps("number");
  }
}

function valueAt(js: string, field: DescField, shape: Shape | DescMessage | undefined, optional: boolean): Value {
  if (!shape) return giveUp();
  if (field.fieldKind === "list") return { kind: "list", js: parentOptional(js) ? `(${js} ?? [])` : js, of: shape };
  if (field.fieldKind === "map")
    return "rep" in shape && !parentOptional(js) ? { kind: "map", js, of: shape } : giveUp();
  if ("rep" in shape) return { kind: "scalar", js, optional, ...shape };
  const type = messageType(shape);
  if (type.kind === "message") return { kind: "message", desc: shape, js, optional };
  return type.kind === "wrapper" && field.fieldKind === "message" ? wrapper(js, shape) : giveUp();
}

const parentOptional = (js: string) => js.includes("?.");

/** Both generators hold a wrapper as its value, or undefined. */
function wrapper(js: string, desc: DescMessage): Value {
  const [field] = desc.fields;
  if (field?.fieldKind !== "scalar") return giveUp();
  const shape = scalarShape(field.scalar, (rep) => (rep === "bigint" ? giveUp() : { rep }));
  return shape ? { kind: "wrapper", js, ...shape } : giveUp();
}
