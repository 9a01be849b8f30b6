/** Below this, the memory for what is printed is kept. */
const mostKept = 1 << 20;
const first = 1 << 16;

// One for all: printing is synchronous, and what prints inside of printing goes on where that stopped.
let bytes = Buffer.allocUnsafe(first);
let at = 0;
let isAscii = true;

/**
 * Runs what writes, and gives what it wrote as one string. Bytes, because a string that is added to piece by piece is put together
 * again at the end, which costs more than all else.
 */
export function written(write: () => void): string {
  const start = at;
  try {
    write();
    return bytes.toString(isAscii ? "latin1" : "utf8", start, at);
  } finally {
    at = start;
    if (start === 0) {
      isAscii = true;
      if (bytes.length > mostKept) bytes = Buffer.allocUnsafe(first);
    }
  }
}

/** How much has been written. */
export const position = (): number => at;

function reserve(length: number): void {
  if (at + length <= bytes.length) return;
  const larger = Buffer.allocUnsafe(Math.max(2 * bytes.length, at + length));
  bytes.copy(larger, 0, 0, at);
  bytes = larger;
}

/** Writes text of ASCII characters only. */
export function put(text: string): void {
  const { length } = text;
  reserve(length);
  const target = bytes;
  let to = at;
  for (let n = 0; n < length; n++) target[to++] = text.charCodeAt(n);
  at = to;
}

/** Longer strings are left to JSON.stringify, which is faster for them. */
const longestLooked = 96;

/** Writes a string as JSON. */
export function putString(text: string): void {
  const { length } = text;
  if (length > longestLooked) {
    putAny(JSON.stringify(text));
    return;
  }
  reserve(length + 2);
  const target = bytes;
  let to = at;
  target[to++] = 0x22;
  for (let n = 0; n < length; n++) {
    const code = text.charCodeAt(n);
    // Control characters, the quote, the backslash and all beyond ASCII need a closer look.
    if (code < 0x20 || code === 0x22 || code === 0x5c || code > 0x7e) {
      putAny(JSON.stringify(text));
      return;
    }
    target[to++] = code;
  }
  target[to++] = 0x22;
  at = to;
}

/** Writes JSON of any characters. */
export function putAny(json: string): void {
  reserve(3 * json.length);
  const end = at + bytes.write(json, at);
  if (end - at !== json.length) isAscii = false;
  at = end;
}

/** Writes bytes of JSON. They count as ASCII. */
export function putBytes(json: Uint8Array): void {
  const { length } = json;
  reserve(length);
  const target = bytes;
  let to = at;
  for (let n = 0; n < length; n++) target[to++] = json[n] as number;
  at = to;
}
