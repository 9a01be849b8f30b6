interface Specifier {
  readonly name: string;
  readonly alias: string | undefined;
  readonly typeOnly: boolean;
}

const statement = /^import (type )?\{ (.*) \} from "(.*)";$/;

/**
 * Merges and sorts the import statements at the head of a file: one statement per module, packages first, then
 * relative paths from far to near. protoplugin prints types and values apart, in the order of their use.
 */
export function tidyImports(code: string): string {
  const lines = code.split("\n");
  const modules = new Map<string, Specifier[]>();
  let body = 0;
  for (const line of lines) {
    const [, typeOnly, names = "", from = ""] = statement.exec(line) ?? [];
    if (from === "") break;
    body++;
    const specifiers = modules.get(from) ?? [];
    modules.set(from, specifiers);
    for (const specifier of names.split(", ")) {
      const [name = "", alias] = specifier.split(" as ");
      specifiers.push({ name, alias, typeOnly: typeOnly !== undefined });
    }
  }
  const head = [...modules].sort(([a], [b]) => byDistance(a, b)).map(([from, specifiers]) => print(from, specifiers));
  return [...head, ...lines.slice(body)].join("\n");
}

function print(from: string, specifiers: readonly Specifier[]): string {
  const sorted = specifiers.toSorted((a, b) => natural(a.name, b.name));
  const allTypes = sorted.every(({ typeOnly }) => typeOnly);
  const names = sorted.map(({ name, alias, typeOnly }) => {
    return `${typeOnly && !allTypes ? "type " : ""}${name}${alias === undefined ? "" : ` as ${alias}`}`;
  });
  return `import ${allTypes ? "type " : ""}{ ${names.join(", ")} } from "${from}";`;
}

/** Packages, then aliases such as `#runtime`, then relative paths from far to near. */
function byDistance(a: string, b: string): number {
  return kind(a) - kind(b) || ups(b) - ups(a) || natural(a, b);
}

const kind = (path: string) => (path.startsWith(".") ? 2 : path.startsWith("#") ? 1 : 0);
const ups = (path: string) => path.split("/").filter((part) => part === "..").length;

/**
 * Biome's order of names and paths: punctuation, numbers by value, then letters, each capital before its small letter.
 * It does not depend on the locale, so output is the same everywhere.
 */
function natural(a: string, b: string): number {
  const [left, right] = [a.match(chunk) ?? [], b.match(chunk) ?? []];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compare(left[i] as string, right[i] as string);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

const chunk = /\d+|\D/g;
const isNumber = (text: string) => /^\d/.test(text);

/** Compares two characters, or two runs of digits. */
function compare(a: string, b: string): number {
  if (isNumber(a) && isNumber(b)) return a.length - b.length || Number(a) - Number(b);
  return rank(a) - rank(b);
}

const punctuation = "/._-$";

function rank(text: string): number {
  if (isNumber(text)) return 1000;
  const letter = text.toLowerCase();
  if (letter === text.toUpperCase()) return punctuation.includes(text) ? punctuation.indexOf(text) : text.charCodeAt(0);
  return 2 * letter.charCodeAt(0) + (letter === text ? 1 : 0) + 1000;
}
