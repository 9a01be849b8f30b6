import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type Clock, systemClock } from "../core/clock.ts";
import { RpcError } from "../core/error.ts";
import { checkKeys, keysOf } from "../core/known-keys.ts";
import { type Report, reliable } from "../core/report.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { Target } from "../core/target.ts";
import type { MethodPolicy } from "../policies/index.ts";
import type { ServerOptions } from "../server.ts";
import { type OnRequest, type Seen, watch } from "./access.ts";
import { type Callable, callableOf, composedEndpoint, methodsOf, whereOf } from "./compose/endpoint.ts";
import type { Composition } from "./compose/options.ts";
import { partRoute } from "./compose/route.ts";
import { type CorsOptions, compileCors, isPreflight } from "./cors.ts";
import { type DocsOptions, docsOf } from "./docs/docs.ts";
import { endpointsOf, type GatewayService } from "./endpoint.ts";
import { detailRegistry, errorHeaders, errorJson, HttpError, statusOf } from "./errors.ts";
import { Exchange, type ExchangeSettings } from "./exchange.ts";
import { type ForwardedHeader, keepOrigin, originReader } from "./forwarded.ts";
import { type MountedHandler, type MountOptions, mountOf, runMount } from "./mount.ts";
import { peerOf } from "./peer.ts";
import { closeWithConnection } from "./queued.ts";
import { metadataReader } from "./request/headers.ts";
import { compressionRule } from "./response/compression.ts";
import { headerWriter } from "./response/headers.ts";
import { sendJson } from "./response/respond.ts";
import { type Destination, Router, type TrailingSlash } from "./routing/router.ts";
import { WebSocketDoor } from "./websocket/door.ts";
import type { WebSocketOptions } from "./websocket/options.ts";
import { refuseHandshake } from "./websocket/refuse.ts";

