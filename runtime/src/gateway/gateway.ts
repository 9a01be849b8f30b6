import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { RpcError } from "../core/error.ts";
import type { Target } from "../core/target.ts";
import { type Seen, watch } from "./access.ts";
import { type Callable, callableOf, composedEndpoint, methodsOf, whereOf } from "./compose/endpoint.ts";
import { partRoute } from "./compose/route.ts";
import { isPreflight } from "./cors.ts";
import { docsOf } from "./docs/docs.ts";
import { endpointsOf, type GatewayService } from "./endpoint.ts";
import { detailRegistry, HttpError } from "./errors.ts";
import { Exchange } from "./exchange.ts";
import { keepOrigin, originReader } from "./forwarded.ts";
import { Mounted, type MountedHandler, type MountOptions, mountOf, runMount } from "./mount.ts";
import { checkOptions, corsOf, type GatewayOptions, settingsOf } from "./options.ts";
import { peerOf } from "./peer.ts";
import { refuse } from "./refuse.ts";
import { type Destination, Router } from "./routing/router.ts";
import { Running } from "./running.ts";
import { WebSocketDoor } from "./websocket/door.ts";
import { refuseHandshake } from "./websocket/refuse.ts";

export type { GatewayOptions } from "./options.ts";

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
  checkOptions(options);
  for (const { spec, target } of services) {
    if (spec && typeof (target as Partial<Target> | undefined)?.handler === "function") continue;
    throw new TypeError(
      "createGateway takes services as { spec, target }: for an implementation, inProcess(implement(...)) is the target",
    );
  }
  const router = new Router(options.trailingSlash);
  const settings = settingsOf(options, services);
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
  const cors = corsOf(options, services);
  const originBy = options.trustedProxies && originReader(options.trustedProxies, options.forwardedHeader);
  const running = new Running();

  const answer = (destination: Destination, req: IncomingMessage, res: ServerResponse, seen: Seen | undefined) => {
    if (destination.kind === "call") {
      const exchange = new Exchange(destination, req, res, settings);
      running.add(exchange, req, res);
      if (seen) {
        seen.template = destination.template;
        seen.rpc = destination.endpoint.method.path;
        seen.call = exchange;
      }
      void exchange.run();
    } else if (destination.kind === "mount") {
      if (seen) seen.template = destination.method.path;
      running.add(new Mounted(res, destination.options.endsItself), req, res);
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
      running.end(which);
    },
    async idle() {
      await running.idle();
      await sockets?.idle();
    },
  });
}

const noWebSocket = new HttpError(501, "UNIMPLEMENTED", "WebSockets are not served here: send an ordinary request");
const standard = detailRegistry();
