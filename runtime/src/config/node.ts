import type { JsonValue } from "@bufbuild/protobuf";

/** A value of a configuration, and where it was written. */
export interface Node {
  /** `mesh.yaml:12` or the name of a variable or flag. For an entry of an object the place of its key. */
  readonly at: string;
  readonly value: string | number | boolean | null | readonly Node[] | ReadonlyMap<string, Node>;
}

/** What stands for an object in a node. */
export type Entries = ReadonlyMap<string, Node>;

export const isEntries = (value: Node["value"]): value is Entries => value instanceof Map;

export const isItems = (value: Node["value"]): value is readonly Node[] => Array.isArray(value);

/** A JSON value, all of it written at one place. */
export function nodeOf(json: JsonValue, at: string): Node {
  if (Array.isArray(json)) return { at, value: json.map((item) => nodeOf(item, at)) };
  if (typeof json !== "object" || json === null) return { at, value: json };
  return { at, value: new Map(Object.entries(json).map(([key, inner]) => [key, nodeOf(inner, at)])) };
}

/** What a value is; never the value itself, which may be a secret in the wrong place. */
export function kindOf(value: Node["value"]): string {
  if (value === null) return "null";
  if (isItems(value)) return "a list";
  if (isEntries(value)) return "an object";
  return typeof value === "string" ? "text" : typeof value === "number" ? "a number" : "true or false";
}
