import { ConfigError } from "./error.ts";
import type { Node } from "./node.ts";

/**
 * Reads JSON, remembering the lines. Throws a ConfigError that names line and column; also when a key is there twice, of
 * which JSON.parse would take one and say nothing.
 */
export function parseJson(text: string, file: string): Node {
  check(text, file);
  return new Scan(text, file).value();
}

function check(text: string, file: string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    // V8 quotes the text around the mistake, and that may be a secret: neither quoted nor kept as the cause.
    const message = (error as SyntaxError).message.replace(/,? (?:\.\.\.)?".*$/s, "").replace(/ at position .*$/, "");
    const at = /at position (\d+)/.exec((error as SyntaxError).message)?.[1];
    const before = at === undefined ? undefined : text.slice(0, Number(at)).split("\n");
    const place = before ? `:${before.length}:${(before.at(-1) ?? "").length + 1}` : "";
    throw new ConfigError(`${file}${place}`, "", `is not JSON: ${message}`);
  }
}

/** Goes through text that is known to be JSON. */
class Scan {
  readonly #text: string;
  readonly #file: string;
  #offset = 0;
  #line = 1;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  value(at = this.#here()): Node {
    if (this.#takes("{")) return { at, value: this.#entries() };
    if (this.#takes("[")) return { at, value: this.#items() };
    return { at, value: JSON.parse(this.#token(/"(?:[^"\\]|\\.)*"|[^\s,\]}]+/y)) };
  }

  #entries(): Map<string, Node> {
    const entries = new Map<string, Node>();
    while (!this.#takes("}")) {
      const at = this.#here();
      const key = JSON.parse(this.#token(/"(?:[^"\\]|\\.)*"/y)) as string;
      if (entries.has(key)) throw new ConfigError(at, "", `${JSON.stringify(key)} is there twice: keep one`);
      this.#takes(":");
      entries.set(key, this.value(at));
      this.#takes(",");
    }
    return entries;
  }

  #items(): Node[] {
    const items: Node[] = [];
    while (!this.#takes("]")) {
      items.push(this.value());
      this.#takes(",");
    }
    return items;
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
    for (const one of this.#token(/\s*/y)) if (one === "\n") this.#line += 1;
  }

  #token(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    const [found = ""] = pattern.exec(this.#text) ?? [];
    this.#offset += found.length;
    return found;
  }
}
