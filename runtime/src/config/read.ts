import { readFile } from "node:fs/promises";
import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type MessageShape,
  ScalarType,
} from "@bufbuild/protobuf";
import { unknownKey } from "../core/known-keys.ts";

/** A configuration that cannot be used. The message names the file, the key and the remedy. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  /** `key` is a path such as `targets[1].tls.caFile`; empty: the file as a whole. */
  constructor(file: string, key: string, text: string, cause?: unknown) {
    super([file, key, text].filter((part) => part !== "").join(": "), { cause });
  }
}

/** Reads a message from a ProtoJSON file. Throws a ConfigError: nothing in the file is ignored. */
export async function readMessage<Desc extends DescMessage>(schema: Desc, file: string): Promise<MessageShape<Desc>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new ConfigError(file, "", `cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
  const json = parseJson(text, file);
  checkMessage(json, schema, file, "");
  return fromJson(schema, json);
}

function parseJson(text: string, file: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    // V8 quotes the text around the mistake, and that may be a secret: neither quoted nor kept as the cause.
    const message = (error as SyntaxError).message.replace(/,? (?:\.\.\.)?".*$/s, "").replace(/ at position .*$/, "");
    const at = /at position (\d+)/.exec((error as SyntaxError).message)?.[1];
    const before = at === undefined ? undefined : text.slice(0, Number(at)).split("\n");
    const place = before ? `:${before.length}:${(before.at(-1) ?? "").length + 1}` : "";
    throw new ConfigError(`${file}${place}`, "", `is not JSON: ${message}`);
  }
}

/** Finds what protobuf-es would report without saying where. After it, nothing is left that `fromJson` refuses. */
function checkMessage(value: JsonValue, message: DescMessage, file: string, path: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigError(file, path, `is ${kindOf(value)}, it must be an object`);
  const seen = new Map<string, string>();
  for (const [key, inner] of Object.entries(value)) {
    const field = message.fields.find(({ name, jsonName }) => key === jsonName || key === name);
    if (!field) {
      const known = message.fields.map(({ jsonName }) => jsonName);
      throw new ConfigError(file, path, unknownKey(key, known));
    }
    if (inner === null) continue; // ProtoJSON: the same as absent.
    const place = field.oneof?.name ?? field.name;
    const earlier = seen.get(place);
    if (earlier !== undefined) throw new ConfigError(file, path, `${earlier} and ${key} exclude each other: keep one`);
    seen.set(place, key);
    checkField(inner, field, file, path === "" ? field.jsonName : `${path}.${field.jsonName}`);
  }
}

function checkField(value: JsonValue, field: DescField, file: string, path: string): void {
  if (field.fieldKind === "list") {
    if (!Array.isArray(value)) throw new ConfigError(file, path, `is ${kindOf(value)}, it must be a list`);
    value.forEach((item, at) => {
      if (field.message) checkMessage(item, field.message, file, `${path}[${at}]`);
      else checkScalar(item, field.scalar, file, `${path}[${at}]`);
    });
  } else if (field.message) checkMessage(value, field.message, file, path);
  else checkScalar(value, field.scalar, file, path);
}

/** The scalar types that config.proto uses. */
const scalars: { readonly [type: number]: { readonly what: string; readonly fits: (value: JsonValue) => boolean } } = {
  [ScalarType.STRING]: { what: "text", fits: (value) => typeof value === "string" },
  [ScalarType.BOOL]: { what: "true or false", fits: (value) => typeof value === "boolean" },
  [ScalarType.UINT32]: {
    what: "a whole number of at least 0",
    fits: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32,
  },
};

function checkScalar(value: JsonValue, type: ScalarType | undefined, file: string, path: string): void {
  const scalar = scalars[type ?? -1];
  if (scalar && !scalar.fits(value))
    throw new ConfigError(file, path, `is ${kindOf(value)}, it must be ${scalar.what}`);
}

/** What a value is; never the value itself, which may be a secret in the wrong place. */
function kindOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return (
    { object: "an object", string: "text", number: "a number", boolean: "true or false" }[typeof value as string] ??
    typeof value
  );
}
