import type { IncomingHttpHeaders } from "node:http";
import type { DescMessage, FileRegistry, Registry } from "@bufbuild/protobuf";
import { type ClientOptions, clientHandlers } from "../client.ts";
import type { Handler } from "../core/layer.ts";
import type { MethodSpec, Route, ServiceSpec } from "../core/spec.ts";
import type { Target } from "../core/target.ts";
import { type MessageJson, messageJson } from "../json/codecs.ts";
import { describedCodec, registryOf, schemaOf } from "../messages/descriptors.ts";
import { longestCall, type MethodPolicy } from "../policies/index.ts";
import { compileBinder } from "./binding/bind.ts";
import type { Body, RawBody } from "./binding/body.ts";
import { bindFrames, noFrames } from "./binding/frames.ts";
import { partRoute } from "./compose/route.ts";
import { detailRegistry } from "./errors.ts";
import { cacheControlOf } from "./response/cache-control.ts";
import { etagReader, eventIdReader, type FieldReader, isRawReply } from "./response/reply-fields.ts";

/** A service behind a gateway. */
export interface GatewayService {
  readonly spec: ServiceSpec;
  /** Where its calls go: `inProcess(...)`, or `connect(...)`. */
  readonly target: Target;
  /** For a remote target: how the client in front of it is built. Its `policies` also bound calls to a local one. */
  readonly client?: ClientOptions | undefined;
  /** The host that its routes are for: a name, or `*.example.com` for what ends so. The most specific wins. Default: every host. */
  readonly host?: string | undefined;
  /** What its paths begin with here, such as `/shop`; the service does not see it. Default: nothing. */
  readonly prefix?: string | undefined;
}

/** One route with everything that a request needs, worked out when the gateway is made. */
export interface Endpoint {
  readonly method: MethodSpec;
  readonly route: Route;
  /** True when the reply is a stream. */
  readonly streams: boolean;
  /** True when the caller streams. */
  readonly takesStream: boolean;
  /** True when the body is a google.api.HttpBody, so bytes of any media type. */
  readonly takesRaw: boolean;
  /** True when replies are google.api.HttpBody messages, so bytes of any media type. */
  readonly repliesRaw: boolean;
  /** How a stream of replies is framed for a client that does not say; undefined: as lines. */
  readonly framing: "LINES" | "SSE" | "ARRAY" | undefined;
  /** True when replies get an entity tag. */
  readonly tagged: boolean;
  /** The id of a message by which a client can resume a stream after it; undefined where messages have none. */
  readonly eventIdOf: FieldReader | undefined;
  /** The Cache-Control of a reply to GET now, unless it has its own; undefined: none. */
  readonly cacheControl: string | undefined;
  /** The reply's own entity tag; undefined where replies have none. */
  readonly etagOf: FieldReader | undefined;
  /** The status of a successful reply. */
  readonly successStatus: number;
  /** How long a call may take now, in milliseconds, unless its client asks for less. */
  readonly longestMs: number;
  /** How long a stream may stand still, in milliseconds. */
  readonly idleMs: number;
  /** The largest body that the method takes now; undefined: what the gateway allows. */
  readonly maxRequestBytes: number | undefined;
  /** The largest message that the method answers now, where no wire has seen to it already. */
  readonly maxResponseBytes: number | undefined;
  readonly target: Target;
  readonly handler: Handler;
  /** The request message. Throws HttpError 400. `headers` are needed only where the method binds some to fields. */
  bind(segments: readonly string[], query: string, body: Body, headers?: IncomingHttpHeaders): unknown;
  /** One message of a client stream, from an element of the body alone. Throws HttpError 400. */
  readElement(text: string): unknown;
  /** One message of a client stream whose body is a google.api.HttpBody. Throws HttpError 400. */
  rawElement(contentType: string, data: Uint8Array): unknown;
  /** The first message of a client stream: an element of the body with path, query and headers. Throws HttpError 400. */
  firstOf(segments: readonly string[], query: string, headers: IncomingHttpHeaders, element: Body): unknown;
  /** One message of a client stream in the codec's bytes, whatever the route says of its body. Throws HttpError 400. */
  readBytes(data: Uint8Array): unknown;
  /** The first message in the codec's bytes, with path and headers. Throws HttpError 400. */
  firstBytes(segments: readonly string[], headers: IncomingHttpHeaders, data: Uint8Array): unknown;
  /** A reply message as JSON. Throws when the implementation replied with something else. */
  print(reply: unknown): string;
  /** The bytes of a reply that is a google.api.HttpBody, or whose response_body field is one; else undefined. */
  httpBodyOf(reply: unknown): RawBody | undefined;
  /** Knows the messages that error details may have. */
  readonly details: Registry;
}

/**
 * Every route of a service, and `partRoute` for the methods that are `parts` of compositions, by their paths. Throws when
 * the service has no descriptor of a message, or the target no method.
 */
