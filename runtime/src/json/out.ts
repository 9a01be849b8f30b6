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
    finish(start);
  }
}

function finish(start: number): void {
  at = start;
  if (start !== 0) return;
  isAscii = true;
  if (bytes.length > mostKept) bytes = Buffer.allocUnsafe(first);
}

/** How much has been written. */
export const position = (): number => at;

function reserve(length: number): void {
  if (at + length > bytes.length) grow(length);
}

function grow(length: number): void {
  const larger = Buffer.allocUnsafe(Math.max(2 * bytes.length, at + length));
  bytes.copy(larger, 0, 0, at);
  bytes = larger;
}

/**
 * Ends a list or an object that began at `start`: what is in it was written with a comma before each, and the first of these
 * becomes the bracket that opens.
 */
export function enclose(start: number, open: number, close: number): void {
  reserve(2);
  if (at === start) at++;
  bytes[start] = open;
  bytes[at++] = close;
}

/** Writes one ASCII character. */
export function putByte(code: number): void {
  reserve(1);
  bytes[at++] = code;
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

/** Longer strings are looked at and written as a whole, which is faster for them. */
const longestLooked = 64;
/** Control characters, the quote, the backslash and all beyond ASCII need a closer look. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON escapes.
const special = /["\\\x00-\x1f\x7f-\uffff]/;

const isSpecial = Uint8Array.from({ length: 128 }, (_, code) => Number(special.test(String.fromCharCode(code))));

const none = new Uint8Array();

/** Writes a string as JSON. */
export const putString = (text: string): void => putText(none, text);

/** Writes `head`, ASCII, and after it a string as JSON. */
export function putText(head: Uint8Array, text: string): void {
  const { length } = text;
  const before = head.length;
  reserve(before + length + 2);
  const target = bytes;
  let to = at;
  for (let n = 0; n < before; n++) target[to++] = head[n] as number;
  const start = to;
  target[to++] = 0x22;
  if (length <= longestLooked) {
    let n = 0;
    // Two at a time, which takes fewer comparisons.
    for (; n + 1 < length; n += 2) {
      const [one, other] = [text.charCodeAt(n), text.charCodeAt(n + 1)];
      if ((one | other) > 0x7f || ((isSpecial[one] as number) | (isSpecial[other] as number)) !== 0) break;
      target[to++] = one;
      target[to++] = other;
    }
    for (; n < length; n++) {
      const code = text.charCodeAt(n);
      if (code > 0x7f || isSpecial[code] !== 0) {
        at = start;
        putAny(JSON.stringify(text));
        return;
      }
      target[to++] = code;
    }
  } else if (special.test(text)) {
    at = start;
    putAny(JSON.stringify(text));
    return;
  } else {
    target.write(text, to, "latin1");
    to += length;
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

/** Writes bytes of JSON, ASCII. */
export function putBytes(json: Uint8Array): void {
  const { length } = json;
  reserve(length);
  const target = bytes;
  let to = at;
  for (let n = 0; n < length; n++) target[to++] = json[n] as number;
  at = to;
}

/** Writes a whole number. */
export function putWhole(value: number): void {
  if (!(value > -1e9 && value < 1e9)) {
    put(String(value));
    return;
  }
  let rest = value | 0;
  if (rest < 0) {
    rest = -rest;
    putByte(0x2d);
  }
  let digits = 1;
  for (let power = 10; power <= rest; power *= 10) digits++;
  putDigits(rest, digits);
}

/** Writes this many digits of a whole number below 2^31, with zeros before it. */
export function putDigits(value: number, digits: number): void {
  reserve(digits);
  const target = bytes;
  let rest = value | 0;
  for (let to = at + digits - 1; to >= at; to--) {
    const tenth = (rest / 10) | 0;
    target[to] = 0x30 + rest - 10 * tenth;
    rest = tenth;
  }
  at += digits;
}
