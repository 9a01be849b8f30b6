import { badRequest, type HttpError } from "../errors.ts";
import { tooLarge, utf8 } from "./body.ts";
import { Bytes } from "./bytes.ts";

/** The deepest JSON that a client stream may send, in brackets. As deep as protobuf implementations go by default. */
export const maxDepth = 100;

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

const isBlank = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Where the splitter is, between elements or in one. */
type State =
  /** Before the first byte that is not blank. */
  | "start"
  /** Where an element may begin, or the body may end. */
  | "between"
  /** Array: after `[`, where an element or `]` comes. */
  | "opened"
  /** Array: after an element. */
  | "closed"
  /** Array: after a comma. */
  | "comma"
  /** Array: after `]`. */
  | "over"
  | "nested"
  | "string"
  /** A number, true, false, null, or something that is none of these. */
  | "word";

/**
 * Cuts a body into JSON values as its bytes come: one array's elements, or values after each other, with or without line
 * breaks. Values are found by their brackets and quotes; whether they are JSON is for their reader to say.
 *
 * Works on bytes: all that structures JSON is ASCII, which no UTF-8 sequence contains.
 */
export class ElementSplitter {
  readonly #maxBytes: number;
  readonly #arrays: boolean;
  #state: State = "start";
  #inArray = false;
  #depth = 0;
  #quoted = false;
  #escaped = false;
  /** The beginning of an element of which the end has not come yet. */
  readonly #held = new Bytes();
  #count = 0;

  /** `maxBytes`: the largest element. `arrays` is false where a body that begins with `[` is no array of elements. */
  constructor(maxBytes: number, arrays = true) {
    this.#maxBytes = maxBytes;
    this.#arrays = arrays;
  }

  /** How many elements are complete. */
  get count(): number {
    return this.#count;
  }

  /** The elements that a chunk completes. Throws HttpError 400 or 413, which names the element. */
  *push(chunk: Buffer): Generator<string, void> {
    let from = this.#inElement() ? 0 : -1;
    let at = 0;
    while (at < chunk.length) {
      if (!this.#inElement()) {
        if (this.#separator(chunk[at] as number)) at++;
        else from = at;
        continue;
      }
      const end = this.#scan(chunk, at);
      if (end < 0) break;
      yield this.#complete(chunk.subarray(from, end));
      from = -1;
      at = end;
    }
    if (from >= 0) this.#hold(chunk.subarray(from));
  }

  /** The element that only the end of the body completes, such as a number. Throws HttpError 400 for an incomplete body. */
  end(): string | undefined {
    if (this.#state === "word" && !this.#inArray) return this.#complete(Buffer.alloc(0));
    if (this.#inElement()) throw this.#bad("is incomplete: the body ends in it");
    if (this.#inArray && this.#state !== "over") throw badRequest("", "the body is incomplete: its array has no end");
    return undefined;
  }

  #inElement(): boolean {
    return this.#state === "nested" || this.#state === "string" || this.#state === "word";
  }

  /** Takes a byte outside of elements. False when it begins an element. */
  #separator(byte: number): boolean {
    if (isBlank(byte)) return true;
    switch (this.#state) {
      case "start":
        if (byte !== openArray || !this.#arrays) return this.#begin(byte);
        this.#inArray = true;
        this.#state = "opened";
        return true;
      case "opened":
        if (byte !== closeArray) return this.#begin(byte);
        this.#state = "over";
        return true;
      case "closed":
        if (byte !== comma && byte !== closeArray) throw this.#bad("does not follow a comma");
        this.#state = byte === comma ? "comma" : "over";
        return true;
      case "over":
        throw badRequest("", "the body goes on after its array");
      default:
        return this.#begin(byte);
    }
  }

  #begin(byte: number): false {
    if (byte === comma || byte === closeArray || byte === closeObject)
      throw this.#bad(`is missing: there is ${JSON.stringify(String.fromCharCode(byte))} in its place`);
    this.#depth = 0;
    this.#quoted = false;
    this.#escaped = false;
    this.#state = byte === openArray || byte === openObject ? "nested" : byte === quote ? "string" : "word";
    return false;
  }

  /** Where the element ends in which the splitter is, or -1 when that is not in this chunk. */
  #scan(chunk: Buffer, from: number): number {
    if (this.#state === "word") return this.#scanWord(chunk, from);
    let [depth, quoted, escaped] = [this.#depth, this.#quoted, this.#escaped];
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (quoted) {
        if (escaped) escaped = false;
        else if (byte === backslash) escaped = true;
        else if (byte === quote) {
          quoted = false;
          if (depth === 0) return at + 1;
        }
      } else if (byte === quote) quoted = true;
      else if (byte === openObject || byte === openArray) {
        if (++depth > maxDepth) throw this.#bad(`goes deeper than ${maxDepth} brackets`);
      } else if ((byte === closeObject || byte === closeArray) && --depth === 0) return at + 1;
    }
    [this.#depth, this.#quoted, this.#escaped] = [depth, quoted, escaped];
    return -1;
  }

  #scanWord(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (isBlank(byte) || byte === comma || byte === closeArray) return at;
      // A value that begins without a blank before it, as concatenated ones may.
      if (byte === openObject || byte === openArray || byte === quote) return at;
    }
    return -1;
  }

  #hold(part: Buffer): void {
    if (this.#held.length + part.length > this.#maxBytes)
      throw tooLarge(this.#maxBytes, `element ${this.#count + 1} of the body`);
    this.#held.append(part);
  }

  #complete(last: Buffer): string {
    this.#hold(last);
    this.#state = this.#inArray ? "closed" : "between";
    const text = utf8(this.#held.take(), `element ${this.#count + 1} of the body`);
    this.#count++;
    return text;
  }

  #bad(complaint: string): HttpError {
    return badRequest("", `element ${this.#count + 1} of the body ${complaint}`);
  }
}
