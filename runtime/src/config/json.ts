import type { JsonValue } from "@bufbuild/protobuf";
import { ConfigError } from "./error.ts";
import type { Node } from "./node.ts";

/**
 * Reads JSON, remembering the lines. Throws a ConfigError that names line and column, and quotes nothing, for it may be a
 * secret; also when a key is there twice, of which JSON.parse would take one and say nothing.
 */
export const parseJson = (text: string, file: string): Node => new Scan(text, file).whole();

/** No configuration is deeper, and the stack has an end. */
const deepest = 100;

class Scan {
  readonly #text: string;
  readonly #file: string;
  #offset = 0;
  #line = 1;
  #depth = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  whole(): Node {
    const node = this.#value();
    this.#space();
    if (this.#offset < this.#text.length) throw this.#unexpected("nothing more");
    return node;
  }

  #value(at = this.#here()): Node {
    if (this.#takes("{")) return { at, value: this.#inside(() => this.#entries()) };
    if (this.#takes("[")) return { at, value: this.#inside(() => this.#items()) };
    if (this.#text[this.#offset] === '"') return { at, value: this.#string() };
    const token = this.#token(/[^\s,:[\]{}"]+/y);
    return { at, value: this.#parsed(token, "a value") as number | boolean | null };
  }

  #inside<T>(read: () => T): T {
    this.#depth += 1;
    if (this.#depth > deepest) throw new ConfigError(this.#here(), "", `is deeper than ${deepest} levels`);
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #entries(): Map<string, Node> {
    const entries = new Map<string, Node>();
    if (this.#takes("}")) return entries;
    do {
      const at = this.#here();
      if (this.#text[this.#offset] !== '"') throw this.#unexpected("a key in double quotes");
      const key = this.#string();
      if (entries.has(key)) throw new ConfigError(at, "", `${JSON.stringify(key)} is there twice: keep one`);
      if (!this.#takes(":")) throw this.#unexpected("a colon");
      entries.set(key, this.#value(at));
    } while (this.#takes(","));
    if (!this.#takes("}")) throw this.#unexpected('"," or "}"');
    return entries;
  }

  #items(): Node[] {
    const items: Node[] = [];
    if (this.#takes("]")) return items;
    do items.push(this.#value());
    while (this.#takes(","));
    if (!this.#takes("]")) throw this.#unexpected('"," or "]"');
    return items;
  }

  /** Not by a regular expression, whose stack a long text would fill. */
  #string(): string {
    let end = this.#offset;
    let escapes: number;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end === -1) throw this.#unexpected("a text that ends with a double quote");
      for (escapes = 0; this.#text[end - 1 - escapes] === "\\"; ) escapes += 1;
    } while (escapes % 2 === 1);
    const token = this.#text.slice(this.#offset, end + 1);
    const value = this.#parsed(token, "a text on one line, with legal escapes");
    this.#offset = end + 1;
    return value as string;
  }

  /** What a token says, which is not passed yet when it says nothing. */
  #parsed(token: string, expected: string): JsonValue {
    try {
      return JSON.parse(token) as JsonValue;
    } catch {
      if (token[0] !== '"') this.#offset -= token.length;
      throw this.#unexpected(expected);
    }
  }

  #unexpected(expected: string): ConfigError {
    const column = this.#offset - this.#text.slice(0, this.#offset).lastIndexOf("\n");
    return new ConfigError(`${this.#file}:${this.#line}:${column}`, "", `is not JSON: ${expected} must be here`);
  }

  #here(): string {
    this.#space();
    return `${this.#file}:${this.#line}`;
  }

  #takes(mark: string): boolean {
    this.#space();
    const found = this.#text[this.#offset] === mark;
    if (found) this.#offset += 1;
    return found;
  }

  #space(): void {
    for (const one of this.#token(/[ \t\r\n]*/y)) if (one === "\n") this.#line += 1;
  }

  #token(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    const [found = ""] = pattern.exec(this.#text) ?? [];
    this.#offset += found.length;
    return found;
  }
}
