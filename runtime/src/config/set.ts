import { type DescField, type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { unknownKey } from "../core/known-keys.ts";
import { ConfigError } from "./error.ts";
import { parseJson } from "./json.ts";
import { type Entries, isEntries, isItems, type Node, nodeOf } from "./node.ts";

/** One value from outside the file. */
export interface Setting {
  /** The variable or flag, for errors. */
  readonly at: string;
  /** Keys from the outside in; the item of a list by its `name`. */
  readonly path: readonly string[];
  readonly text: string;
  /** How keys and names are written here, from how the schema and the file have them. */
  readonly spelling: Spelling;
}

/** Variables have capitals and underscores only; flags write keys as the file does. */
export interface Spelling {
  readonly of: (name: string) => string;
  readonly shown: (field: DescField) => string;
}

/** `request_bytes` and `requestBytes` are `REQUEST_BYTES`; a target `user-db` is `USER_DB`. */
export const spelledAsVariable: Spelling = {
  of: (name) =>
    name
      .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
      .replace(/\W/g, "_")
      .toUpperCase(),
  shown: ({ name }) => name.toUpperCase(),
};

export const spelledAsKey: Spelling = { of: (name) => name, shown: ({ jsonName }) => jsonName };

/** A configuration with one value replaced. Throws a ConfigError that names the setting and never repeats its value. */
export const applySetting = (root: Node, schema: DescMessage, setting: Setting): Node =>
  setIn(root, schema, setting, setting.path);

function setIn(node: Node | undefined, message: DescMessage, setting: Setting, path: readonly string[]): Node {
  const [key = "", ...rest] = path;
  const { at, spelling } = setting;
  const field = message.fields.find(({ name, jsonName }) => [name, jsonName].some((one) => spelling.of(one) === key));
  if (!field) throw new ConfigError(at, "", unknownKey(key, message.fields.map(spelling.shown)));
  const before = node && isEntries(node.value) ? node.value : new Map<string, Node>();
  const value = setField(entryOf(before, field), field, setting, rest);
  // The other members of a oneof give way, as a lower source gives way to a higher one.
  const rivals = field.oneof?.fields ?? [field];
  const kept = [...before].filter(([name]) => !rivals.some((one) => one.name === name || one.jsonName === name));
  return { at: node?.at ?? at, value: new Map([...kept, [field.jsonName, value]]) };
}

const entryOf = (entries: Entries, { name, jsonName }: DescField) => entries.get(jsonName) ?? entries.get(name);

function setField(before: Node | undefined, field: DescField, setting: Setting, rest: readonly string[]): Node {
  const { at, text } = setting;
  if (rest.length === 0) return meantBy(field, text, at);
  if (field.fieldKind === "message") return setIn(before, field.message, setting, rest);
  const { message } = field;
  if (field.fieldKind === "list" && message?.fields.some(({ name }) => name === "name"))
    return setItem(before, message, setting, rest);
  if (message) throw new ConfigError(at, "", `items of ${field.jsonName} have no names: write the whole list as JSON`);
  throw new ConfigError(at, "", `${field.jsonName} has no keys below it`);
}

/** Sets a key of the item of this name; an item that is not there yet is added. */
function setItem(before: Node | undefined, message: DescMessage, setting: Setting, path: readonly string[]): Node {
  const [name = "", ...rest] = path;
  const { at, spelling } = setting;
  const items = before && isItems(before.value) ? before.value : [];
  const found = items.flatMap((item, index) => (spelling.of(nameOf(item)) === name ? index : []));
  if (found.length > 1) throw new ConfigError(at, "", `several items are spelled ${name}: rename one of them`);
  if (rest.length === 0)
    throw new ConfigError(
      at,
      "",
      `names no key of ${name}: add one of ${message.fields.map(spelling.shown).join(", ")}`,
    );
  const [index = items.length] = found;
  const old = items[index] ?? nodeOf({ name: spelling === spelledAsVariable ? name.toLowerCase() : name }, at);
  return { at: before?.at ?? at, value: items.toSpliced(index, 1, setIn(old, message, setting, rest)) };
}

const nameOf = ({ value }: Node): string => (isEntries(value) ? String(value.get("name")?.value) : "");

/** The value that a text means for a field, all of it written at one place. */
function meantBy(field: DescField, text: string, at: string): Node {
  const json = /^\s*[[{]/.test(text);
  if (field.fieldKind === "list") {
    if (json || field.message) return parsed(text, "a list: write it as JSON", at);
    const items = text.split(",").map((item) => item.trim());
    if (items.includes("")) throw new ConfigError(at, "", "has an empty item: write a,b or a list in JSON");
    return nodeOf(
      items.map((item) => scalarOf(field.scalar, item, at)),
      at,
    );
  }
  if (field.message) return parsed(text, "an object: set its keys, or write it as JSON", at);
  return nodeOf(scalarOf(field.scalar, text, at), at);
}

function parsed(text: string, what: string, at: string): Node {
  if (!/^\s*[[{]/.test(text)) throw new ConfigError(at, "", `must be ${what}`);
  return written(parseJson(text, at), at);
}

/** The same, written at another place. */
const written = ({ value }: Node, at: string): Node => ({
  at,
  value: isItems(value)
    ? value.map((item) => written(item, at))
    : isEntries(value)
      ? new Map([...value].map(([key, inner]) => [key, written(inner, at)]))
      : value,
});

function scalarOf(type: ScalarType | undefined, text: string, at: string): JsonValue {
  switch (type) {
    case ScalarType.BOOL:
      if (text === "true" || text === "false") return text === "true";
      throw new ConfigError(at, "", "must be true or false");
    case ScalarType.UINT32:
    case ScalarType.UINT64:
      if (/^\d{1,16}$/.test(text)) return Number(text);
      throw new ConfigError(at, "", "must be a whole number of at least 0");
    case ScalarType.DOUBLE:
      if (text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
      throw new ConfigError(at, "", "must be a number");
    default:
      return text;
  }
}