export function endpointsOf({ spec, target, client }: GatewayService, parts?: ReadonlySet<string>): Endpoint[] {
  const routesOf = ({ path, routes }: MethodSpec) => (parts?.has(path) ? [...routes, partRoute] : routes);
  if (Object.values(spec.methods).every((method) => routesOf(method).length === 0)) return [];
  const registry = registryOf(spec);
  const details = detailRegistry(registry);
  // A remote target gets messages as JSON made them: from descriptors, without a second generator's code in between.
  const called = target.local ? spec : described(spec, registry);
  const handlers = target.local ? undefined : clientHandlers(called, target, client);

  return Object.entries(called.methods).flatMap(([key, method]) => {
    if (routesOf(method).length === 0) return [];
    const { http } = method.policy as MethodPolicy;
    const now = () => (client?.policies?.methodOf(method) ?? method).policy as MethodPolicy;
    const shared = {
      method,
      target,
      details,
      streams: method.kind === "serverStream" || method.kind === "bidi",
      takesStream: method.kind === "clientStream" || method.kind === "bidi",
      framing: http?.stream,
      tagged: http?.etag === true,
      eventIdOf: eventIdReader(schemaOf(method.reply, registry)),
      successStatus: http?.successStatus ?? 200,
      // In this process the server's policy applies; a client's on top of it would retry without a wire that can fail.
      handler: handlers?.get(key) ?? target.handler(method),
    };
    return routesOf(method).map((route) => ({
      ...shared,
      route,
      takesRaw: isRaw(schemaOf(method.request, registry), route.body),
      repliesRaw: isRawReply(schemaOf(method.reply, registry), route.responseBody),
      etagOf: etagReader(schemaOf(method.reply, registry), route.responseBody),
      ...compileAll(method, route, registry, details),
      // The gateway is the client that sets the deadline, wherever the service is.
      get longestMs() {
        return longestCall(now().timeout ?? {});
      },
      get idleMs() {
        return now().timeout?.idleMs ?? Number.POSITIVE_INFINITY;
      },
      get maxRequestBytes() {
        return now().limits?.requestBytes;
      },
      get cacheControl() {
        return cacheControlOf(now());
      },
      get maxResponseBytes() {
        return target.local ? now().limits?.responseBytes : undefined;
      },
    }));
  });
}

/** Whether a body is a google.api.HttpBody: the request itself for body `*`, else the field. */
const isRaw = (request: DescMessage, body: string | undefined): boolean =>
  (body === "*" ? request : request.fields.find(({ name }) => name === body)?.message)?.typeName ===
  "google.api.HttpBody";

const configOf = (method: MethodSpec) => (method.policy as MethodPolicy).http ?? {};

/** The binding of a route, and how its messages come by WebSocket. */
function compileAll(method: MethodSpec, route: Route, registry: FileRegistry, types: Registry) {
  const own = compile(method, route, registry, types);
  if (method.kind === "unary") return { ...own, ...noFrames };
  const whole = route.body === "*" ? own : compile(method, { ...route, body: "*" }, registry, types);
  const { readElement } = route.body === undefined ? whole : own;
  return { ...own, ...bindFrames(method, route, schemaOf(method.request, registry), types, own, whole), readElement };
}

/** `types` are those that a google.protobuf.Any may hold. Codecs are compiled by the first request that needs them. */
function compile(method: MethodSpec, route: Route, registry: FileRegistry, types: Registry) {
  const config = configOf(method);
  const schema = schemaOf(method.request, registry);
  const ignoreUnknown = config.unknownJson === "IGNORE";
  const { bind, element } = compileBinder({
    route,
    schema,
    registry: types,
    config,
    json: messageJson(method.request, registry, { registry: types, ignoreUnknown }),
  });
  // Lists and zero values are always there, as REST clients expect.
  const reply = messageJson(method.reply, registry, { registry: types, emitDefaults: true });
  return {
    bind,
    readElement: (text: string) => element({ kind: "json", text }),
    rawElement: (contentType: string, data: Uint8Array) => element({ kind: "raw", contentType, data }),
    firstOf: (segments: readonly string[], query: string, headers: IncomingHttpHeaders, first: Body) =>
      bind(segments, query, first, headers),
    print: route.responseBody === undefined ? reply.print : reply.printField(route.responseBody),
    httpBodyOf: rawReader(reply, schemaOf(method.reply, registry), route.responseBody),
  };
}

/** How the bytes of a google.api.HttpBody are taken out of a reply, whatever its generator. */
function rawReader(json: MessageJson, schema: DescMessage, field: string | undefined) {
  if (!isRawReply(schema, field)) return (): undefined => undefined;
  const way = field === undefined ? [] : [field];
  const [contentType, data] = [json.field(...way, "content_type"), json.field(...way, "data")];
  return (reply: unknown): RawBody => ({
    contentType: (contentType(reply) as string | undefined) ?? "",
    data: (data(reply) as Uint8Array | undefined) ?? new Uint8Array(),
  });
}

/** The same service with messages from its descriptors. */
const described = (spec: ServiceSpec, registry: FileRegistry): ServiceSpec => ({
  ...spec,
  methods: Object.fromEntries(
    Object.entries(spec.methods).map(([key, method]) => [
      key,
      { ...method, request: describedCodec(method.request, registry), reply: describedCodec(method.reply, registry) },
    ]),
  ),
});
