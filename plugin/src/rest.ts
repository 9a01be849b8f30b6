import { type DescEnum, type DescField, type DescFile, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { MessageModel, RestCheckModel, RestModel, RestShape } from "./model.ts";

/** The messages that the runtime knows without a table. */
const known =
  /^google\.protobuf\.(?:Any|Duration|Empty|FieldMask|ListValue|NullValue|Struct|Timestamp|Value|(?:Bool|Bytes|Double|Float|U?Int(?:32|64)|String)Value)$/;

/** What a REST client of a file's services has to know about messages. */
export interface RestNames {
  /** A message of the run. */
  message(desc: DescMessage): MessageModel;
  /** Property of a field or a oneof. */
  key(protoName: string): string;
}

/** Collects the messages that a file's methods reach, as lines of tables. */
export function restModel(file: DescFile, mesh: string, shape: RestShape, names: RestNames): RestModel {
  const messages = new Map<string, DescMessage>();
  const enums = new Map<string, DescEnum>();
  const visit = (message: DescMessage | undefined) => {
    if (!message || known.test(message.typeName) || messages.has(message.typeName)) return;
    messages.set(message.typeName, message);
    for (const field of message.fields) {
      if (field.enum && !known.test(field.enum.typeName)) enums.set(field.enum.typeName, field.enum);
      visit(field.message);
    }
  };
  for (const { methods } of file.services) {
    for (const { input, output } of methods) {
      visit(input);
      visit(output);
    }
  }
  const sorted = [...messages.values()].sort((a, b) => (a.typeName < b.typeName ? -1 : 1));
  return {
    output: `${file.name}_rest.ts`,
    mesh,
    shape,
    messages: sorted.map(({ typeName, fields }) => ({
      typeName,
      fields: fields.map((field) => line(field, names)),
    })),
    enums: [...enums.values()]
      .sort((a, b) => (a.typeName < b.typeName ? -1 : 1))
      .map(({ typeName, values }) => ({
        typeName,
        // Of several names of a number the first counts, so they keep their order.
        values: Object.fromEntries(values.map(({ name, number }) => [name, number])),
      })),
    checks: sorted.flatMap((message) => check(message, shape, names)),
  };
}

/** A field in the words of its proto file. */
function line(field: DescField, { key }: RestNames): string {
  const label =
    field.fieldKind === "map"
      ? `map<${scalarName(field.mapKey)}> `
      : field.fieldKind === "list"
        ? "repeated "
        : field.oneof
          ? `oneof:${key(field.oneof.name)} `
          : field.fieldKind !== "message" && field.presence !== FeatureSet_FieldPresence.IMPLICIT
            ? "optional "
            : "";
  const type = field.message?.typeName ?? field.enum?.typeName ?? scalarName(field.scalar as ScalarType);
  const json = field.jsonName === jsonName(field.name) ? "" : ` json=${field.jsonName}`;
  const property = key(field.name);
  return `${label}${type} ${field.name}${json}${property === field.jsonName ? "" : ` key=${property}`}`;
}

/** The JSON name that a field has by default: what follows an underscore becomes a capital. */
export const jsonName = (name: string): string => name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());

const scalarName = (scalar: ScalarType) => (ScalarType[scalar] as string).toLowerCase();

/** The fields of a message that ts-proto may hold in another way, or call by another name, than the tables say. */
function check(message: DescMessage, shape: RestShape, names: RestNames): RestCheckModel[] {
  const fields = new Map<string, string>();
  for (const field of message.fields) {
    if (field.oneof && shape.oneofs) fields.set(names.key(field.oneof.name), "{ $case: string } | undefined");
    else if (field.oneof || field.name.includes("_") || depends(field))
      fields.set(names.key(field.name), `${typeOf(field, shape)} | undefined`);
  }
  if (fields.size === 0) return [];
  return [{ type: names.message(message).type, fields: [...fields].map(([key, type]) => ({ key, type })) }];
}

const longs: readonly (ScalarType | undefined)[] = [
  ScalarType.INT64,
  ScalarType.SINT64,
  ScalarType.SFIXED64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
];

const depends = ({ fieldKind, scalar, enum: of, message }: DescField) =>
  fieldKind === "map" ||
  of !== undefined ||
  longs.includes(scalar) ||
  message?.typeName === "google.protobuf.Timestamp";

function typeOf(field: DescField, shape: RestShape): string {
  const one = singleType(field, shape);
  if (field.fieldKind === "list") return `readonly ${one.includes(" ") ? `(${one})` : one}[]`;
  if (field.fieldKind !== "map") return one;
  const { mapKey } = field;
  const isMap = shape.maps || mapKey === ScalarType.BOOL || (longs.includes(mapKey) && shape.longs === "bigint");
  if (!isMap) return `{ readonly [key: string]: ${one} }`;
  const key = mapKey === ScalarType.STRING ? "string" : scalarType(mapKey, shape);
  return `ReadonlyMap<${key}, ${one}>`;
}

function singleType(field: DescField, shape: RestShape): string {
  if (field.enum) return field.enum.typeName === "google.protobuf.NullValue" || !shape.enumTexts ? "number" : "string";
  if (field.scalar !== undefined) return scalarType(field.scalar, shape);
  const name = field.message?.typeName;
  if (name === "google.protobuf.Timestamp")
    return shape.dates === "string" ? "string" : shape.dates === "message" ? "{ nanos: number }" : "Date";
  const wrapped = /^google\.protobuf\.\w+Value$/.test(name ?? "") ? field.message?.fields[0] : undefined;
  if (name === "google.protobuf.Value") return "{}";
  return wrapped?.scalar === undefined ? "object" : scalarType(wrapped.scalar, shape);
}

function scalarType(scalar: ScalarType, { longs: held }: RestShape): string {
  if (longs.includes(scalar)) return held ?? "number";
  if (scalar === ScalarType.STRING) return "string";
  if (scalar === ScalarType.BOOL) return "boolean";
  return scalar === ScalarType.BYTES ? "Uint8Array" : "number";
}
