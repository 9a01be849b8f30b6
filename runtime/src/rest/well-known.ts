import { integerOf } from "./scalars.ts";
import type { Dates, Longs } from "./tables.ts";
import { isObject, type Json, JsonProblem, type ValueType, wrong } from "./value.ts";

interface Seconds {
  readonly seconds: bigint;
  readonly nanos: number;
}

const earliest = -62135596800n;
const latest = 253402300799n;
const longest = 315576000000n;

/** A Timestamp as `Date`, as a message of seconds and nanos, or as its text. */
export function timestamp(dates: Dates, longs: Longs): ValueType {
  if (dates === "string") return text;
  return {
    zero: undefined,
    write(value) {
      if (!(value instanceof Date)) return printTimestamp(secondsOf(value));
      const ms = value.getTime();
      if (Number.isNaN(ms)) throw new JsonProblem("is no valid date");
      const seconds = Math.floor(ms / 1000);
      return printTimestamp({ seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1e6 });
    },
    read(json) {
      const { seconds, nanos } = parseTimestamp(json);
      if (dates === "date") return new Date(Number(seconds) * 1000 + nanos / 1e6);
      return { seconds: hold(seconds, longs), nanos };
    },
  };
}

/** A Duration as a message of seconds and nanos. */
export const duration = (longs: Longs): ValueType => ({
  zero: undefined,
  write(value) {
    const { seconds, nanos } = secondsOf(value);
    if (seconds > longest || seconds < -longest || (seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0))
      throw new JsonProblem("is no valid duration");
    const sign = seconds < 0n || nanos < 0 ? "-" : "";
    return `${sign}${String(seconds).replace("-", "")}${fraction(Math.abs(nanos))}s`;
  },
  read(json) {
    const [, sign, whole, part = ""] = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(String(json)) ?? [];
    if (whole === undefined) throw wrong(json, 'duration such as "1.5s"');
    const nanos = Number(part.padEnd(9, "0"));
    const seconds = BigInt(whole);
    if (seconds > longest) throw new JsonProblem("is no valid duration");
    return sign === "-"
      ? { seconds: hold(-seconds, longs), nanos: nanos === 0 ? 0 : -nanos }
      : { seconds: hold(seconds, longs), nanos };
  },
});

/** A FieldMask as a list of paths. */
export const fieldMask: ValueType = {
  zero: undefined,
  write(value) {
    if (!Array.isArray(value)) throw wrong(value, "list of paths");
    return value
      .map((path: unknown) => {
        if (typeof path !== "string") throw wrong(path, "path");
        const camel = path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
        if (snake(camel) !== path) throw new JsonProblem("has a path that ProtoJSON cannot hold");
        return camel;
      })
      .join(",");
  },
  read(json) {
    if (typeof json !== "string") throw wrong(json, "string of paths");
    return json === "" ? [] : json.split(",").map(snake);
  },
};

const snake = (path: string) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const text: ValueType = {
  zero: undefined,
  write: (value) => {
    if (typeof value !== "string") throw wrong(value, "string");
    return value;
  },
  read: (json) => {
    if (typeof json !== "string") throw wrong(json, "string");
    return json;
  },
};

/** Struct, ListValue or Value in a field, where a message holds plain JSON. */
export const plain = (accepts: (value: unknown) => boolean, needed: string, takesNull = false): ValueType => {
  const check = (value: unknown): Json => {
    if (!accepts(value)) throw wrong(value, needed);
    return value as Json;
  };
  return { zero: undefined, write: (value) => finite(check(value)), read: check, takesNull, free: true };
};

/** The JSON itself: a Value has no NaN, which JSON.stringify would turn into null. */
function finite(value: Json): Json {
  if (typeof value === "number" && !Number.isFinite(value)) throw new JsonProblem("has a number that is not finite");
  if (typeof value === "object" && value !== null) for (const one of Object.values(value)) finite(one as Json);
  return value;
}

const beyond = (typeName: string, what: string): ValueType => ({
  zero: undefined,
  write() {
    throw new JsonProblem(`is a ${typeName}, which the REST client cannot send: ${what}`);
  },
  read() {
    throw new JsonProblem(`is a ${typeName}, which the REST client cannot read: ${what}`);
  },
  free: true,
});

/** An Any holds encoded bytes, which a client without codecs can neither make nor read. */
export const any = beyond("google.protobuf.Any", "its bytes have no JSON here");

/** A Value that is a whole message has a form of its own for each way in which oneofs are held. */
export const loneValue: ValueType = {
  ...beyond("google.protobuf.Value", "it has no field around it"),
  takesNull: true,
};

/** JSON of a message that is null or an object of one value, such as a wrapper at the top level. `empty`: the value of an empty one. */
export const boxed = (key: string, inner: ValueType, empty: () => unknown = () => inner.zero): ValueType => ({
  zero: undefined,
  write: (value) => inner.write(isObject(value) ? (value[key] ?? empty()) : undefined),
  read: (json) => ({ [key]: json === null ? empty() : inner.read(json) }),
  takesNull: true,
  ...(inner.free && { free: true }),
});

/** An object that messages hold as a Map, which is what ts-proto's useMapType makes of the fields of a Struct. */
export const asMap = (inner: ValueType): ValueType => ({
  ...inner,
  write: (value) => inner.write(value instanceof Map ? Object.fromEntries(value) : value),
  read: (json) => new Map(Object.entries(inner.read(json) as object)),
});

function secondsOf(value: unknown): Seconds {
  if (!isObject(value)) throw wrong(value, "message of seconds and nanos");
  const nanos = value.nanos ?? 0;
  if (typeof nanos !== "number" || !Number.isInteger(nanos) || Math.abs(nanos) > 999_999_999)
    throw new JsonProblem("has nanos out of range");
  return { seconds: integerOf(value.seconds ?? 0), nanos };
}

function printTimestamp({ seconds, nanos }: Seconds): string {
  if (seconds < earliest || seconds > latest || nanos < 0) throw new JsonProblem("is outside the years 1 to 9999");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}${fraction(nanos)}Z`;
}

function parseTimestamp(json: Json): Seconds {
  const [, date, part = "", zone = ""] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(String(json)) ?? [];
  const ms = date === undefined ? Number.NaN : Date.parse(`${date}${zone}`);
  if (Number.isNaN(ms)) throw wrong(json, "timestamp such as 2024-05-17T12:00:00Z");
  const seconds = BigInt(ms / 1000);
  if (seconds < earliest || seconds > latest) throw new JsonProblem("is outside the years 1 to 9999");
  return { seconds, nanos: Number(part.padEnd(9, "0")) };
}

/** Nanoseconds as 0, 3, 6 or 9 digits. */
function fraction(nanos: number): string {
  if (nanos === 0) return "";
  const digits = String(nanos).padStart(9, "0");
  return `.${digits.endsWith("000000") ? digits.slice(0, 3) : digits.endsWith("000") ? digits.slice(0, 6) : digits}`;
}

function hold(seconds: bigint, longs: Longs): unknown {
  return longs === "bigint" ? seconds : longs === "string" ? String(seconds) : Number(seconds);
}
