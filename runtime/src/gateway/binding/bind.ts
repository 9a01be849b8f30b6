import { create, type DescMessage, type JsonReadOptions, type Message, type Registry } from "@bufbuild/protobuf";
import type { Route } from "../../core/spec.ts";
import type { HttpConfig } from "../../policies/index.ts";
import { badRequest } from "../errors.ts";
import { joinSegments } from "../routing/path.ts";
import { compileQuery } from "./bind-query.ts";
import { type FieldPath, findField } from "./fields.ts";
import { readField, readMessage } from "./json.ts";
import { TextError } from "./text.ts";
import { writeText } from "./write-text.ts";

/**
 * Makes the request message of a route from the path's segments, the query and the body, both "" when there is none.
 * Throws HttpError with status 400.
 */
export type Binder = (segments: readonly string[], query: string, body: string) => Message;

/**
 * Compiles a route's binding. The path wins over the body, the body over the query: a field that the path or the
 * body gives is never read from the query, in either spelling, and with `body: "*"` nothing is.
 */
export function compileBinder(route: Route, schema: DescMessage, registry: Registry, config: HttpConfig): Binder {
  const bindBody = compileBody(route, schema, { registry, ignoreUnknownFields: config.unknownJson === "IGNORE" });
  const bindQuery = compileQuery(route, schema, config.unknownQuery ?? "IGNORE");
  const bindPath = compilePath(route, schema);
  return (segments, query, body) => {
    const message = bindBody(body);
    bindQuery(message, query, body !== "");
    bindPath(message, segments);
    return message;
  };
}

function compileBody(
  { body }: Route,
  schema: DescMessage,
  options: Partial<JsonReadOptions>,
): (text: string) => Message {
  if (body === undefined) return () => create(schema);
  if (body === "*") return (text) => (text === "" ? create(schema) : readMessage(schema, text, options));
  const { field } = known(schema, body);
  return (text) => {
    const message = create(schema);
    if (text !== "") readField(schema, message, field, text, options);
    return message;
  };
}

function compilePath(route: Route, schema: DescMessage): (message: Message, segments: readonly string[]) => void {
  const wide = route.segments.indexOf("**");
  const variables = route.variables.map((variable) => ({
    ...variable,
    target: known(schema, variable.field),
    single: variable.to - variable.from === 1 && variable.from !== wide,
  }));
  return (message, segments) => {
    // How many more segments the path has than the template, all of them taken by the `**`.
    const extra = segments.length - route.segments.length;
    for (const { field, from, to, target, single } of variables) {
      const start = wide >= 0 && from > wide ? from + extra : from;
      const taken = segments.slice(start, wide >= 0 && to > wide ? to + extra : to);
      try {
        writeText(schema, message, target, single ? decodeURIComponent(taken[0] ?? "") : joinSegments(taken));
      } catch (error) {
        throw error instanceof TextError ? badRequest(field, error.message, error) : error;
      }
    }
  };
}

function known(schema: DescMessage, name: string): FieldPath {
  const lookup = findField(schema, name.split("."));
  if (lookup.kind !== "found")
    throw new Error(`a route names ${name}, which ${schema.typeName} does not have: generate the code again`);
  return lookup.path;
}
