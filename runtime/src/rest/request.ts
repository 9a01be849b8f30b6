import type { Route } from "../core/spec.ts";
import { type Field, isObject, type Json, type JsonObject, JsonProblem, type ValueType } from "./value.ts";

/** What of a route a client needs. */
export type RestRoute = Pick<Route, "method" | "segments" | "verb" | "variables" | "body" | "responseBody">;

/** A request as HTTP has it. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  /** Headers that fields are sent by. */
  readonly headers: { readonly [name: string]: string };
  /** The JSON of the body; undefined when the route has none, or the field it is of is absent. */
  readonly body: Json | undefined;
}

/** A header that fills a field of the request. */
export interface HeaderBinding {
  readonly header: string;
  /** Proto names joined by dots. */
  readonly field: string;
}

/**
 * Lays a request message over the first of its routes that can carry it. Throws `JsonProblem` when none can.
 * Source: google/api/http.proto, "Path template syntax" and "Rules for HTTP mapping".
 */
export function layOut(
  routes: readonly RestRoute[],
  bound: readonly HeaderBinding[],
  type: ValueType,
  message: unknown,
): [HttpRequest, RestRoute] {
  const json = type.write(message);
  let first: unknown;
  // A query cannot say that a message is there and empty: a route that can is better, one that cannot will do.
  for (const exact of [true, false]) {
    for (const route of routes) {
      try {
        return [lay(route, bound, type, isObject(json) ? (json as JsonObject) : {}, json, exact), route];
      } catch (error) {
        if (!exact) first ??= error;
      }
    }
  }
  throw first;
}

function lay(
  route: RestRoute,
  bound: readonly HeaderBinding[],
  type: ValueType,
  json: JsonObject,
  whole: Json,
  exact: boolean,
): HttpRequest {
  const { variables, body, verb } = route;
  const segments = [...route.segments];
  // From the last, because a `**` becomes any number of segments.
  for (const { field, from, to } of [...variables].sort((a, b) => b.from - a.from)) {
    const pattern = route.segments.slice(from, to);
    segments.splice(from, to - from, ...fill(pattern, textOf(type, json, field.split(".")), field));
  }
  const path = `/${segments.join("/")}${verb === undefined ? "" : `:${verb}`}`;
  const headers: { [name: string]: string } = {};
  for (const { header, field } of bound) {
    const value = textOf(type, json, field.split("."));
    if (!/^[\x20-\x7e]*$/.test(value)) throw new JsonProblem("is sent by header, which holds ASCII alone", [field]);
    if (value !== "") headers[header] = value;
  }
  const query: string[] = [];
  if (body !== "*" && type.fields) {
    const elsewhere = new Set([...variables, ...bound].map(({ field }) => field));
    if (body !== undefined) elsewhere.add(body);
    ask(type, json, "", elsewhere, exact, query);
  }
  return {
    method: route.method !== "*" ? route.method : body === undefined ? "GET" : "POST",
    target: query.length === 0 ? path : `${path}?${query.join("&")}`,
    headers,
    body: body === undefined ? undefined : body === "*" ? whole : bodyField(type, json, body),
  };
}

const bodyField = (type: ValueType, json: JsonObject, name: string) => json[type.fields?.().get(name)?.json ?? name];

/** The segments of a variable's value, each of which must be one that the pattern has. */
function fill(pattern: readonly string[], value: string, field: string): string[] {
  const parts = value === "" && pattern.includes("**") ? [] : value.split("/");
  const single = pattern.length === 1 && pattern[0] === "*";
  const pieces = single ? [value] : parts;
  const wide = pattern.indexOf("**");
  const fixed = wide < 0 ? pattern.length : pattern.length - 1;
  const fits =
    (wide < 0 ? pieces.length === fixed : pieces.length >= fixed) &&
    pieces.every((piece, at) => {
      // URLs lose "." and "..", however they are written, and servers drop an empty segment.
      if (piece === "" || piece === "." || piece === "..") return false;
      const fromEnd = pieces.length - at;
      const slot =
        wide < 0 || at < wide
          ? pattern[at]
          : fromEnd < pattern.length - wide
            ? pattern[pattern.length - fromEnd]
            : "**";
      return slot === "*" || slot === "**" || decodeURIComponent(slot as string) === piece;
    });
  if (!fits) {
    throw new JsonProblem(
      value === "" ? "is empty, and the path needs it" : `is not what the path holds, ${pattern.join("/")}`,
      [field],
    );
  }
  return pieces.map(encodeURIComponent);
}

/** The text of a field that stands in the path, its default when it is absent. */
function textOf(type: ValueType, json: JsonObject, steps: readonly string[]): string {
  let at: Json | undefined = json;
  let owner: ValueType = type;
  for (const step of steps) {
    const field: Field | undefined = owner.fields?.().get(step);
    if (!field) return "";
    const inner: Json | undefined = isObject(at) ? ((at as JsonObject)[field.json] as Json | undefined) : undefined;
    owner = field.type;
    at = inner ?? (field.label === "single" && owner.zero !== undefined ? owner.write(owner.zero) : undefined);
  }
  return at === undefined || at === null ? "" : String(at);
}

/** Adds the parameters of a message's fields. What the path or the body holds is left out. */
function ask(
  type: ValueType,
  json: JsonObject,
  before: string,
  elsewhere: ReadonlySet<string>,
  exact: boolean,
  query: string[],
): void {
  for (const field of type.fields?.().values() ?? []) {
    const value = json[field.json];
    const name = before + field.name;
    if (value === undefined || elsewhere.has(name)) continue;
    const add = (key: string, one: Json) =>
      query.push(
        `${encodeURIComponent(key).replace(/%5B/g, "[").replace(/%5D/g, "]")}=${encodeURIComponent(parameter(one, name, field.type))}`,
      );
    if (field.label === "repeated") for (const one of value as Json[]) add(name, one);
    else if (field.label === "map") {
      for (const [key, one] of Object.entries(value as JsonObject)) add(`${name}[${key}]`, one);
    } else if (field.type.fields) {
      if (exact && Object.keys(value as JsonObject).length === 0) throw new JsonProblem("is empty", [name]);
      ask(field.type, value as JsonObject, `${name}.`, elsewhere, exact, query);
    } else add(name, value);
  }
}

function parameter(value: Json, name: string, type: ValueType): string {
  if (type.fields) {
    throw new JsonProblem("is a list or map of messages, which a query cannot hold: its method needs a body", [name]);
  }
  return type.free ? JSON.stringify(value) : String(value);
}
