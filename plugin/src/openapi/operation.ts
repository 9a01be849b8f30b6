import type { DescMethod } from "@bufbuild/protobuf";
import type { Route } from "@protomesh/runtime";
import type { ContentObject, OperationObject, RequestBodyObject } from "openapi3-ts/oas31";
import type { MethodModel } from "../model.ts";
import { cleaned, summarize } from "./comments.ts";
import { type HeaderBinding, headerParameters, pathParameters, queryParameters } from "./parameters.ts";
import type { Path } from "./paths.ts";
import { type Answering, binary, type Failures, responses } from "./responses.ts";
import type { Schemas } from "./schemas.ts";
import type { Security } from "./security.ts";
import { operationOf, type Swagger } from "./swagger.ts";
import { isHttpBody } from "./well-known.ts";

/** One route of a method, as it appears in a document. */
export interface Listed {
  readonly method: DescMethod;
  readonly model: MethodModel;
  readonly route: Route;
  /** Its number among the routes of the method. */
  readonly binding: number;
  readonly path: Path;
  readonly tag: string;
  readonly swagger: Swagger;
}

/** What an operation is made with. */
export interface Parts {
  readonly schemas: Schemas;
  readonly security: Security;
  readonly failures: Failures;
  /** An id that no other operation of the document has. */
  readonly idOf: (wanted: string) => string;
}

/** The operation of a route under one HTTP method, in lower case: a route of `*` has one under each. */
export function operation(
  listed: Listed,
  httpMethod: string,
  { schemas, security, failures, idOf }: Parts,
): OperationObject {
  const { method, model, route, path, tag, swagger } = listed;
  const policy = model.policy as Answering & {
    readonly http?: { readonly headers?: readonly HeaderBinding[] };
    readonly idempotency?: { readonly key?: string };
  };
  const headers = policy.http?.headers ?? [];
  const { key = "" } = policy.idempotency ?? {};
  const keyHeader = key.startsWith("metadata:") ? key.slice("metadata:".length) : undefined;
  const parameters = [
    ...pathParameters(path, method, schemas),
    ...queryParameters(route, method, headers, schemas),
    ...headerParameters(method, headers, keyHeader, schemas),
  ];
  const said = operationOf(method);
  const { summary = method.name, description } = summarize(cleaned(model.doc.comment));
  const body = requestBody(listed, headers, schemas);
  const demanded = said.security ?? (policy.auth?.access === "AUTHENTICATED" ? swagger.security : undefined);
  const given = demanded && security.declared(demanded, swagger.securityDefinitions?.security ?? {});
  const upgrades = model.kind === "clientStream" || model.kind === "bidi";
  const about = [said.description ?? description ?? "", ...streamed(model.kind, body)].filter((part) => part !== "");
  const takesInput = parameters.length > 0 || body !== undefined;
  const found = responses({ route, httpMethod, method, model, takesInput }, schemas, failures);
  for (const [status, { description: text }] of Object.entries(said.responses ?? {})) {
    const response = Object.hasOwn(found, status) ? found[status] : undefined;
    const whole =
      response && "$ref" in response ? failures.components.get(response.$ref.split("/").at(-1) ?? "") : response;
    if (whole && text) found[status] = { ...whole, description: text };
  }
  return {
    operationId: idOf(said.operationId ?? `${method.parent.name}_${method.name}`),
    tags: [...(said.tags ?? [tag])],
    summary: said.summary ?? summary,
    ...(about.length > 0 && { description: about.join("\n\n") }),
    ...(said.externalDocs?.url && { externalDocs: { ...said.externalDocs, url: said.externalDocs.url } }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: body }),
    responses: found,
    security: given && given.length > 0 ? given : security.of(policy.auth ?? {}),
    ...((said.deprecated === true || model.doc.deprecated) && { deprecated: true }),
    ...(upgrades && { "x-websocket": true }),
    "x-rpc": `${method.parent.typeName}/${method.name}`,
  };
}

/** How a stream of requests is sent. */
function streamed(kind: MethodModel["kind"], body: RequestBodyObject | undefined): string[] {
  if (kind !== "clientStream" && kind !== "bidi") return [];
  const overHttp =
    body === undefined
      ? "or one message"
      : body.content === binary
        ? "or as bytes in the body"
        : "or as lines or an array in the body";
  const text = `The request is a stream of messages: over WebSocket, ${overHttp}.`;
  return [kind === "bidi" ? `${text} Without WebSocket it needs HTTP/2.` : text];
}

function requestBody(
  { route, method, model }: Listed,
  headers: readonly HeaderBinding[],
  schemas: Schemas,
): RequestBodyObject | undefined {
  if (route.body === undefined) return undefined;
  const field = method.input.fields.find(({ name }) => name === route.body);
  if (isHttpBody(field ? field.message : method.input))
    return { description: "The content, in its own media type.", required: true, content: binary };
  const bound = [...route.variables, ...headers].map(({ field: name }) => name);
  const omitted = [...new Set(bound)]
    .map((name) => name.split("."))
    .filter(([first]) => !field || first === field.name)
    .map((steps) => (field ? steps.slice(1) : steps));
  const partial = omitted.length > 0 && omitted.every((steps) => steps.length > 0);
  const type = field ? field.message : method.input;
  const schema =
    partial && type ? schemas.object(type, omitted) : field ? schemas.field(field) : schemas.message(method.input);
  const content: ContentObject =
    model.kind === "clientStream" || model.kind === "bidi"
      ? { "application/json": { schema: { type: "array", items: schema } }, "application/x-ndjson": { schema } }
      : { "application/json": { schema } };
  return { required: true, content };
}
