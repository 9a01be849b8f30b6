/** A plain value as a TypeScript literal. Keys that are undefined are left out. Throws on what is no plain data. */
export function literal(value: unknown): string {
  if (typeof value === "string") return text(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return String(value).replace("e+", "e");
  if (Array.isArray(value)) return list(value);
  if (typeof value === "object" && value !== null) return record(value);
  throw new TypeError(`cannot print ${typeof value} ${String(value)} as a literal`);
}

/** An object with one property per line. */
export const block = (properties: readonly string[]): string => lines("{", properties, "}");

/** A list with one item per line. */
export const column = (items: readonly string[]): string => lines("[", items, "]");

const lines = (open: string, items: readonly string[], close: string) =>
  items.length === 0 ? open + close : `${open}\n${items.map((item) => `${item},\n`).join("")}${close}`;

/** One property of an object. */
export const property = (key: string, printed: string): string => `${propertyKey(key)}: ${printed}`;

/** A property's key: quoted when it is no identifier. */
export const propertyKey = (key: string): string => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : text(key));

/** A plain object's properties, with those that are undefined left out. */
export const properties = (value: object): string[] =>
  Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .map(([key, inner]) => property(key, literal(inner)));

/** A string in double quotes, safe in any source file. */
export const text = (value: string): string =>
  JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });

/** Several objects stand on a line each: that is how formatters print them. */
function list(items: readonly unknown[]): string {
  const printed = items.map(literal);
  if ((items.length > 1 && items.every(hasKeys)) || printed.some(isLong)) return column(printed);
  return `[${printed.join(", ")}]`;
}

function record(value: object): string {
  const printed = properties(value);
  if (printed.some(isLong)) return block(printed);
  return printed.length === 0 ? "{}" : `{ ${printed.join(", ")} }`;
}

const isLong = (printed: string) => printed.includes("\n");
const hasKeys = (item: unknown) => typeof item === "object" && item !== null && Object.keys(item).length > 1;
