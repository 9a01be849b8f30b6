import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { ownTag } from "./etag.ts";

/** Reads a field of a reply as text; undefined when it is not set. */
export type FieldReader = (reply: unknown) => string | undefined;

const notKeys: ReadonlySet<ScalarType> = new Set([
  ScalarType.BYTES,
  ScalarType.BOOL,
  ScalarType.DOUBLE,
  ScalarType.FLOAT,
]);

const isOwn = (field: DescField): boolean => field.oneof === undefined;

/**
 * A reader of the field by which server-sent events can be resumed: `event_id`, a singular text or whole number.
 * Undefined when the message has none.
 */
export function eventIdReader(reply: DescMessage): FieldReader | undefined {
  const field = reply.fields.find(({ name }) => name === "event_id");
  if (field?.fieldKind !== "scalar" || notKeys.has(field.scalar) || !isOwn(field)) return undefined;
  const read = reader(field);
  // An id that breaks its line would end it early. Source: WHATWG HTML, 9.2.6.
  return (message) => {
    const id = read(message);
    return id === undefined || /[\0\r\n]/.test(id) ? undefined : id;
  };
}

/**
 * A reader of a resource's own `etag` as an entity tag: a singular text in what the response body is. Undefined when the
 * message has none.
 */
export function etagReader(reply: DescMessage, responseBody: string | undefined): FieldReader | undefined {
  const body = responseBody === undefined ? undefined : reply.fields.find(({ name }) => name === responseBody);
  if (responseBody !== undefined && (body?.fieldKind !== "message" || !isOwn(body))) return undefined;
  const message = body?.message ?? reply;
  const field = message.fields.find(({ name }) => name === "etag");
  if (field?.fieldKind !== "scalar" || field.scalar !== ScalarType.STRING || !isOwn(field)) return undefined;
  const read = reader(field);
  return (whole) => {
    const text = read(body ? valueIn(body, whole) : whole);
    return text === undefined ? undefined : ownTag(text);
  };
}

/** Whether a reply, or the field of it that is the body, is one google.api.HttpBody. */
export const isRawReply = (reply: DescMessage, responseBody: string | undefined): boolean => {
  if (responseBody === undefined) return reply.typeName === "google.api.HttpBody";
  const body = reply.fields.find(({ name }) => name === responseBody);
  return body?.fieldKind === "message" && body.message.typeName === "google.api.HttpBody";
};

/** Zero and empty text are what a field has that nobody has set. */
const reader =
  (field: DescField): FieldReader =>
  (message) => {
    const text = String(valueIn(field, message) ?? "");
    return text === "" || (text === "0" && field.scalar !== ScalarType.STRING) ? undefined : text;
  };

/** Both generators name properties in camel case, unless ts-proto is told to keep the names of the proto file. */
function valueIn({ name, localName }: DescField, message: unknown): unknown {
  const object = (message ?? {}) as { readonly [name: string]: unknown };
  return object[localName] ?? object[name];
}
