import type { DescField, DescMessage, DescMethod } from "@bufbuild/protobuf";
import type { Route } from "@protomesh/runtime";
import type { ParameterObject, SchemaObject, SchemaObjectType } from "openapi3-ts/oas31";
import { behaviorOf } from "./annotations.ts";
import type { Path, PathParameter } from "./paths.ts";
import type { Schemas } from "./schemas.ts";
import { isJson, isTextual } from "./well-known.ts";

/** A request header that fills a field. */
export interface HeaderBinding {
  /** In lower case. */
  readonly header: string;
  readonly field: string;
}

/** A gateway takes no more query parameters, and none of fields that are deeper. */
const mostParameters = 256;
const mostSteps = 16;
/** Types that contain each other do so in more ways than can be tried. */
const mostMessages = 4096;

/** The fields on the way to one inside a message, which is the last, by their proto names. */
function fieldsTo(message: DescMessage, path: string): DescField[] {
  let inside: DescMessage | undefined = message;
  return path.split(".").flatMap((name) => {
    const field: DescField | undefined = inside?.fields.find((one) => one.name === name);
    inside = field?.message;
    return field ?? [];
  });
}

/** A path of proto names in JSON names. */
export const jsonPath = (message: DescMessage, path: string): string =>
  fieldsTo(message, path)
    .map(({ jsonName }) => jsonName)
    .join(".");

/** The parameters of an operation in its path. */
export function pathParameters({ parameters }: Path, { input }: DescMethod, schemas: Schemas): ParameterObject[] {
  return parameters.map((parameter) => {
    const field = parameter.field === undefined ? undefined : fieldsTo(input, parameter.field).at(-1);
    const { description, deprecated, ...schema } = (field ? schemas.field(field) : { type: "string" }) as SchemaObject;
    const about = describe(parameter, description);
    return {
      name: parameter.name,
      in: "path",
      required: true,
      ...(about && { description: about }),
      ...(deprecated === true && { deprecated }),
      schema: parameter.whole ? inText(schema) : { type: "string", ...(parameter.wide ? {} : { pattern: "^[^/]+$" }) },
      ...(parameter.wide && { "x-multi-segment": true }),
    };
  });
}

/** What a value outside of a body says for itself: read-only and the like are about bodies, and no text is null. */
function inText(schema: SchemaObject): SchemaObject {
  const { readOnly: _, writeOnly: __, "x-immutable": ___, ...rest } = schema;
  // A wrapper's type and null.
  if (Array.isArray(rest.type)) rest.type = rest.type[0] as SchemaObjectType;
  if (rest.items) rest.items = inText(rest.items as SchemaObject);
  if (typeof rest.additionalProperties === "object")
    rest.additionalProperties = inText(rest.additionalProperties as SchemaObject);
  return rest;
}

function describe({ whole, wide, field, pattern }: PathParameter, description: string | undefined): string {
  const parts = [
    field === undefined || whole || pattern === undefined ? "" : `Part of \`${field}\`, which is \`${pattern}\`.`,
    wide ? "It may have slashes, which are sent as they are." : "",
    description ?? "",
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** The parameters of an operation in its query: what neither path, header nor body brings. */
export function queryParameters(
  route: Route,
  { input }: DescMethod,
  headers: readonly HeaderBinding[],
  schemas: Schemas,
): ParameterObject[] {
  if (route.body === "*") return [];
  const bound = new Set([...route.variables.map(({ field }) => field), ...headers.map(({ field }) => field)]);
  if (route.body !== undefined) bound.add(route.body);
  const found: ParameterObject[] = [];
  let messages = 0;

  const walk = (message: DescMessage, before: readonly DescField[], required: boolean) => {
    if (++messages > mostMessages) return;
    for (const field of schemas.fieldsOf(message)) {
      if (found.length >= mostParameters || before.length >= mostSteps) return;
      const steps = [...before, field];
      const name = steps.map((step) => step.jsonName).join(".");
      if (bound.has(steps.map((step) => step.name).join(".")) || behaviorOf(field).has("OUTPUT_ONLY")) continue;
      const needed = required && schemas.isRequired(field);
      if (field.fieldKind === "message" && !isTextual(field) && !isJson(field.message)) {
        const again = field.message === input || before.some((step) => step.message === field.message);
        if (!again && field.message.typeName !== "google.protobuf.Any") walk(field.message, steps, needed);
      } else {
        const parameter = inQuery(field, name, needed, schemas);
        if (parameter) found.push(parameter);
      }
    }
  };
  walk(input, [], true);
  return found;
}

/** One field as a query parameter; undefined for lists and maps of messages, which a query cannot hold. */
function inQuery(field: DescField, name: string, required: boolean, schemas: Schemas): ParameterObject | undefined {
  if ((field.fieldKind === "list" || field.fieldKind === "map") && !isTextual(field)) return undefined;
  const { description, deprecated, ...whole } = schemas.field(field) as SchemaObject;
  const schema = inText(whole);
  const parameter: ParameterObject = {
    name,
    in: "query",
    ...(required && { required }),
    ...(description && { description }),
    ...(deprecated === true && { deprecated }),
  };
  if (field.fieldKind === "list") return { ...parameter, schema, style: "form", explode: true };
  if (field.fieldKind === "map") return { ...parameter, schema, style: "deepObject", explode: true };
  if (field.message && isJson(field.message)) return { ...parameter, content: { "application/json": { schema } } };
  return { ...parameter, schema };
}

/** Names that OpenAPI describes elsewhere: it ignores parameters of these. */
const elsewhere: ReadonlySet<string> = new Set(["accept", "content-type", "authorization"]);

/** The headers that fill fields of the request, and that hold an idempotency key. */
export function headerParameters(
  { input }: DescMethod,
  headers: readonly HeaderBinding[],
  keyHeader: string | undefined,
  schemas: Schemas,
): ParameterObject[] {
  const names = new Set<string>();
  const bound = headers.flatMap(({ header, field: path }): ParameterObject[] => {
    const steps = fieldsTo(input, path);
    const field = steps.at(-1);
    // A header that fills two fields is one parameter.
    if (!field || elsewhere.has(header) || names.has(header)) return [];
    names.add(header);
    const { description, deprecated, ...schema } = schemas.field(field) as SchemaObject;
    const required = steps.every((step) => schemas.isRequired(step));
    return [
      {
        name: header,
        in: "header",
        ...(required && { required }),
        ...(description && { description }),
        ...(deprecated === true && { deprecated }),
        schema: inText(schema),
      },
    ];
  });
  if (keyHeader === undefined || headers.some(({ header }) => header === keyHeader)) return bound;
  const description = "The same key for all attempts of one request: it then takes effect once.";
  return [...bound, { name: keyHeader, in: "header", description, schema: { type: "string" } }];
}