/** How a gateway is built, beyond what proto files say. */
export interface GatewayOptions {
  /** The largest request body that is accepted, in bytes. Default: 4 MiB. Fails with 413. */
  readonly maxRequestBytes?: number | undefined;
  /** Refuses a body that the route has no use for, with 400. Default: false, such a body is ignored. */
  readonly strictBody?: boolean | undefined;
  /**
   * Reads forms with one file (multipart/form-data) where the body of a route is a google.api.HttpBody; their other parts
   * are taken like query parameters. Needs the package busboy. Default: false, the form itself is the body.
   */
  readonly multipart?: boolean | undefined;
  /** Request headers that become metadata, besides the usual ones and those that hold idempotency keys. Default: none. */
  readonly requestHeaders?: readonly string[] | undefined;
  /** Response metadata that becomes headers under its own name, besides the usual ones. Default: none. */
  readonly responseHeaders?: readonly string[] | undefined;
  /**
   * Compresses answers of 1 KiB and more with gzip or brotli for clients that take it, except server-sent events.
   * Default: where no cookie is among the credentials, see docs/gateway.md.
   */
  readonly compression?: boolean | undefined;
  /** How long server-sent events may be silent until a comment keeps the connection, in milliseconds. Default: 15000. */
  readonly ssePingMs?: number | undefined;
  /** Lets pages of other origins call, on every route and mounted handler. Default: browsers keep them from it. */
  readonly cors?: CorsOptions | undefined;
  /**
   * Proxies whose word counts about where requests come from: addresses, networks (`10.0.0.0/8`), `loopback`,
   * `linklocal`, `private`, `unix`. The client's address is then the last one on the way that is none of them, and
   * remote targets get `x-forwarded-for`, `-host` and `-proto` as metadata. Default: none; what clients send under
   * these names goes nowhere.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * What the trusted proxies write: `X-Forwarded-For`, `-Host` and `-Proto`, or `Forwarded` (RFC 7239). The other
   * kind is ignored, because they pass it on as a client sent it. Default: "x-forwarded".
   */
  readonly forwardedHeader?: ForwardedHeader | undefined;
  /**
   * What becomes of a path with a slash too many at its end: it is the same path, it has no route (404), or its client
   * is sent to the other one (308, which keeps method, body and query). Default: "ignore".
   */
  readonly trailingSlash?: TrailingSlash | undefined;
  /**
   * Serves the routes of streaming methods by WebSocket too: `server.on("upgrade", gateway.upgrade)`. Needs the package ws.
   * Default: false.
   */
  readonly webSocket?: boolean | WebSocketOptions | undefined;
  /** GET requests that are answered from several methods. Default: none. */
  readonly compose?: readonly Composition[] | undefined;
  /** Serves a page that shows the API, and its OpenAPI document. Default: none. */
  readonly docs?: DocsOptions | undefined;
  /** Who can verify credentials, for mounted handlers; services have their own. Default: nobody. */
  readonly auth?: ServerOptions["auth"];
  /** Told of every request that was answered here, by a route, a handler or a refusal, when that is over. Default: nobody. */
  readonly onRequest?: OnRequest | undefined;
  /**
   * Told about every failure whose text the caller does not get, with the id that it got instead.
   *
   * Default: prints it on stderr.
   */
  readonly onError?: Report | undefined;
  /** For tests. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/**
 * The routes of services as a request handler: for `http.createServer`, for `app.use` of express, for an `onRequest`
 * hook of fastify. With `next`, what no route matches is passed on; without, it is answered with 404.
 *
 * It must see requests before anything that reads their bodies.
 */
export interface Gateway {
  (req: IncomingMessage, res: ServerResponse, next?: () => void): void;
  /**
   * Serves a handler of node:http or express beside the routes, for a path and all that is below it. The more specific
   * one answers: a route of that path, then the longest mount. CORS and `onRequest` hold for it too.
   *
   * Throws when the path is taken, and when `auth` names what the gateway does not have.
   */
  mount(path: string, handler: MountedHandler, options?: MountOptions): void;
  /** Takes over a connection whose client asks for WebSocket: a listener of `upgrade`. Needs the option `webSocket`. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends the calls under way with UNAVAILABLE: those that stream, or all. New requests are still answered. */
  end(which: "streams" | "all"): void;
  /** Resolves when no request is being answered. */
  idle(): Promise<void>;
}

/**
 * A gateway for the routes of `google.api.http`.
 *
 * Throws when two routes match the same requests, and when a target does not have a method that has a route.
 */
export function createGateway(services: readonly GatewayService[], options: GatewayOptions = {}): Gateway {
  checkKeys(options, known, "createGateway");
  for (const { spec, target } of services) {
    if (spec && typeof (target as Partial<Target> | undefined)?.handler === "function") continue;
    throw new TypeError(
      "createGateway takes services as { spec, target }: for an implementation, inProcess(implement(...)) is the target",
    );
  }
  const router = new Router(options.trailingSlash);
  const requestHeaders = [...(options.requestHeaders ?? []), ...services.flatMap(keyHeaders)];
  const settings: ExchangeSettings = {
    maxRequestBytes: positive(options.maxRequestBytes ?? 4 * 1024 * 1024),
    strictBody: options.strictBody ?? false,
    multipart: options.multipart ?? false,
    readMetadata: metadataReader(requestHeaders),
    printHeaders: headerWriter(options.responseHeaders),
    onError: reliable(options.onError ?? printError, printError),
    clock: options.clock ?? systemClock,
    ssePingMs: pingMs(options.ssePingMs ?? 15_000),
    compresses: compressionRule(options.compression, requestHeaders),
  };
  const { webSocket } = options;
  const sockets = webSocket
    ? new WebSocketDoor(webSocket === true ? {} : webSocket, settings, options.trailingSlash, options.onRequest)
    : undefined;
  const { compose = [] } = options;
  const parts = compose.length > 0 ? methodsOf(compose) : undefined;
  const callable = new Map<string, Callable>();
  for (const service of services) {
    for (const endpoint of endpointsOf(service, parts)) {
      if (endpoint.route === partRoute) callable.set(endpoint.method.path, callableOf(endpoint, service));
      else {
        router.add(endpoint, service);
        sockets?.add(endpoint, service);
      }
    }
  }
  for (const [index, composition] of compose.entries()) {
    const where = whereOf(composition, index);
    const methods = services.flatMap(({ spec }) => Object.values(spec.methods).map(({ path }) => path));
    router.add(composedEndpoint(composition, where, { ...settings, callable, methods }), composition);
  }
  const mounting = { ...settings, auth: options.auth };
  if (options.docs) {
    const { page, document } = docsOf(options.docs);
    for (const { path, handler } of [page, document])
      router.mount(mountOf(path, handler, { auth: options.docs.auth, keepPath: true }, mounting));
  }
  const { onRequest } = options;
  const readHeaders = [...requestHeaders, ...services.flatMap(boundHeaders)];
  const cors =
    options.cors && compileCors(options.cors, { request: readHeaders, response: options.responseHeaders ?? [] });
  const originBy = options.trustedProxies && originReader(options.trustedProxies, options.forwardedHeader);
  const running = new Set<Exchange | Mounted>();
  const waiting: (() => void)[] = [];

  const track = (work: Exchange | Mounted, req: IncomingMessage, res: ServerResponse) => {
    running.add(work);
    closeWithConnection(req, res);
    // A connection that breaks while it is written to is reported here too; "close" is where it is handled.
    res.on("error", () => {});
    res.once("close", () => {
      if (!res.writableFinished) work.cancel(new RpcError("CANCELLED", "the client went away"));
      running.delete(work);
      if (running.size === 0) for (const resolve of waiting.splice(0)) resolve();
    });
  };

  const answer = (destination: Destination, req: IncomingMessage, res: ServerResponse, seen: Seen | undefined) => {
    if (destination.kind === "call") {
      const exchange = new Exchange(destination, req, res, settings);
      track(exchange, req, res);
      if (!seen) return void exchange.run();
      seen.template = destination.template;
      seen.rpc = destination.endpoint.method.path;
      void exchange.run().then(() => {
        seen.code = exchange.code;
      });
    } else if (destination.kind === "mount") {
      if (seen) seen.template = destination.method.path;
      track(new Mounted(res, destination.options.endsItself), req, res);
      const fail = (error: RpcError) => refuse(req, res, error, seen);
      void runMount(destination, req, res, mounting, fail);
    } else if (destination.kind === "redirect") {
      if (seen) seen.template = destination.template;
      res.writeHead(308, { location: destination.location, "content-length": "0" }).end();
    } else if (destination.kind === "options") res.writeHead(204, { allow: destination.allow }).end();
    else refuse(req, res, destination.error, seen);
  };

  const gateway = (req: IncomingMessage, res: ServerResponse, next?: () => void) => {
    if (res.destroyed) return; // The client left while something before the gateway held the request.
    const target = req.url ?? "/";
    const origin = originBy?.(req);
    const host = origin?.host ?? req.headers.host ?? (req.headers[":authority"] as string | undefined);
    const preflight = cors !== undefined && isPreflight(req);
    const method = preflight ? String(req.headers["access-control-request-method"]) : (req.method ?? "GET");
    const destination = router.find(method, target, host);
    if (next && (destination.kind === "refusal" || destination.kind === "options")) return next();
    if (origin) keepOrigin(req, origin);
    const seen = onRequest && watch(req, res, (origin?.peer ?? peerOf(req.socket)).address, settings.clock, onRequest);
    if (preflight && !(destination.kind === "refusal" && !destination.allowed)) {
      const allowed = "allowed" in destination ? destination.allowed : undefined;
      return cors.preflight(req, res, allowed ?? [method]);
    }
    cors?.mark(req, res);
    answer(destination, req, res, seen);
  };
  return Object.assign(gateway, {
    mount(path: string, handler: MountedHandler, how: MountOptions = {}) {
      router.mount(mountOf(path, handler, how, mounting));
    },
    upgrade(req: IncomingMessage, socket: Duplex, head: Buffer) {
      if (!sockets) return refuseHandshake(req, socket, noWebSocket, standard);
      const origin = originBy?.(req);
      if (origin) keepOrigin(req, origin);
      sockets.upgrade(req, socket, head, origin?.host);
    },
    end(which: "streams" | "all") {
      sockets?.end();
      const reason = new RpcError("UNAVAILABLE", "the server is shutting down");
      for (const work of running) if (which === "all" || work.streams) work.cancel(reason);
    },
    async idle() {
      if (running.size > 0) await new Promise<void>((resolve) => waiting.push(resolve));
      await sockets?.idle();
    },
  });
}

/** A mounted handler at work. Nothing but its connection can be taken from it. */
class Mounted {
  readonly streams = false;
  readonly #res: ServerResponse;
  readonly #endsItself: boolean;

