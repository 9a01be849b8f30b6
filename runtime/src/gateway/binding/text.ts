import { type DescEnum, type DescField, type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";

/** Text from a path or a query that its field cannot hold. The message says what it can hold. */
export class TextError extends Error {
  override readonly name = "TextError";
}

/** Turns the text of a path segment or a query parameter into ProtoJSON. Throws TextError. */
export type TextReader = (text: string) => JsonValue;

/**
 * How one value of a field is read from text: of an element, when the field is a list; of a value, when it is a map.
 * Undefined for messages, which no text can hold.
 *
 * Only the shape of the text is checked here; ranges and names are checked where ProtoJSON is read.
 */
export function textReader(field: DescField): TextReader | undefined {
  if (field.scalar !== undefined) return scalarReaders[field.scalar];
  if (field.enum) return enumReader(field.enum);
  if (field.message) return messageReader(field.message);
  return undefined;
}

/** Reads text that matches a pattern as it is. ProtoJSON takes numbers as strings, too. */
const matching =
  (pattern: RegExp, expected: string): TextReader =>
  (text) => {
    if (!pattern.test(text)) throw new TextError(`is not ${expected}`);
    return text;
  };

const integer = matching(/^-?\d+$/, "a decimal integer");
const decimal = matching(
  /^(?:-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|-?Infinity)$/,
  "a number, NaN, Infinity or -Infinity",
);
const base64 = matching(/^[A-Za-z0-9+/_-]*={0,2}$/, "base64");
const asItIs: TextReader = (text) => text;
const truth: TextReader = (text) => {
  const lower = text.toLowerCase();
  if (lower === "true" || lower === "1") return true;
  if (lower === "false" || lower === "0") return false;
  throw new TextError("is not true or false");
};

const scalarReaders: { readonly [S in ScalarType]: TextReader } = {
  [ScalarType.DOUBLE]: decimal,
  [ScalarType.FLOAT]: decimal,
  [ScalarType.INT64]: integer,
  [ScalarType.UINT64]: integer,
  [ScalarType.INT32]: integer,
  [ScalarType.FIXED64]: integer,
  [ScalarType.FIXED32]: integer,
  [ScalarType.BOOL]: truth,
  [ScalarType.STRING]: asItIs,
  [ScalarType.BYTES]: base64,
  [ScalarType.UINT32]: integer,
  [ScalarType.SFIXED32]: integer,
  [ScalarType.SFIXED64]: integer,
  [ScalarType.SINT32]: integer,
  [ScalarType.SINT64]: integer,
};

/** A name, or any number that fits: enums are open. */
const enumReader =
  (descriptor: DescEnum): TextReader =>
  (text) => {
    if (/^-?\d+$/.test(text)) return Number(text);
    if (descriptor.values.some(({ name }) => name === text)) return text;
    throw new TextError(`is neither a value of ${descriptor.typeName} nor a number`);
  };

const json: TextReader = (text) => {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new TextError("is not JSON", { cause });
  }
};

/** The messages that ProtoJSON writes as text, and those whose JSON text may stand in a query. */
const messageReaders: ReadonlyMap<string, TextReader> = new Map([
  ["google.protobuf.Timestamp", asItIs],
  ["google.protobuf.Duration", matching(/^-?\d+(?:\.\d{1,9})?s$/, 'a duration such as "1.5s"')],
  ["google.protobuf.FieldMask", asItIs],
  ["google.protobuf.Struct", json],
  ["google.protobuf.Value", json],
  ["google.protobuf.ListValue", json],
]);

function messageReader(descriptor: DescMessage): TextReader | undefined {
  const known = messageReaders.get(descriptor.typeName);
  if (known) return known;
  const isWrapper = /^google\.protobuf\.(Bool|Bytes|Double|Float|U?Int(?:32|64)|String)Value$/.test(
    descriptor.typeName,
  );
  const value = isWrapper ? descriptor.fields[0] : undefined;
  return value && textReader(value);
}

/**
 * The paths of a FieldMask in text. Both spellings are taken, and proto names result.
 * Direct, because ProtoJSON's FieldMask loses names such as `line_1`.
 */
export const maskPaths = (text: string): string[] =>
  text === "" ? [] : text.split(",").map((path) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
