import { fromBase64, toBase64 } from "./base64.ts";
import type { Longs } from "./tables.ts";
import { type Json, JsonProblem, type ValueType, wellFormed, wrong } from "./value.ts";

/** The scalar types by their proto names. Source: the ProtoJSON format. */
export function scalarTypes(longs: Longs): { readonly [name: string]: ValueType } {
  const int32 = small(-(2 ** 31), 2 ** 31 - 1);
  const uint32 = small(0, 2 ** 32 - 1);
  const int64 = long(longs, BigInt.asIntN);
  const uint64 = long(longs, BigInt.asUintN);
  return {
    double: decimal(Number.POSITIVE_INFINITY),
    float: decimal(3.4028235677973366e38),
    int32,
    sint32: int32,
    sfixed32: int32,
    uint32,
    fixed32: uint32,
    int64,
    sint64: int64,
    sfixed64: int64,
    uint64,
    fixed64: uint64,
    bool,
    string,
    bytes,
  };
}

const string: ValueType = {
  zero: "",
  write: (value) => wellFormed(expect(value, "string")),
  read: (json) => expect(json, "string"),
};

const bool: ValueType = {
  zero: false,
  write: (value) => expect(value, "boolean"),
  read: (json) => expect(json, "boolean"),
};

function expect<T extends "string" | "boolean">(value: unknown, type: T): T extends "string" ? string : boolean {
  const is: string = typeof value;
  if (is !== type) throw wrong(value, type);
  return value as T extends "string" ? string : boolean;
}

const bytes: ValueType = {
  get zero() {
    return new Uint8Array(0);
  },
  write(value) {
    if (value instanceof Uint8Array) return toBase64(value);
    throw wrong(value, "Uint8Array");
  },
  read(json) {
    const read = typeof json === "string" ? fromBase64(json) : undefined;
    if (read === undefined) throw wrong(json, "base64");
    return read;
  },
};

/** Integers of at most 32 bits. */
function small(least: number, most: number): ValueType {
  const check = (value: number): number => {
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new JsonProblem(`is no whole number from ${least} to ${most}`);
  };
  return {
    zero: 0,
    write: (value) => check(typeof value === "number" ? value : Number.NaN),
    read: (json) => check(numberOf(json)),
  };
}

/** Integers of 64 bits: text in JSON. */
function long(longs: Longs, wrap: (bits: number, value: bigint) => bigint): ValueType {
  const check = (value: bigint): bigint => {
    if (wrap(64, value) === value) return value;
    throw new JsonProblem("does not fit into 64 bits");
  };
  const hold = (value: bigint): unknown => {
    if (longs === "bigint") return value;
    if (longs === "string") return String(value);
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new JsonProblem("does not fit into a number: generate the messages with forceLong=bigint");
  };
  return {
    zero: hold(0n),
    write: (value) => String(check(integerOf(value))),
    read: (json) => hold(check(integerOf(json))),
  };
}

/** A whole number as messages and JSON may have it. */
export function integerOf(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "string" && /^-?\d+$/.test(value)) return BigInt(value);
  const number = numberOf(value);
  if (Number.isInteger(number)) return BigInt(number);
  throw wrong(value, "whole number");
}

/** A number, or the text of one: ProtoJSON takes both. */
function numberOf(json: unknown): number {
  if (typeof json === "number") return json;
  if (typeof json === "string" && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(json)) return Number(json);
  throw wrong(json, "number");
}

/** Floating point: JSON has no NaN and no infinity, so they are text. `most`: what rounds to infinity. */
function decimal(most: number): ValueType {
  return {
    zero: 0,
    write(value): Json {
      if (typeof value !== "number") throw wrong(value, "number");
      // JSON.stringify would drop the sign of -0, which the type has.
      return Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? "-0" : String(value);
    },
    read(json) {
      if (json === "NaN" || json === "Infinity" || json === "-Infinity") return Number(json);
      const number = numberOf(json);
      if (!Number.isFinite(number) || Math.abs(number) >= most) throw new JsonProblem("is too large for its type");
      return most === Number.POSITIVE_INFINITY ? number : Math.fround(number);
    },
  };
}

/** Values of an enum: a name where it has one, else the number. `texts`: messages hold names, ts-proto's stringEnums. */
export function enumType(numbers: { readonly [name: string]: number }, texts: boolean): ValueType {
  const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));
  // Of several names the first counts.
  for (const [name, number] of Object.entries(numbers).reverse()) names.set(number, name);
  const hold = (number: number): unknown => (texts ? (names.get(number) ?? "UNRECOGNIZED") : number);
  const int32 = small(-(2 ** 31), 2 ** 31 - 1);
  return {
    zero: hold(0),
    write(value) {
      if (typeof value === "string" && Object.hasOwn(numbers, value)) return value;
      const number = int32.write(value) as number;
      return names.get(number) ?? number;
    },
    read(json) {
      if (typeof json === "string" && Object.hasOwn(numbers, json)) return hold(numbers[json] as number);
      return hold(int32.read(json) as number);
    },
  };
}
