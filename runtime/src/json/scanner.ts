import { isWellFormed } from "./read-scalar.ts";
import { exactly, parseExactly } from "./text.ts";

/** Thrown where a text is not what a fast reading expects: it is then read in full, which says what is wrong, if anything. */
export const giveUp = Symbol("give up");

/** Below this many characters, texts share one piece of memory. */
const mostShared = 1 << 16;
// One for all: reading is synchronous, and nothing that reads a message reads another text meanwhile.
const shared = Buffer.allocUnsafeSlow(3 * mostShared + 1);

/** V8 copies substrings up to this length; longer ones keep the whole text in memory. */
const longestCopied = 12;
/** Texts of this length may be kept as a whole for the sake of one string in it. */
const longestKept = 256;

const powersOfTen = Array.from({ length: 16 }, (_, power) => 10 ** power);
const longWhole = /^-?\d{16,40}$/;
const numberText = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Reads a JSON text from its start, value by value, as parseExactly would. Where it is not JSON, methods throw `giveUp` or
 * SyntaxError, or read what is no JSON text, which `end` finds out.
 */
export class Scanner {
  /** Where the next value begins. After the last byte of the text there is a zero, which no JSON has. */
  at = 0;
  /** The text in UTF-8, from 0. */
  readonly bytes: Buffer;
  /** How many keys were written in the objects and lists that `value` has read. */
  keys = 0;
  readonly #text: string;
  readonly #length: number;
  /** The longest string that is taken out of the text as it is; none where characters and bytes do not match. */
  readonly #longestTaken: number;

  /** Takes text without halves of surrogate pairs. The scanner is of use until the next one is made. */
  constructor(text: string) {
    this.#text = text;
    this.bytes = text.length <= mostShared ? shared : Buffer.allocUnsafeSlow(3 * text.length + 1);
    this.#length = this.bytes.write(text, 0);
    this.#longestTaken = this.#length !== text.length ? -1 : text.length <= longestKept ? longestKept : longestCopied;
    this.bytes[this.#length] = 0;
  }

  /** Throws unless nothing is left but white space. */
  end(): void {
    this.next();
    if (this.at !== this.#length) throw giveUp;
  }

  /** Passes over white space. Returns the byte that follows. */
  next(): number {
    const { bytes } = this;
    let { at } = this;
    let byte = bytes[at] as number;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at] as number;
    this.at = at;
    return byte;
  }

  /** Passes over `,` and white space, and returns true; or over the bracket that ends this list or object, and returns false. */
  more(end: number): boolean {
    const byte = this.next();
    this.at++;
    if (byte === 0x2c) {
      this.next();
      return true;
    }
    if (byte !== end) throw giveUp;
    return false;
  }

  /** Passes over the bracket that begins a list or object. Returns false, and has passed over its end, when it is empty. */
  open(end: number): boolean {
    this.at++;
    if (this.next() !== end) return true;
    this.at++;
    return false;
  }

  /** Passes over these bytes, or returns false. */
  skip(expected: Uint8Array): boolean {
    const { bytes, at } = this;
    const { length } = expected;
    for (let n = 0; n < length; n++) if (bytes[at + n] !== expected[n]) return false;
    this.at = at + length;
    return true;
  }

  /** Reads the key of an object, its colon and the white space around that. */
  key(): string {
    const key = this.string();
    if (this.next() !== 0x3a) throw giveUp;
    this.at++;
    this.next();
    return key;
  }

  /** Reads a value as parseExactly does. A key that an object has twice is for `keys` to find. */
  value(): unknown {
    const byte = this.bytes[this.at] as number;
    if (byte === 0x22) return this.string();
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) return this.#number();
    if (byte === 0x74) return this.#word("true", true);
    if (byte === 0x66) return this.#word("false", false);
    if (byte === 0x6e) return this.#word("null", null);
    return this.#tree(byte);
  }

