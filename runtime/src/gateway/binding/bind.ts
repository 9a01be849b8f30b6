import type { IncomingHttpHeaders } from "node:http";
import type { DescMessage, Registry } from "@bufbuild/protobuf";
import type { Route } from "../../core/spec.ts";
import type { JsonCodec } from "../../json/codec.ts";
import { JsonError, show } from "../../json/error.ts";
import { hasOwnJson } from "../../json/shape.ts";
import { parseStrictly } from "../../json/text.ts";
import type { HttpConfig } from "../../policies/index.ts";
import { badRequest } from "../errors.ts";
import { decode, joinSegments } from "../routing/path.ts";
import { compileHeaders } from "./bind-headers.ts";
import { compileQuery } from "./bind-query.ts";
import type { Body } from "./body.ts";
import { type FieldPath, findField } from "./fields.ts";
import { readingBody } from "./json.ts";
import { compileMask } from "./mask.ts";
import { TextError } from "./text.ts";
import { isTree, type Tree } from "./tree.ts";
import { type TextWriter, textWriter } from "./write-text.ts";

/** What a route's binding is made of. */
export interface BinderOptions {
  readonly route: Route;
  readonly schema: DescMessage;
  /** The types that a google.protobuf.Any may hold. */
  readonly registry: Registry;
  /** Reads the request. */
  readonly json: Pick<JsonCodec, "parse" | "read">;
  readonly config: HttpConfig;
}

/** Makes request messages. All methods throw HttpError with status 400. */
export interface Binder {
  /** From the path's segments, the query, the body and the headers. */
  bind(segments: readonly string[], query: string, body: Body, headers?: IncomingHttpHeaders): unknown;
  /** From the body alone, as the later messages of a stream are. */
  element(body: Body): unknown;
}

/**
 * Compiles a route's binding: path, query and headers are put into the JSON of the body, which is read once. The path wins over
 * the body, the body over headers, and these over the query: a field that the path or the body gives is never read from the
 * query, in either spelling, and with `body: "*"` nothing is.
 */
export function compileBinder(options: BinderOptions): Binder {
  const { route, schema, registry, json, config } = options;
  const bodyTree = compileBody(route, schema);
  const bindQuery = compileQuery(route, schema, registry, config.unknownQuery ?? "IGNORE");
  const fillMask = compileMask(route, schema);
  const bindPath = compilePath(route, schema, registry);
  const bindHeaders = compileHeaders(schema, registry, config);
  const bodyField = schema.fields.find(({ name }) => name === route.body);

  const element = (body: Body): unknown =>
    readingBody(() => {
      if (route.body === "*" && body.kind === "json" && body.text !== "") return json.parse(body.text);
      return json.read(bodyTree(body));
    }, bodyField);
  // Nothing but the body: no tree is needed.
  const isBodyOnly = route.body === "*" && !bindPath && !bindHeaders && config.unknownQuery !== "REJECT";

  return {
    element,
    bind: isBodyOnly
      ? (_segments, _query, body) => element(body)
      : (segments, query, body, headers) =>
          readingBody(() => {
            const tree = bodyTree(body);
            // What is no object has no fields, as its reader will say.
            if (!isTree(tree)) return json.read(tree);
            const open = headers && bindHeaders?.open(tree, headers);
            bindQuery(tree, query, !isEmpty(body));
            fillMask?.(tree);
            if (headers && open) bindHeaders?.fill(tree, headers, open);
            bindPath?.(tree, segments);
            return json.read(tree);
          }, bodyField),
  };
}

const isEmpty = (body: Body): boolean => body.kind === "none" || (body.kind === "json" && body.text === "");

/** What a body is, before anything else is put into it. Throws JsonError, and HttpError for raw bytes where none belong. */
function compileBody({ body: name }: Route, schema: DescMessage): (body: Body) => unknown {
  if (name === undefined) return () => ({});
  const field = schema.fields.find((one) => one.name === name);
  if (name !== "*" && !field)
    throw new Error(`a route's body is ${name}, which ${schema.typeName} does not have: generate the code again`);
  const raw = (field ? field.message : schema)?.typeName === "google.api.HttpBody";
  const message = field?.fieldKind === "message" && !hasOwnJson(field.message) ? field.message : undefined;
  return (body) => {
    if (isEmpty(body)) return {};
    if (body.kind === "raw" && !raw) throw badRequest("", "the body must be JSON");
    const value =
      body.kind === "raw"
        ? { contentType: body.contentType, data: body.data }
        : parseStrictly(body.kind === "json" ? body.text : "{}");
    if (!field) return value;
    if (message && value === null) throw new JsonError("", `is no ${message.typeName}: ${show(value)}`);
    return { [field.jsonName]: value };
  };
}

function compilePath(
  route: Route,
  schema: DescMessage,
  registry: Registry,
): ((tree: Tree, segments: readonly string[]) => void) | undefined {
  if (route.variables.length === 0) return undefined;
  const wide = route.segments.indexOf("**");
  const variables = route.variables.map((variable) => ({
    ...variable,
    write: textWriter(known(schema, variable.field), registry, true),
    single: variable.to - variable.from === 1 && variable.from !== wide,
  }));
  return (tree, segments) => {
    // How many more segments the path has than the template, all of them taken by the `**`.
    const extra = segments.length - route.segments.length;
    for (const { field, from, to, write, single } of variables) {
      const start = wide >= 0 && from > wide ? from + extra : from;
      // The router has decoded every segment, so that none is malformed.
      const text = single
        ? (decode(segments[start] ?? "") ?? "")
        : joinSegments(segments.slice(start, wide >= 0 && to > wide ? to + extra : to));
      writeNamed(write, tree, field, text);
    }
  };
}

function writeNamed(write: TextWriter, tree: Tree, field: string, text: string): void {
  try {
    write(tree, text);
  } catch (error) {
    throw error instanceof TextError ? badRequest(field, error.message, error) : error;
  }
}

function known(schema: DescMessage, name: string): FieldPath {
  const lookup = findField(schema, name.split("."));
  if (lookup.kind !== "found")
    throw new Error(`a route names ${name}, which ${schema.typeName} does not have: generate the code again`);
  return lookup.path;
}
