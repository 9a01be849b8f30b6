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

function byDistance(a: string, b: string): number {
  return Number(a.startsWith(".")) - Number(b.startsWith(".")) || ups(b) - ups(a) || natural(a, b);
}

const ups = (path: string) => path.split("/").filter((part) => part === "..").length;

/** Letters regardless of case, numbers by value; independent of the locale, so that output is the same everywhere. */
function natural(a: string, b: string): number {
  const [left, right] = [chunks(a), chunks(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x = "", y = ""] = [left[i], right[i]];
    const order = /^\d/.test(x) && /^\d/.test(y) ? Number(x) - Number(y) : compare(x.toLowerCase(), y.toLowerCase());
    if (order !== 0) return order;
  }
  return left.length - right.length || compare(a, b);
}

const chunks = (text: string) => text.match(/\d+|\D+/g) ?? [];
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