  /** Reads a string, which must be one, and have no half of a surrogate pair. */
  string(): string {
    const { bytes } = this;
    const start = this.at + 1;
    if (bytes[start - 1] !== 0x22) throw giveUp;
    let at = start;
    let all = 0;
    let byte = bytes[at] as number;
    while (byte !== 0x22) {
      if (byte < 0x20) throw giveUp;
      if (byte === 0x5c) return this.#escaped(start - 1, at);
      all |= byte;
      byte = bytes[++at] as number;
    }
    this.at = at + 1;
    if (at - start <= this.#longestTaken) return this.#text.substring(start, at);
    return bytes.toString(all < 0x80 ? "latin1" : "utf8", start, at);
  }

  #escaped(start: number, backslash: number): string {
    const { bytes } = this;
    let at = backslash;
    for (let byte = bytes[at] as number; byte !== 0x22; byte = bytes[++at] as number) {
      if (byte < 0x20) throw giveUp;
      if (byte === 0x5c && bytes[++at] === 0) throw giveUp;
    }
    this.at = at + 1;
    const text = JSON.parse(bytes.toString("utf8", start, this.at));
    if (!isWellFormed(text)) throw giveUp;
    return text;
  }

  /** Reads a string of up to 15 digits as the number that they are. Stays where it is and returns undefined at anything else. */
  digits(): number | undefined {
    const { bytes } = this;
    const start = this.at + 1;
    if (bytes[start - 1] !== 0x22) return undefined;
    const first = bytes[start] === 0x2d ? start + 1 : start;
    let at = first;
    let whole = 0;
    let byte = bytes[at] as number;
    for (; byte >= 0x30 && byte <= 0x39; byte = bytes[++at] as number) whole = 10 * whole + byte - 0x30;
    if (byte !== 0x22 || at === first || at - first > 15) return undefined;
    this.at = at + 1;
    return first === start ? whole : 0 - whole;
  }

  #word<T>(word: string, value: T): T {
    const { bytes, at } = this;
    for (let n = 1; n < word.length; n++) if (bytes[at + n] !== word.charCodeAt(n)) throw giveUp;
    this.at = at + word.length;
    return value;
  }

  #number(): number | bigint {
    const { bytes, at: start } = this;
    const isNegative = bytes[start] === 0x2d;
    const first = isNegative ? start + 1 : start;
    let at = first;
    let whole = 0;
    let byte = bytes[at] as number;
    for (; byte >= 0x30 && byte <= 0x39; byte = bytes[++at] as number) whole = 10 * whole + byte - 0x30;
    const digits = at - first;
    let decimals = 0;
    if (byte === 0x2e) {
      byte = bytes[++at] as number;
      for (; byte >= 0x30 && byte <= 0x39; byte = bytes[++at] as number) {
        whole = 10 * whole + byte - 0x30;
        decimals++;
      }
      if (decimals === 0) throw giveUp;
    }
    // Up to 15 digits, both numbers are exact, and so is their quotient but for its last rounding. Zero leads only itself.
    const isPlain = digits > 0 && (bytes[first] !== 0x30 || digits === 1) && digits + decimals <= 15;
    if (!isPlain || byte === 0x65 || byte === 0x45) return this.#longNumber();
    this.at = at;
    const value = decimals === 0 ? whole : whole / (powersOfTen[decimals] as number);
    return isNegative ? -value : value;
  }

  #longNumber(): number | bigint {
    const { bytes, at: start } = this;
    let at = start;
    for (let byte = bytes[at] as number; byte > 0x20 && byte !== 0x2c && byte !== 0x5d && byte !== 0x7d; )
      byte = bytes[++at] as number;
    this.at = at;
    const text = bytes.toString("latin1", start, at);
    if (!numberText.test(text)) throw giveUp;
    return longWhole.test(text) ? exactly(text) : Number(text);
  }

  /** Finds the end of an object or a list, which parseExactly then reads. */
  #tree(opening: number): unknown {
    if (opening !== 0x7b && opening !== 0x5b) throw giveUp;
    const { bytes, at: start } = this;
    let at = start;
    let open = 0;
    do {
      const byte = bytes[at] as number;
      if (byte === 0x7b || byte === 0x5b) open++;
      else if (byte === 0x7d || byte === 0x5d) open--;
      else if (byte === 0x3a) this.keys++;
      else if (byte === 0) throw giveUp;
      else if (byte === 0x22) {
        for (at++; bytes[at] !== 0x22; at++) {
          if (bytes[at] === 0x5c) at++;
          if (bytes[at] === 0) throw giveUp;
        }
      }
      at++;
    } while (open > 0);
    this.at = at;
    return parseExactly(bytes.toString("utf8", start, at));
  }
}
