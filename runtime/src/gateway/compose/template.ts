import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { unknownKey } from "../../core/known-keys.ts";
import { TextError, type TextReader, textReader } from "../binding/text.ts";
import { badRequest } from "../errors.ts";

/** What a request gave, by the names that templates use: `id`, `query.page`. */
export type Values = ReadonlyMap<string, string>;

/** Makes ProtoJSON from what a request gave; undefined when it gave nothing for it. Throws HttpError 400. */
type Template = (values: Values) => JsonValue | undefined;

/** The JSON of a request message. Throws HttpError 400. */
export type RequestTemplate = (values: Values) => JsonObject;

/** A template that fits its message not at all. The message names the key. */
export class TemplateError extends Error {}

/**
 * Compiles the request of a part. Every key must be a field of the message, every variable one of `known`; what else is
 * wrong with a constant the caller finds out by reading a message from the result.
 */
export function requestTemplate(json: JsonObject, schema: DescMessage, known: readonly string[]): RequestTemplate {
  return message(json, schema, known, "request") as RequestTemplate;
}

function message(json: JsonObject, schema: DescMessage, known: readonly string[], at: string): Template {
  const entries = Object.entries(json).map(([key, value]) => {
    const field = schema.fields.find((one) => one.name === key || one.jsonName === key);
    if (!field) {
      const names = schema.fields.map(({ name }) => name);
      throw new TemplateError(`${at}: ${schema.typeName}: ${unknownKey(key, names)}`);
    }
    return [field.jsonName, fieldValue(value, field, known, `${at}.${key}`)] as const;
  });
  return record(entries);
}

const record =
  (entries: readonly (readonly [string, Template])[]): Template =>
  (values) => {
    const made: { [key: string]: JsonValue } = {};
    for (const [key, template] of entries) {
      const value = template(values);
      if (value !== undefined) made[key] = value;
    }
    return made;
  };

function fieldValue(json: JsonValue, field: DescField, known: readonly string[], at: string): Template {
  if (field.fieldKind === "list" && Array.isArray(json)) {
    return list(json.map((item, index) => single(item, field, known, `${at}[${index}]`)));
  }
  if (field.fieldKind === "map" && isObject(json)) {
    return record(Object.entries(json).map(([key, value]) => [key, single(value, field, known, `${at}.${key}`)]));
  }
  return single(json, field, known, at);
}

const list =
  (items: readonly Template[]): Template =>
  (values) =>
    items.map((item) => item(values)).filter((value) => value !== undefined);

/** One value of a field: an element of a list, a value of a map. */
function single(json: JsonValue, field: DescField, known: readonly string[], at: string): Template {
  if (typeof json === "string") return text(json, textReader(field), known, at);
  if (field.message && isObject(json) && !anyJson(field.message)) return message(json, field.message, known, at);
  return free(json, known, at);
}

/** Values whose fields no descriptor has. */
function free(json: JsonValue, known: readonly string[], at: string): Template {
  if (typeof json === "string") return text(json, (value) => value, known, at);
  if (Array.isArray(json)) return list(json.map((item, index) => free(item, known, `${at}[${index}]`)));
  if (!isObject(json)) return () => json;
  return record(Object.entries(json).map(([key, value]) => [key, free(value, known, `${at}.${key}`)]));
}

const anyJson = ({ typeName }: DescMessage) => /^google\.protobuf\.(?:Any|Struct|Value|ListValue)$/.test(typeName);

const isObject = (json: JsonValue): json is JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json);

/** A text with variables in it. A constant stays the ProtoJSON that it is. */
function text(json: string, read: TextReader | undefined, known: readonly string[], at: string): Template {
  const pieces = json.split(/\{([A-Za-z_][\w.]*)\}/);
  if (pieces.length === 1) return () => json;
  const names = pieces.filter((_, index) => index % 2 === 1);
  for (const name of names) {
    if (!known.includes(name) && !/^query\.[^.]/.test(name))
      throw new TemplateError(
        `${at}: {${name}} is no variable of the path: write ${[...known.map((one) => `{${one}}`), "{query.<parameter>}"].join(" or ")}`,
      );
  }
  if (!read) throw new TemplateError(`${at}: the field holds a message, which no text can become: give its fields`);
  return (values) => {
    let whole = "";
    for (const [index, piece] of pieces.entries()) {
      const value = index % 2 === 0 ? piece : values.get(piece);
      if (value === undefined) return undefined;
      whole += value;
    }
    try {
      return read(whole);
    } catch (error) {
      throw error instanceof TextError ? badRequest(names.map(shown).join(", "), error.message, error) : error;
    }
  };
}

/** A variable as the client knows it. */
const shown = (name: string): string => name.replace(/^query\./, "");
