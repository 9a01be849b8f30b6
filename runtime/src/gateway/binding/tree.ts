import type { DescField } from "@bufbuild/protobuf";

/**
 * A request as plain JSON by JSON or proto names. Beside what parseExactly makes, a bytes field may be a Uint8Array and a FieldMask
 * MaskPaths.
 */
export type Tree = { [name: string]: unknown };

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/** The key of a field in a tree that may come from a body: the spelling that is there, else the JSON name. */
export const keyIn = (tree: Tree, { name, jsonName }: DescField): string =>
  name !== jsonName && !Object.hasOwn(tree, jsonName) && Object.hasOwn(tree, name) ? name : jsonName;

/** Sets a field, whatever was there. Keys such as `__proto__` are data. */
export function put(tree: Tree, key: string, value: unknown): void {
  if (key !== "__proto__") tree[key] = value;
  else Object.defineProperty(tree, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Sets a field, and takes away the other members of its oneof. */
export function win(tree: Tree, field: DescField, value: unknown): void {
  if (field.oneof) {
    for (const rival of field.oneof.fields) {
      if (rival === field) continue;
      delete tree[rival.name];
      delete tree[rival.jsonName];
    }
  }
  put(tree, keyIn(tree, field), value);
}

/**
 * The tree of the message that has the field, made where it is missing. Undefined where something else is in its place, which
 * whoever reads the whole tree will complain about. `wins`: as `win`.
 */
export function descend(tree: Tree, parents: readonly DescField[], wins: boolean): Tree | undefined {
  let at = tree;
  for (const field of parents) {
    const key = keyIn(at, field);
    const inner = Object.hasOwn(at, key) ? at[key] : undefined;
    if (isTree(inner)) {
      if (wins) win(at, field, inner);
      at = inner;
      continue;
    }
    if (inner !== undefined && inner !== null) return undefined;
    const made: Tree = {};
    if (wins) win(at, field, made);
    else put(at, key, made);
    at = made;
  }
  return at;
}
