import type { Registry } from "@bufbuild/protobuf";
import {
  type DescField,
  type DescMessage,
  fromJsonString,
  type JsonReadOptions,
  type Message,
  mergeFromJsonString,
  toJson,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { badRequest } from "../errors.ts";

/** Complaints may quote the caller's input; this keeps them short. */
const longestComplaint = 300;

/** What protobuf-es has against a value, in proto's terms instead of JavaScript's. */
export function complaintOf(error: unknown): string {
  const syntax = [error, error instanceof Error && error.cause].find((one) => one instanceof SyntaxError);
  if (syntax) return `is not JSON: ${syntax.message}`.slice(0, longestComplaint);
  const text = error instanceof Error ? error.message : String(error);
  const [, kind = "", type = "", rest = text] = /^cannot decode (\w+) (\S+) from JSON:? (.*)$/s.exec(text) ?? [];
  const reason = kind === "message" || kind === "enum" ? `is no ${type}: ${rest}` : rest;
  return reason
    .replace(/^expected (?:number|bigint|boolean|Uint8Array) \((\w+)\)/, "expected $1")
    .slice(0, longestComplaint);
}

/** Parses a request message. Throws a 400 that names the field. */
export function readMessage(schema: DescMessage, text: string, options: Partial<JsonReadOptions>): Message {
  try {
    return fromJsonString(schema, text, options);
  } catch (error) {
    throw badBody(error);
  }
}

/** Parses one field of a request message and puts it there. Throws a 400 that names the field. */
export function readField(
  schema: DescMessage,
  message: Message,
  field: DescField,
  text: string,
  options: Partial<JsonReadOptions>,
): void {
  if (field.fieldKind === "message") {
    const value = readMessage(field.message, text, options);
    reflect(schema, message).set(field, reflect(field.message, value));
    return;
  }
  try {
    // Alone first: text such as `1,"other":2` would get out of the object around it.
    JSON.parse(text);
    mergeFromJsonString(schema, message, `{${JSON.stringify(field.jsonName)}:${text}}`, options);
  } catch (error) {
    throw badBody(error);
  }
}

function badBody(error: unknown) {
  const complaint = complaintOf(error);
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  const named = hasField(cause) ? cause.field().name : /: key "(.*)" is unknown$/s.exec(complaint)?.[1];
  return badRequest(named ?? "", named === undefined ? `the body ${complaint}` : complaint, error);
}

/** True for the errors by which protobuf-es names a field. */
const hasField = (error: unknown): error is { field(): { name: string } } =>
  error instanceof Error && "field" in error && typeof error.field === "function";

/** Prints a reply, or one field of it. Lists and zero values are always there, as REST clients expect. */
export function replyWriter(
  schema: DescMessage,
  responseBody: string | undefined,
  registry: Registry,
): (reply: Message) => string {
  const options = { alwaysEmitImplicit: true, registry };
  if (responseBody === undefined) return (reply) => JSON.stringify(toJson(schema, reply, options));
  const field = schema.fields.find(({ name }) => name === responseBody);
  if (!field)
    throw new Error(`response_body ${responseBody} is no field of ${schema.typeName}: generate the code again`);
  return (reply) => {
    const json = toJson(schema, reply, options) as { [name: string]: unknown };
    return JSON.stringify(json[field.jsonName] ?? null);
  };
}
