import { type DescField, type DescMessage, type Registry, ScalarType } from "@bufbuild/protobuf";
import { fieldCheck } from "../../json/codec.ts";
import { JsonError } from "../../json/error.ts";
import { scalarReader } from "../../json/read-scalar.ts";
import { MaskPaths } from "../../json/well-known.ts";
import type { FieldPath } from "./fields.ts";
import { maskPaths, TextError, textReader } from "./text.ts";
import { descend, keyIn, put, type Tree, win } from "./tree.ts";

/**
 * Writes the text of a path segment, query parameter or header into a tree: replaces a singular field, adds to a list, sets the
 * `key` of a map. Throws TextError, saying what the field can hold.
 */
export type TextWriter = (tree: Tree, text: string, key?: string) => void;

/** Compiles how text is written into a field. `wins`: it takes away the other members of oneofs, on its way too. */
export function textWriter({ parents, field }: FieldPath, registry: Registry, wins: boolean): TextWriter {
  const read = isMask(field.message)
    ? (text: string) => new MaskPaths(maskPaths(text))
    : (textReader(field) as ((text: string) => unknown) | undefined);
  const check = valueCheck(field, registry);
  return (tree, text, key = "") => {
    if (!read) {
      const what = field.fieldKind === "message" ? "a message" : `a ${field.fieldKind} of messages`;
      throw new TextError(`is ${what}, which text cannot hold: send it in the body, or name fields inside it`);
    }
    const value = read(text);
    try {
      check(value, key);
    } catch (error) {
      throw error instanceof JsonError ? new TextError(error.message, { cause: error }) : error;
    }
    const owner = descend(tree, parents, wins);
    if (owner) write(owner, field, value, key, wins);
  };
}

/** Compiles a check of one value of a field, for a map with its key. Throws JsonError for what the field cannot hold. */
function valueCheck(field: DescField, registry: Registry): (value: unknown, key: string) => void {
  const { fieldKind } = field;
  // As a bigint, which holds every number of 64 bits; for other scalars the form says nothing.
  if (fieldKind === "scalar") return scalarReader(field.scalar, "bigint", field.name);
  const check = fieldCheck(field, registry);
  if (fieldKind === "list") return (value) => check([value]);
  if (fieldKind !== "map") return check;
  return (value, key) => {
    const entry: Tree = {};
    put(entry, key, value);
    check(entry);
  };
}

const isMask = (desc: DescMessage | undefined) => desc?.typeName === "google.protobuf.FieldMask";

function write(owner: Tree, field: DescField, value: unknown, key: string, wins: boolean): void {
  const { fieldKind } = field;
  if (fieldKind !== "list" && fieldKind !== "map") {
    if (wins) win(owner, field, value);
    else put(owner, keyIn(owner, field), value);
    return;
  }
  const name = keyIn(owner, field);
  const before = Object.hasOwn(owner, name) ? owner[name] : undefined;
  if (fieldKind === "list") {
    if (Array.isArray(before)) before.push(value);
    else put(owner, name, [value]);
  } else {
    const entries = typeof before === "object" && before !== null ? (before as Tree) : {};
    put(entries, canonical(field, key), value);
    put(owner, name, entries);
  }
}

/** Numbers have several spellings, and a map one place for each. */
const canonical = (field: DescField, key: string): string =>
  field.fieldKind === "map" && field.mapKey !== ScalarType.STRING && field.mapKey !== ScalarType.BOOL
    ? String(BigInt(key))
    : key;
