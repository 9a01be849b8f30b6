import { type DescEnum, type DescField, ScalarType } from "@bufbuild/protobuf";
import { enclose, position, put, putAny, putByte, putBytes, putString, putWhole } from "./out.ts";
import type { EnumTexts, Form } from "./shape.ts";

/** Writes a value as JSON, within `written`. Throws TypeError when it is no such value. */
export type Printer = (value: unknown) => void;

type Fields = { [key: string]: unknown };

/** True for objects that are no lists. */
export const isRecord = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The error for a value that a field cannot hold. */
export const wrong = (field: DescField, what: string, value: unknown) =>
  new TypeError(`${String(field)} must be ${what}, and is ${value === null ? "null" : typeof value}`);

/** How the values of a scalar are printed. */
export function scalarPrinter(type: ScalarType, field: DescField): Printer {
  switch (type) {
    case ScalarType.STRING:
      return (value) => {
        if (typeof value !== "string") throw wrong(field, "a string", value);
        putString(value);
      };
    case ScalarType.BOOL:
      return (value) => {
        if (typeof value !== "boolean") throw wrong(field, "a boolean", value);
        put(value ? "true" : "false");
      };
    case ScalarType.BYTES:
      return (value) => {
        if (!(value instanceof Uint8Array)) throw wrong(field, "bytes", value);
        putAny(`"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64")}"`);
      };
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE: {
      const isFloat = type === ScalarType.FLOAT;
      return (value) => {
        if (typeof value !== "number") throw wrong(field, "a number", value);
        if (isFloat && Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
          throw wrong(field, "within 32 bits", value);
        if (Number.isInteger(value)) putWhole(value);
        else put(Number.isFinite(value) ? String(value) : `"${value}"`);
      };
    }
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return (value) => {
        if (typeof value !== "number" || value !== (value | 0)) throw wrong(field, "a whole number of 32 bits", value);
        putWhole(value);
      };
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return (value) => {
        if (typeof value !== "number" || value !== value >>> 0)
          throw wrong(field, "a whole number of 32 bits without sign", value);
        putWhole(value);
      };
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return longPrinter(false, field);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return longPrinter(true, field);
  }
}

function longPrinter(isUnsigned: boolean, field: DescField): Printer {
  return (value) => {
    if (typeof value === "bigint") {
      const whole = Number(value);
      if (Number.isSafeInteger(whole) && !(isUnsigned && whole < 0)) {
        putByte(0x22);
        putWhole(whole);
        putByte(0x22);
        return;
      }
    }
    const whole = wholeOf(value);
    if (whole === undefined || (isUnsigned ? BigInt.asUintN(64, whole) : BigInt.asIntN(64, whole)) !== whole)
      throw wrong(field, `a whole number of 64 bits${isUnsigned ? " without sign" : ""}`, value);
    putString(String(whole));
  };
}

/** A whole number from what holds one: also text, or an object that holds 64 bits. */
function wholeOf(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : undefined;
  const text = typeof value === "string" || isRecord(value) ? String(value) : "";
  return text.length <= 60 && /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}

/** How the values of an enum are printed: as names, or numbers where they have none. */
export function enumPrinter(desc: DescEnum, texts: EnumTexts | undefined): Printer {
  if (desc.typeName === "google.protobuf.NullValue") return () => put("null");
  const names = new Map<unknown, Uint8Array>();
  for (const { number, jsonName } of desc.values)
    if (!names.has(number)) names.set(number, Buffer.from(JSON.stringify(jsonName)));
  return (value) => {
    const number = texts ? (texts.byText.get(value) ?? -1) : value;
    if (typeof number !== "number" || number !== (number | 0))
      throw new TypeError(`a value of ${desc.typeName} must be a whole number of 32 bits, and is ${typeof value}`);
    const name = names.get(number);
    if (name) putBytes(name);
    else putWhole(number);
  };
}

/** Whether a value is what a field without presence has when it is not given. */
export function zeroTest(form: Form): (value: unknown) => boolean {
  if (form.kind === "enum") {
    const zero = form.desc.values[0]?.number;
    const text = form.texts ? form.texts.byNumber.get(zero as number) : zero;
    return (value) => value === text;
  }
  if (form.kind !== "scalar") return () => false;
  switch (form.type) {
    case ScalarType.STRING:
      return (value) => value === "";
    case ScalarType.BOOL:
      return (value) => value === false;
    case ScalarType.BYTES:
      return (value) => (value as Uint8Array | undefined)?.length === 0;
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return (value) => Object.is(value, 0);
    default:
      return (value) => value === 0 || value === 0n || String(value) === "0";
  }
}

/** Writes a Struct, Value or ListValue. Throws TypeError for what JSON does not have. */
export function plainJson(value: unknown): void {
  if (typeof value === "string") putString(value);
  else if (typeof value === "boolean" || value === null) put(String(value));
  else if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new TypeError("a google.protobuf.Value cannot be NaN or Infinity");
    put(String(value));
  } else if (typeof value !== "object") throw new TypeError("a google.protobuf.Value must have a value");
  else {
    const start = position();
    if (Array.isArray(value)) {
      for (let n = 0; n < value.length; n++) {
        putByte(0x2c);
        plainJson(value[n]);
      }
      enclose(start, 0x5b, 0x5d);
      return;
    }
    for (const key of Object.keys(value)) {
      putByte(0x2c);
      putString(key);
      putByte(0x3a);
      plainJson((value as Fields)[key]);
    }
    enclose(start, 0x7b, 0x7d);
  }
}
