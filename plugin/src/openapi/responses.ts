import type { DescField, DescMethod } from "@bufbuild/protobuf";
import type { Route } from "@protomesh/runtime";
import type {
  ContentObject,
  HeadersObject,
  ReferenceObject,
  ResponseObject,
  ResponsesObject,
  SchemaObject,
} from "openapi3-ts/oas31";
import type { MethodModel } from "../model.ts";
import type { Schemas } from "./schemas.ts";
import { isHttpBody, unsetValue } from "./well-known.ts";

/** The policy of a method, as far as answers over HTTP depend on it. */
export interface Answering {
  readonly http?: { readonly successStatus?: number; readonly etag?: boolean; readonly stream?: keyof typeof forms };
  readonly auth?: {
    readonly access?: string;
    readonly providers?: readonly string[];
    readonly scopes?: readonly string[];
    readonly audiences?: readonly string[];
    readonly rule?: string;
  };
  readonly rateLimit?: readonly { readonly shadow?: boolean }[];
  readonly limits?: { readonly requestBytes?: number; readonly messages?: number };
  readonly timeout?: { readonly totalMs?: number; readonly maxMs?: number };
  readonly [kind: string]: unknown;
}

/** Bytes as they are, in the media type that goes with them. */
export const binary: ContentObject = { "*/*": { schema: { type: "string", format: "binary" } } };

/** The body of every failure. Source: google/rpc/status.proto. */
export const statusSchema: SchemaObject = {
  type: "object",
  description: "Why a call failed.",
  properties: {
    code: { type: "integer", format: "int32", description: "A code of google.rpc.Code." },
    message: { type: "string", description: "What is so, for developers." },
    details: {
      type: "array",
      description: "More about it, as messages with their types.",
      items: {
        type: "object",
        properties: { "@type": { type: "string" } },
        required: ["@type"],
        additionalProperties: true,
      },
    },
  },
};

const failure = (description: string, headers?: HeadersObject): ResponseObject => ({
  description,
  ...(headers && { headers }),
  content: { "application/json": { schema: { $ref: "#/components/schemas/google.rpc.Status" } } },
});

const header = (description: string) => ({ description, schema: { type: "string" as const } });

/** The failures that documents describe, by their names in `components.responses`. */
const failures = {
  BadRequest: failure("The request is wrong; `details` name the field."),
  Unauthenticated: failure("There are no credentials, or none that are accepted.", {
    "WWW-Authenticate": header("What credentials are accepted."),
  }),
  Refused: failure("There are credentials, and they are not accepted.", {
    "WWW-Authenticate": header("What credentials are accepted."),
  }),
  Nobody: failure("Nobody may call this."),
  Denied: failure("The caller is known, and may not do this."),
  TooLarge: failure("The body is too large."),
  TooMany: failure("A limit is used up.", {
    "Retry-After": header("Seconds to wait."),
    RateLimit: header("The quota that is used up, and when there is more."),
    "RateLimit-Policy": header("The quotas."),
  }),
  LimitExceeded: failure("The request is larger than it may be, or has too many messages."),
  Unavailable: failure("Too much is going on, or what is behind this keeps failing."),
  TimedOut: failure("It took too long."),
  Failed: failure("Any other failure."),
} satisfies { readonly [name: string]: ResponseObject };

/** The failures that operations of one document refer to. */
export class Failures {
  readonly components = new Map<string, ResponseObject>();

  /** A reference to one. */
  of(name: keyof typeof failures): ReferenceObject {
    this.components.set(name, failures[name]);
    return { $ref: `#/components/responses/${name}` };
  }
}

/** What is answered to. */
export interface Asked {
  readonly route: Route;
  /** In lower case. */
  readonly httpMethod: string;
  readonly method: DescMethod;
  readonly model: Pick<MethodModel, "kind" | "policy">;
  /** Whether there is anything in the request that may be wrong. */
  readonly takesInput: boolean;
}

