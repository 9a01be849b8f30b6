import { create, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { copier, type FieldShape, type Form, isWrapper, type MessageShape, type Presence } from "./shape.ts";

const known = new WeakMap<DescMessage, MessageShape>();

/** The shape of protobuf-es messages. */
export function esShape(desc: DescMessage): MessageShape {
  let shape = known.get(desc);
  if (!shape) {
    const template = create(desc);
    const onPrototype = Object.getPrototypeOf(template) !== Object.prototype;
    shape = {
      desc,
      make: copier(template),
      fields: byNumber(desc).map((field) => fieldShape(field, onPrototype)),
      es: true,
    };
    known.set(desc, shape);
  }
  return shape;
}

/** The fields of a message in the order of their numbers. */
export const byNumber = ({ fields }: DescMessage): DescField[] => [...fields].sort((a, b) => a.number - b.number);

/** google.protobuf.FeatureSet.FieldPresence.IMPLICIT, which protobuf-es has as a number only. */
const IMPLICIT = 2;

/** True for fields whose zero value is the same as no value. */
export const isImplicit = (field: DescField): boolean => (field.presence as number) === IMPLICIT;

function fieldShape(field: DescField, onPrototype: boolean): FieldShape {
  const { oneof, localName } = field;
  const presence: Presence = isImplicit(field) ? "implicit" : onPrototype ? "own" : "defined";
  return {
    field,
    key: oneof?.localName ?? localName,
    union: oneof && { tag: "case", name: localName, value: "value" },
    presence,
    form: formOf(field),
    map: field.fieldKind === "map" ? { isMap: false, key: "same" } : undefined,
  };
}

function formOf(field: DescField): Form {
  const { message, scalar } = field;
  if (field.enum) return { kind: "enum", desc: field.enum };
  if (scalar !== undefined) {
    const longAsString = field.fieldKind !== "map" && "longAsString" in field && field.longAsString;
    return { kind: "scalar", type: scalar, as: isLong(scalar) ? (longAsString ? "string" : "bigint") : "same" };
  }
  const desc = message as DescMessage;
  if (desc.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value")
    return { kind: "plain", type: "Struct" };
  if (field.fieldKind === "message" && !field.oneof && isWrapper(desc))
    return { kind: "wrapped", desc, inner: formOf(desc.fields[0] as DescField) };
  return { kind: "message", desc };
}

/** True for the scalars of 64 bits. */
export const isLong = (type: ScalarType): boolean =>
  type === ScalarType.INT64 ||
  type === ScalarType.UINT64 ||
  type === ScalarType.SINT64 ||
  type === ScalarType.FIXED64 ||
  type === ScalarType.SFIXED64;
