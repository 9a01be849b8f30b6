import type { Document, LineCounter, Node as YamlNode } from "yaml";
import { ConfigError } from "./error.ts";
import type { Node } from "./node.ts";

/** Reads YAML 1.2, remembering the lines. Throws a ConfigError that names line and column, or the package that is missing. */
export async function parseYaml(text: string, file: string): Promise<Node> {
  const yaml = await import("yaml").catch((cause) => {
    throw new ConfigError(file, "", "is YAML, which the package yaml reads: npm install yaml, or write JSON", cause);
  });
  return readYaml(yaml, text, file);
}

/** The same by a package that is there, at once. */
export function readYaml(yaml: typeof import("yaml"), text: string, file: string): Node {
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [wrong] = [...document.errors, ...document.warnings];
  if (wrong) {
    const { line, col } = lines.linePos(wrong.pos[0]);
    // What stands after a colon or a quote is the text itself, and that may be a secret.
    throw new ConfigError(`${file}:${line}:${col}`, "", `is not YAML: ${wrong.message.replace(/[:"].*$/s, "").trim()}`);
  }
  // Half a file is often an empty one, and must not count as "no configuration".
  if (document.contents === null) throw new ConfigError(file, "", "is empty: write {} when it shall say nothing");
  return new Reader(yaml, document, lines, file).read(document.contents as YamlNode);
}

class Reader {
  readonly #yaml: typeof import("yaml");
  readonly #lines: LineCounter;
  readonly #file: string;
  readonly #anchored: ReadonlyMap<YamlNode, YamlNode>;
  /** What aliases have led to that is not read to its end. */
  readonly #open = new Set<YamlNode>();
  /** How many values aliases stand for. */
  #nodes = 0;

  constructor(yaml: typeof import("yaml"), document: Document, lines: LineCounter, file: string) {
    this.#yaml = yaml;
    this.#anchored = anchoredOf(yaml, document);
    this.#lines = lines;
    this.#file = file;
  }

  read(node: YamlNode | null, at = this.#at(node)): Node {
    const { isAlias, isMap, isSeq, isScalar } = this.#yaml;
    // Aliases of aliases grow without end.
    if (this.#open.size > 0) this.#nodes += 1;
    if (this.#nodes > 100_000)
      throw new ConfigError(this.#file, "", "has more than 100,000 values: write fewer aliases");
    if (isAlias(node)) return this.#behind(this.#anchored.get(node), at);
    if (isSeq(node)) return { at, value: node.items.map((item) => this.read(item as YamlNode)) };
    if (isMap(node)) {
      const entries = node.items.map(({ key, value }) => {
        const name = isScalar(key) ? String(key.value) : String(key);
        return [name, this.read(value as YamlNode | null, this.#at(key as YamlNode))] as const;
      });
      return { at, value: new Map(entries) };
    }
    const value: unknown = isScalar(node) ? node.value : null;
    if (value === null || ["string", "number", "boolean"].includes(typeof value))
      return { at, value: value as string | number | boolean | null };
    throw new ConfigError(at, "", "is a kind of value that JSON does not have: write text, a number, true or false");
  }

  #behind(anchored: YamlNode | undefined, at: string): Node {
    if (!anchored) throw new ConfigError(at, "", "is not YAML: an alias names an anchor that is not above it");
    if (this.#open.has(anchored)) throw new ConfigError(at, "", "is not YAML: an alias stands within what it names");
    this.#open.add(anchored);
    const node = this.read(anchored, at);
    this.#open.delete(anchored);
    return node;
  }

  #at(node: YamlNode | null): string {
    const [offset] = node?.range ?? [];
    return offset === undefined ? this.#file : `${this.#file}:${this.#lines.linePos(offset).line}`;
  }
}

/** What each alias stands for, found in one pass: the library goes through the whole document for each of them. */
function anchoredOf({ visit }: typeof import("yaml"), document: Document): ReadonlyMap<YamlNode, YamlNode> {
  const anchors = new Map<string, YamlNode>();
  const anchored = new Map<YamlNode, YamlNode>();
  visit(document, {
    Alias(_, alias) {
      const node = anchors.get(alias.source);
      if (node) anchored.set(alias, node);
    },
    Value(_, node) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return anchored;
}
