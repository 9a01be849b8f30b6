import { type DescEnum, ScalarType } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { JsonError, show } from "./error.ts";
import type { EnumTexts, ScalarForm } from "./shape.ts";

/** Turns a JSON value into what the message holds. Throws JsonError, which names the field. */
export type ScalarReader = (json: unknown) => unknown;

/** How the values of a scalar are read. */
export function scalarReader(type: ScalarType, as: ScalarForm, field: string): ScalarReader {
  switch (type) {
    case ScalarType.STRING:
      return (json) => {
        if (typeof json !== "string") throw expected("string", json, field);
        if (!isWellFormed(json)) throw new JsonError(field, "is no valid Unicode");
        return json;
      };
    case ScalarType.BOOL:
      return (json) => {
        if (typeof json !== "boolean") throw expected("bool", json, field);
        return json;
      };
    case ScalarType.BYTES:
      return bytesReader(as === "buffer", field);
    case ScalarType.DOUBLE:
      return floatReader("double", field);
    case ScalarType.FLOAT: {
      const read = floatReader("float", field);
      return (json) => {
        const value = read(json);
        if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) throw expected("float", json, field);
        return value;
      };
    }
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return (json) => {
        if (typeof json === "number" && (json | 0) === json) return json | 0;
        const value = numberIn(json);
        if (value !== (value | 0)) throw expected("int32", json, field);
        return value | 0;
      };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return (json) => {
        const value = typeof json === "number" ? json : numberIn(json);
        if (value !== value >>> 0) throw expected("uint32", json, field);
        return value >>> 0;
      };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return longReader("int64", -(2n ** 63n), 2n ** 63n - 1n, as, field);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return longReader("uint64", 0n, 2n ** 64n - 1n, as, field);
  }
}

const expected = (what: string, json: unknown, field: string) =>
  new JsonError(field, `expected ${what}, got ${show(json)}`);

/** Whether text has no half of a surrogate pair. In the library of TypeScript from ES2024 on, in Node since 20. */
export const isWellFormed = (text: string): boolean => (text as string & { isWellFormed(): boolean }).isWellFormed();

const decimal = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A number, also as text or a bigint; NaN when it is none. */
const numberIn = (json: unknown): number =>
  typeof json === "number"
    ? json
    : typeof json === "bigint" || (typeof json === "string" && decimal.test(json))
      ? Number(json)
      : Number.NaN;

function floatReader(what: string, field: string): (json: unknown) => number {
  return (json) => {
    const value = typeof json === "number" ? json : numberIn(json);
    if (Number.isFinite(value)) return value;
    if (json === "NaN") return Number.NaN;
    if (json === "Infinity") return Number.POSITIVE_INFINITY;
    if (json === "-Infinity") return Number.NEGATIVE_INFINITY;
    throw expected(what, json, field);
  };
}

function longReader(what: string, least: bigint, most: bigint, as: ScalarForm, field: string): ScalarReader {
  const parse = (json: unknown): bigint => {
    const whole =
      typeof json === "number"
        ? Number.isInteger(json)
          ? BigInt(json)
          : undefined
        : typeof json === "string"
          ? wholeIn(json)
          : typeof json === "bigint"
            ? json
            : undefined;
    if (whole === undefined || whole < least || whole > most) throw expected(what, json, field);
    return whole;
  };
  if (as === "bigint") {
    // Most numbers are small, and are in every range, but for a sign where there is none.
    return (json) => {
      const whole = typeof json === "string" ? smallWhole(json) : Number.NaN;
      return whole >= 0 || (whole < 0 && least < 0n) ? BigInt(whole) : parse(json);
    };
  }
  if (as === "string") return (json) => String(parse(json));
  if (typeof as === "function") return (json) => as(String(parse(json)));
  return (json) => {
    const value = Number(parse(json));
    if (!Number.isSafeInteger(value)) throw new JsonError(field, `is beyond 2^53, which this server cannot hold`);
    return value;
  };
}

