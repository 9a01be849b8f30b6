import { JsonError, show } from "./error.ts";
import { isWellFormed } from "./read-scalar.ts";

/** Seconds and the nanoseconds beyond them. */
export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

const earliestMs = Date.parse("0001-01-01T00:00:00Z");
const latestMs = Date.parse("9999-12-31T23:59:59Z");
const longestSeconds = 315_576_000_000;

/** What most texts of a Timestamp are, and Date.parse reads in whole. */
const plain = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/;
const rfc3339 = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

/** Reads a Timestamp. Throws JsonError. Source: RFC 3339; google/protobuf/timestamp.proto, "JSON Mapping". */
export function parseTimestamp(json: unknown, field: string): Instant {
  if (typeof json === "string" && plain.test(json) && exists(json)) {
    const ms = Date.parse(json);
    if (ms >= earliestMs && ms <= latestMs) {
      const seconds = Math.floor(ms / 1000);
      return { seconds, nanos: (ms - 1000 * seconds) * 1_000_000 };
    }
  }
  const match = typeof json === "string" ? rfc3339.exec(json) : null;
  const ms = match && exists(match[0]) ? Date.parse(`${match[1]}${match[3]}`) : Number.NaN;
  if (Number.isNaN(ms)) {
    const why = typeof json === "string" ? "invalid RFC 3339 string" : show(json);
    throw new JsonError(field, `is no google.protobuf.Timestamp: ${why}`);
  }
  if (ms < earliestMs || ms > latestMs)
    throw new JsonError(field, "is no google.protobuf.Timestamp: must be from year 1 to year 9999");
  const fraction = match?.[2];
  return { seconds: ms / 1000, nanos: fraction === undefined ? 0 : Number(fraction.padEnd(9, "0")) };
}

/** Whether there is such a day and hour: Date.parse takes February 30 for a day in March, and 24:00 for the next day. */
function exists(text: string): boolean {
  const day = text.slice(8, 10);
  const isDay = day <= "28" || new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() === Number(day);
  return isDay && text.slice(11, 13) !== "24";
}

/** Throws TypeError when a Timestamp has no JSON form. */
export function checkTimestamp(seconds: number, nanos: number): void {
  const ms = seconds * 1000;
  if (!(ms >= earliestMs && ms <= latestMs)) throw new TypeError("a Timestamp must be from year 1 to year 9999");
  if (!(nanos >= 0 && nanos <= 999_999_999))
    throw new TypeError("the nanos of a Timestamp must be from 0 to 999999999");
}

/** Three, six or nine digits. */
function fractionOf(nanos: number): string {
  const digits = String(nanos).padStart(9, "0");
  return digits.endsWith("000000") ? digits.slice(0, 3) : digits.endsWith("000") ? digits.slice(0, 6) : digits;
}

const durationText = /^(-?)(\d+)(?:\.(\d{1,9}))?s$/;

/** Reads a Duration. Throws JsonError. Source: google/protobuf/duration.proto, "JSON Mapping". */
export function parseDuration(json: unknown, field: string): Instant {
  const match = typeof json === "string" ? durationText.exec(json) : null;
  const seconds = Number(match?.[2]);
  if (!match || seconds > longestSeconds) throw new JsonError(field, `is no google.protobuf.Duration: ${show(json)}`);
  const nanos = match[3] === undefined ? 0 : Number(match[3].padEnd(9, "0"));
  // Minus zero is no number that anything else knows.
  return match[1] === "" ? { seconds, nanos } : { seconds: 0 - seconds, nanos: 0 - nanos };
}

/** Prints a Duration. Throws TypeError when it has no JSON form. */
export function printDuration(seconds: number, nanos: number): string {
  if (!(Math.abs(seconds) <= longestSeconds)) throw new TypeError("a Duration must be within 10000 years");
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
    throw new TypeError("the nanos of a Duration must have the sign of its seconds");
  if (!(Math.abs(nanos) <= 999_999_999)) throw new TypeError("the nanos of a Duration must be below a second");
  const sign = seconds < 0 || nanos < 0 ? "-" : "";
  return `${sign}${Math.abs(seconds)}${nanos === 0 ? "" : `.${fractionOf(Math.abs(nanos))}`}s`;
}

/** The paths of a FieldMask as proto names, for a JSON tree that was not parsed from text: ProtoJSON loses names such as `line_1`. */
export class MaskPaths {
  readonly paths: readonly string[];
  constructor(paths: readonly string[]) {
    this.paths = paths;
  }
}

/** Reads a FieldMask. Throws JsonError. Source: google/protobuf/field_mask.proto, "JSON Encoding of Field Masks". */
export function parseMask(json: unknown, field: string): string[] {
  if (json instanceof MaskPaths) return [...json.paths];
  if (typeof json !== "string") throw new JsonError(field, `is no google.protobuf.FieldMask: ${show(json)}`);
  if (json === "") return [];
  if (!isWellFormed(json)) throw new JsonError(field, "is no valid Unicode");
  if (json.includes("_"))
    throw new JsonError(field, "is no google.protobuf.FieldMask: path names must be lowerCamelCase");
  return json.split(",").map((path) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** Prints a FieldMask. Throws TypeError for a path that would not come back. */
export function printMask(paths: readonly string[]): string {
  return paths
    .map((path) => {
      if (!/^[^A-Z]*$/.test(path) || /_(?![a-z])/.test(path))
        throw new TypeError(`the path ${path} of a FieldMask has no JSON form that could be read again`);
      return path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    })
    .join(",");
}
