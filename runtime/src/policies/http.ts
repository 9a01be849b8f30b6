import { choice, flag, number } from "../core/fields.ts";
import type { Policy, Rule } from "../core/policy.ts";
import { type HeaderBinding, headerBindings, headerRules } from "./http/headers.ts";

/** How the gateway treats a method's routes; installs no layer. */
export interface HttpConfig {
  readonly successStatus?: number;
  /** Request headers that fill request fields. */
  readonly headers?: readonly HeaderBinding[];
  readonly unknownQuery?: "IGNORE" | "REJECT";
  readonly unknownJson?: "IGNORE" | "REJECT";
  /** The framing of a stream of replies for clients that do not say. */
  readonly stream?: "LINES" | "SSE" | "ARRAY";
  /** Replies to GET get an entity tag, and 304 answers who has them. */
  readonly etag?: boolean;
}

const withoutEtag = ({ etag: _, ...others }: HttpConfig): HttpConfig => others;

/** What must hold for a method with options for HTTP. */
const rules: readonly Rule<HttpConfig>[] = [
  ...headerRules,
  {
    id: "http/stream-of-unary",
    severity: "error",
    purpose: "Only methods that stream replies have a framing.",
    field: "stream",
    whenInherited: ({ stream: _, ...others }) => others,
    check: ({ stream }, { kind }) =>
      stream !== undefined && kind !== "serverStream" && kind !== "bidi"
        ? "stream frames a stream of replies, and this method has one reply: remove it, or set it where methods stream"
        : undefined,
  },
  {
    id: "http/empty-stream",
    severity: "error",
    purpose: "What streams is answered with a status that has a body.",
    field: "success_status",
    whenInherited: ({ successStatus: _, ...others }) => others,
    check: ({ successStatus }, { kind }) =>
      (successStatus === 204 || successStatus === 205) && (kind === "serverStream" || kind === "bidi")
        ? `success_status ${successStatus} has no body, and this method streams replies: remove it, or set it where methods do not`
        : undefined,
  },
  {
    id: "http/etag-of-stream",
    severity: "error",
    purpose: "Only unary methods have entity tags.",
    field: "etag",
    whenInherited: withoutEtag,
    check: ({ etag }, { kind }) =>
      etag && kind !== "unary"
        ? "etag tags one whole reply, and this method streams: remove it, or set it on unary methods"
        : undefined,
  },
  {
    id: "http/etag-side-effects",
    severity: "error",
    purpose: "Only methods without side effects have entity tags.",
    field: "etag",
    whenInherited: withoutEtag,
    check: ({ etag }, { idempotency }) =>
      etag && idempotency !== "NO_SIDE_EFFECTS"
        ? "etag is for what clients read: set idempotency_level to NO_SIDE_EFFECTS, or remove etag"
        : undefined,
  },
  {
    id: "http/etag-without-get",
    severity: "error",
    purpose: "A method with entity tags has a route for GET.",
    field: "etag",
    whenInherited: withoutEtag,
    check: ({ etag }, { httpMethods }) =>
      etag && httpMethods && !httpMethods.some((method) => method === "GET" || method === "*")
        ? "only replies to GET are tagged, and no route of the method has that: add one, or remove etag"
        : undefined,
  },
];

export const http: Policy<"http", HttpConfig> = {
  name: "http",
  option: "http",
  fields: {
    successStatus: number("success_status", { min: 200, max: 299 }),
    headers: headerBindings,
    unknownQuery: choice("unknown_query"),
    unknownJson: choice("unknown_json"),
    stream: choice("stream"),
    etag: flag("etag"),
  },
  rules,
  reference: {
    example: 'http: { success_status: 201 unknown_query: REJECT headers: { header: "x-tenant" field: "tenant" } }',
    errors: {
      INVALID_ARGUMENT:
        "The request has a query parameter or a JSON field that is not in the message, and REJECT is in force; or a header that the field it fills cannot hold.",
    },
    outcomes: {},
    exports: { OpenAPI: "The status of the successful response." },
  },
};