  constructor(res: ServerResponse, endsItself = false) {
    this.#res = res;
    this.#endsItself = endsItself;
  }

  cancel(): void {
    if (!this.#endsItself) this.#res.destroy();
  }
}

/** The metadata in which methods look for an idempotency key: over HTTP it is a header of that name. */
const keyHeaders = ({ spec }: GatewayService): string[] =>
  Object.values(spec.methods).flatMap(({ policy }) => {
    const { key = "" } = (policy as MethodPolicy).idempotency ?? {};
    return key.startsWith("metadata:") ? [key.slice("metadata:".length)] : [];
  });

/** The headers that fill fields of requests. */
const boundHeaders = ({ spec }: GatewayService): string[] =>
  Object.values(spec.methods).flatMap(({ policy }) =>
    ((policy as MethodPolicy).http?.headers ?? []).map(({ header }) => header),
  );

const known = keysOf<GatewayOptions>({
  maxRequestBytes: true,
  strictBody: true,
  multipart: true,
  requestHeaders: true,
  responseHeaders: true,
  compression: true,
  ssePingMs: true,
  cors: true,
  trustedProxies: true,
  forwardedHeader: true,
  trailingSlash: true,
  compose: true,
  webSocket: true,
  docs: true,
  auth: true,
  onRequest: true,
  onError: true,
  clock: true,
});
const standard = detailRegistry();
const noWebSocket = new HttpError(501, "UNIMPLEMENTED", "WebSockets are not served here: send an ordinary request");

function refuse(req: IncomingMessage, res: ServerResponse, error: RpcError, seen: Seen | undefined): void {
  if (seen) seen.code = error.code;
  if (statusOf(error) === 404 && byAnotherProtocol(req)) res.writeHead(404, { "content-length": "0" }).end();
  else sendJson(req, res, statusOf(error), errorHeaders(error), JSON.stringify(errorJson(error, standard)));
}

/** Clients of Connect and gRPC-Web read a JSON body as an error of their own form, and know what 404 means without one. */
const byAnotherProtocol = ({ headers }: IncomingMessage): boolean =>
  headers["connect-protocol-version"] !== undefined ||
  /^application\/(?:grpc|connect\+|proto)/i.test(headers["content-type"] ?? "");

function printError(error: unknown, id: string, method: MethodSpec): void {
  console.error(`${method.path} failed behind the gateway with error ${id}:`, error);
}

function positive(maxRequestBytes: number): number {
  if (Number.isSafeInteger(maxRequestBytes) && maxRequestBytes > 0) return maxRequestBytes;
  throw new TypeError(`maxRequestBytes is ${maxRequestBytes}: use a whole number of bytes above 0`);
}

function pingMs(ssePingMs: number): number {
  if (ssePingMs > 0) return ssePingMs;
  throw new TypeError(`ssePingMs is ${ssePingMs}: use milliseconds above 0, Infinity for no comments`);
}