/** The whole number that a text is, also one such as 1e3 or 1.0. */
function wholeIn(text: string): bigint | undefined {
  if (text.length > 60) return undefined;
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const value = numberIn(text);
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}

/** The number of up to 15 digits that a text is; NaN when it is none. */
function smallWhole(text: string): number {
  const { length } = text;
  const isNegative = text.charCodeAt(0) === 0x2d;
  const first = isNegative ? 1 : 0;
  if (length === first || length - first > 15) return Number.NaN;
  let whole = 0;
  for (let n = first; n < length; n++) {
    const digit = text.charCodeAt(n) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    whole = 10 * whole + digit;
  }
  return isNegative ? -whole : whole;
}

const plainBase64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function bytesReader(toBuffer: boolean, field: string): ScalarReader {
  return (json) => {
    if (json instanceof Uint8Array) {
      if (Buffer.isBuffer(json) === toBuffer) return json;
      // The same memory, as what the message is to hold.
      const { buffer, byteOffset, byteLength } = json;
      return toBuffer ? Buffer.from(buffer, byteOffset, byteLength) : new Uint8Array(buffer, byteOffset, byteLength);
    }
    if (typeof json !== "string") throw expected("bytes", json, field);
    const bytes = decodeBase64(json, field);
    return toBuffer ? bytes : new Uint8Array(bytes);
  };
}

function decodeBase64(text: string, field: string): Buffer {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  // Four characters make three bytes; one alone makes none.
  if ((text.length - padding) % 4 !== 1 && plainBase64.test(text)) return Buffer.from(text, "base64");
  try {
    return Buffer.from(base64Decode(text));
  } catch (cause) {
    throw new JsonError(field, "is no base64", { cause });
  }
}

/** What an unknown name of an enum is read as where unknown things are ignored. */
export const ignored = Symbol("ignored");

/** How the values of an enum are read, from names and numbers. */
export function enumReader(
  desc: DescEnum,
  texts: EnumTexts | undefined,
  ignoreUnknown: boolean,
  field: string,
): ScalarReader {
  // Proto names last: where one is the JSON name of another value, it stays what the proto file says.
  const numbers = new Map<unknown, number>([
    ...desc.values.map((value) => [value.jsonName, value.number] as const),
    ...desc.values.map((value) => [value.name, value.number] as const),
  ]);
  const listed = new Set(desc.values.map(({ number }) => number));
  const isNull = desc.typeName === "google.protobuf.NullValue";
  const numberOf = (json: unknown): number | typeof ignored => {
    if (typeof json === "string") {
      const number = numbers.get(json);
      if (number !== undefined) return number;
      if (ignoreUnknown) return ignored;
    } else if (typeof json === "number" && json === (json | 0) && (desc.open || listed.has(json))) return json | 0;
    else if (json === null && isNull) return 0;
    throw expected(`enum ${desc.typeName}`, json, field);
  };
  if (!texts) return numberOf;
  return (json) => {
    const number = numberOf(json);
    return number === ignored ? ignored : texts.byNumber.has(number) ? texts.byNumber.get(number) : texts.unknown;
  };
}

/** How the keys of a map are read. An object's keys are canonical texts, those of a Map what the generator makes of them. */
export function keyReader(type: ScalarType, as: ScalarForm, isMap: boolean, field: string): (key: string) => unknown {
  if (type === ScalarType.STRING) return scalarReader(type, as, field);
  if (type === ScalarType.BOOL) {
    return (key) => {
      if (key !== "true" && key !== "false") throw expected("a map key of bool", key, field);
      return isMap ? key === "true" : key;
    };
  }
  const read = scalarReader(type, as === "same" && !isMap && isLongKey(type) ? "bigint" : as, field);
  return isMap ? read : (key) => String(read(key));
}

const isLongKey = (type: ScalarType): boolean =>
  ![ScalarType.INT32, ScalarType.UINT32, ScalarType.SINT32, ScalarType.FIXED32, ScalarType.SFIXED32].includes(type);
