import { JsonError } from "./error.ts";

/** Parses JSON. Throws JsonError when it is none; keys given twice are for `checkKeys` to find. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 200) : "";
    throw new JsonError("", `is not JSON: ${why}`, { cause });
  }
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
