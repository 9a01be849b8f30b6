import { JsonError } from "./error.ts";

/** Parses JSON as `parseExactly`. Throws JsonError when it is none; keys given twice are for `checkKeys` to find. */
export function parseJson(text: string): unknown {
  try {
    return parseExactly(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 200) : "";
    throw new JsonError("", `is not JSON: ${why}`, { cause });
  }
}

/** Whether there may be such a number at all: most texts have none. */
const mayBeLong = /(?:^|[:,[\s-])\d{16}/;
/** With as many digits as any 64 bits need, because those of a very long number take long to read. */
const longWhole = /(?<![\w.+-])-?[1-9]\d{15,39}(?![\w.+-])/g;
/** What no string in a text begins with. JSON has NUL escaped alone, so that looking for the escape is enough. */
function markFor(text: string): string {
  let mark = "\u0000";
  while (text.includes("\\u0000".repeat(mark.length))) mark += mark;
  return mark;
}

/**
 * Parses JSON as JSON.parse does, but makes whole numbers beyond 2^53 bigints: as numbers they would lose digits. Throws
 * SyntaxError.
 */
export function parseExactly(text: string): unknown {
  if (!mayBeLong.test(text)) return JSON.parse(text);
  const mark = markFor(text);
  const marked = outsideStrings(text, (part) => part.replace(longWhole, (digits) => JSON.stringify(mark + digits)));
  try {
    return JSON.parse(marked, (_, value: unknown) =>
      typeof value === "string" && value.startsWith(mark) ? exactly(value.slice(mark.length)) : value,
    );
  } catch (error) {
    // Says where the text is wrong.
    JSON.parse(text);
    throw error;
  }
}

/** The whole number that decimal digits are: a bigint where a number would not do. */
export function exactly(digits: string): number | bigint {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : BigInt(digits);
}

/** Changes what of JSON text is not in quotes. */
function outsideStrings(text: string, change: (part: string) => string): string {
  const parts: string[] = [];
  let at = 0;
  for (let open = text.indexOf('"'); open >= 0; open = text.indexOf('"', at)) {
    let close = open + 1;
    for (; close < text.length && text[close] !== '"'; close++) if (text[close] === "\\") close++;
    parts.push(change(text.slice(at, open)), text.slice(open, close + 1));
    at = close + 1;
  }
  return parts.join("") + change(text.slice(at));
}

/**
 * Parses JSON whose objects have no key twice, which JSON.parse itself overlooks. Throws JsonError.
 * Source: protobuf conformance suite, "FieldNameDuplicate".
 */
export function parseStrictly(text: string): unknown {
  const value = parseJson(text);
  checkKeys(text, countKeys(value));
  return value;
}

/** Refuses JSON text in which more keys are written than were found in what JSON.parse made of it. */
export function checkKeys(text: string, found: number): void {
  if (writtenKeys(text) !== found) throw new JsonError("", "has a duplicate key: give each field once");
}

/** How many keys stand in JSON text that JSON.parse has accepted: the colons outside of its strings. */
function writtenKeys(text: string): number {
  // Bytes are read faster than characters, and none of UTF-8's long sequences has one of these in it.
  const bytes = Buffer.from(text);
  const { length } = bytes;
  let keys = 0;
  for (let at = 0; at < length; at++) {
    const code = bytes[at];
    if (code === 0x3a) keys++;
    else if (code === 0x22) {
      for (at++; bytes[at] !== 0x22; at++) if (bytes[at] === 0x5c) at++;
    }
  }
  return keys;
}

/** How many keys the objects in a JSON value have. Without recursion, because the value may be as deep as its sender likes. */
export function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let keys = 0;
  const open: object[] = [value];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const isArray = Array.isArray(one);
    for (const inner of isArray ? (one as unknown[]) : Object.values(one)) {
      if (!isArray) keys++;
      if (typeof inner === "object" && inner !== null) open.push(inner);
    }
  }
  return keys;
}
