import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { SchemaObject } from "openapi3-ts/oas31";

/** A scalar in ProtoJSON. Source: protobuf.dev, "ProtoJSON Format". */
export function scalarSchema(type: ScalarType): SchemaObject {
  switch (type) {
    case ScalarType.DOUBLE:
      return { type: "number", format: "double" };
    case ScalarType.FLOAT:
      return { type: "number", format: "float" };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return { type: "string", format: "int64" };
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return { type: "string", format: "uint64" };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return { type: "integer", format: "int32" };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: "integer", format: "uint32", minimum: 0 };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.BYTES:
      return { type: "string", format: "byte", contentEncoding: "base64" };
    case ScalarType.STRING:
      return { type: "string" };
  }
}

/** The JSON of one value that is zero: of a scalar or enum, or of an element of a list or map. Undefined for messages. */
export function zeroValue({ scalar, enum: type }: DescField): unknown {
  if (type) return type.values[0]?.name;
  if (scalar === undefined) return undefined;
  const schema = scalarSchema(scalar);
  if (schema.type === "boolean") return false;
  if (schema.type !== "string") return 0;
  return /int64$/.test(schema.format ?? "") ? "0" : "";
}

/** The JSON by which a field is there and not set; undefined where being there is being set. Source: ProtoJSON, field presence. */
export function unsetValue(field: DescField): unknown {
  if (field.fieldKind === "list") return [];
  if (field.fieldKind === "map") return {};
  return field.presence === FeatureSet_FieldPresence.IMPLICIT ? zeroValue(field) : undefined;
}

/** Messages that have a JSON form of their own. Source: protobuf.dev, "ProtoJSON Format". */
const forms: { readonly [name: string]: SchemaObject } = {
  Any: {
    type: "object",
    description: "Any message, with its type.",
    properties: { "@type": { type: "string", description: "A URL that ends in the full name of the message." } },
    required: ["@type"],
    additionalProperties: true,
  },
  Duration: { type: "string", pattern: "^-?[0-9]+(\\.[0-9]{1,9})?s$", description: "Seconds, such as 1.5s." },
  Empty: { type: "object", description: "Nothing.", additionalProperties: false },
  FieldMask: { type: "string", description: "Paths of fields, separated by commas." },
  ListValue: { type: "array", items: {} },
  Struct: { type: "object", additionalProperties: true },
  Timestamp: { type: "string", format: "date-time" },
  Value: { description: "Any JSON value." },
};

/** The schema of a message with a JSON form of its own; undefined for any other. */
export function wellKnownSchema({ typeName, fields }: DescMessage): SchemaObject | undefined {
  const name = /^google\.protobuf\.(\w+)$/.exec(typeName)?.[1];
  if (name === undefined) return undefined;
  const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
  if (form) return form;
  const value = /^(Bool|Bytes|Double|Float|String|U?Int(32|64))Value$/.test(name) ? fields[0] : undefined;
  if (value?.fieldKind !== "scalar") return undefined;
  const schema = scalarSchema(value.scalar);
  return { ...schema, type: [schema.type as "string", "null"] };
}

/** Whether one text says the whole value, or an element of a list or map, as a path, a query or a header has it. */
export function isTextual({ message }: DescField): boolean {
  if (!message) return true;
  return /^google\.protobuf\.(Timestamp|Duration|FieldMask|(Bool|Bytes|Double|Float|String|U?Int(32|64))Value)$/.test(
    message.typeName,
  );
}

/** Whether a message is arbitrary JSON. */
export const isJson = ({ typeName }: DescMessage): boolean =>
  /^google\.protobuf\.(Struct|Value|ListValue)$/.test(typeName);

/** Whether a message is a body as it is, in its own media type. */
export const isHttpBody = (message: DescMessage | undefined): boolean => message?.typeName === "google.api.HttpBody";