/** All answers of a method over a route, those to failures by the policies that it has. */
export function responses(asked: Asked, schemas: Schemas, failed: Failures): ResponsesObject {
  const { http, auth, rateLimit, timeout, concurrency, circuitBreaker, limits } = asked.model.policy as Answering;
  const { access = "DENY" } = auth ?? {};
  const takesStream = asked.model.kind === "clientStream" || asked.model.kind === "bidi";
  const status = http?.successStatus ?? 200;
  // Entity tags are for what may be kept.
  const isTagged = http?.etag === true && status === 200 && (asked.httpMethod === "get" || asked.httpMethod === "head");
  const { description, ...content } = success(asked, status, http?.stream, schemas);
  const headers = isTagged && { headers: { ETag: header("Names this state of the resource.") } };
  const found: { [status: string]: ResponseObject | ReferenceObject } = {
    [status]: { description, ...headers, ...content },
  };
  if (isTagged) found[304] = { description: "What `If-None-Match` names is still current." };
  if (asked.takesInput) found[400] = failed.of("BadRequest");
  if (access === "AUTHENTICATED") {
    found[401] = failed.of("Unauthenticated");
    const restricted = [auth?.scopes, auth?.audiences].some((list) => (list?.length ?? 0) > 0);
    if (restricted || auth?.rule !== undefined) found[403] = failed.of("Denied");
  } else if (access === "DENY") found[403] = failed.of("Nobody");
  else if ((auth?.providers?.length ?? 0) > 0) found[401] = failed.of("Refused");
  if (asked.route.body !== undefined) found[413] = failed.of("TooLarge");
  if (rateLimit?.some(({ shadow }) => shadow !== true)) found[429] = failed.of("TooMany");
  // What a reply exceeds is no fault of the caller, and is found when the answer has begun, or is a 500.
  else if (limits?.requestBytes !== undefined || (limits?.messages !== undefined && takesStream))
    found[429] = failed.of("LimitExceeded");
  if (concurrency !== undefined || circuitBreaker !== undefined) found[503] = failed.of("Unavailable");
  if (timeout?.totalMs !== undefined || timeout?.maxMs !== undefined) found[504] = failed.of("TimedOut");
  return { ...found, default: failed.of("Failed") };
}

/** A field that is the whole reply, which is null where the field is not set. */
function orNull(field: DescField, schema: SchemaObject): SchemaObject {
  const takesNull = schema.$ref === undefined && (schema.type === undefined || [schema.type].flat().includes("null"));
  return takesNull || unsetValue(field) !== undefined ? schema : { anyOf: [schema, { type: "null" }] };
}

/** How a stream is framed for clients that do not ask, by the option `http.stream`. */
const forms = {
  LINES: "each line is an object with a `result` or, at the end, an `error`",
  SSE: "there is an event for each message",
  ARRAY: "there is one array",
};

function success(
  { route: { responseBody }, method: { output }, model: { kind } }: Asked,
  status: number,
  stream: keyof typeof forms = "LINES",
  schemas: Schemas,
): ResponseObject {
  if (status === 204 || status === 205) return { description: "Done." };
  const field = output.fields.find(({ name }) => name === responseBody);
  if (isHttpBody(field && field.fieldKind === "message" ? field.message : field ? undefined : output))
    return { description: "The content, in its own media type.", content: binary };
  const schema = field ? orNull(field, schemas.field(field) as SchemaObject) : schemas.message(output);
  if (kind === "unary" || kind === "clientStream")
    return { description: "Done.", content: { "application/json": { schema } } };
  return {
    description: `A stream of messages. \`Accept\` chooses its form: an event or a line for each message, or one array. Without it, ${forms[stream]}.`,
    content: {
      "application/json": { schema: { type: "array", items: schema } },
      "application/x-ndjson": { schema },
      "text/event-stream": { schema },
    },
  };
}
