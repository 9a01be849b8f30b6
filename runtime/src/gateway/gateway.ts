import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, systemClock } from "../core/clock.ts";
import { RpcError } from "../core/error.ts";
import { checkKeys, keysOf } from "../core/known-keys.ts";
import { type Report, reliable } from "../core/report.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { Target } from "../core/target.ts";
import type { MethodPolicy } from "../policies/index.ts";
import { endpointsOf, type GatewayService } from "./endpoint.ts";
import { detailRegistry, errorHeaders, errorJson, type HttpError } from "./errors.ts";
import { Exchange, type ExchangeSettings } from "./exchange.ts";
import { metadataReader } from "./request/headers.ts";
import { headerWriter } from "./response/headers.ts";
import { sendJson } from "./response/respond.ts";
import { type Matched, Router } from "./routing/router.ts";

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
  const router = new Router(services.flatMap(endpointsOf));
  const settings: ExchangeSettings = {
    maxRequestBytes: positive(options.maxRequestBytes ?? 4 * 1024 * 1024),
    strictBody: options.strictBody ?? false,
    multipart: options.multipart ?? false,
    readMetadata: metadataReader([...(options.requestHeaders ?? []), ...services.flatMap(keyHeaders)]),
    printHeaders: headerWriter(options.responseHeaders),
    onError: reliable(options.onError ?? printError, printError),
    clock: options.clock ?? systemClock,
  };
  const running = new Set<Exchange>();
  const waiting: (() => void)[] = [];

  const start = (matched: Matched, req: IncomingMessage, res: ServerResponse) => {
    if (res.destroyed) return; // The client left while something before the gateway held the request.
    const exchange = new Exchange(matched, req, res, settings);
    running.add(exchange);
    // A connection that breaks while it is written to is reported here too; "close" is where it is handled.
    res.on("error", () => {});
    res.once("close", () => {
      if (!res.writableFinished) exchange.cancel(new RpcError("CANCELLED", "the client went away"));
      running.delete(exchange);
      if (running.size === 0) for (const resolve of waiting.splice(0)) resolve();
    });
    void exchange.run();
  };

  const gateway = (req: IncomingMessage, res: ServerResponse, next?: () => void) => {
    const destination = router.find(req.method ?? "GET", req.url ?? "/");
    if (destination.kind === "call") start(destination, req, res);
    else if (next) next();
    else if (destination.kind === "options") res.writeHead(204, { allow: destination.allow }).end();
    else refuse(req, res, destination.error);
  };
  return Object.assign(gateway, {
    end(which: "streams" | "all") {
      const reason = new RpcError("UNAVAILABLE", "the server is shutting down");
      for (const exchange of running) if (which === "all" || exchange.endpoint.streams) exchange.cancel(reason);
    },
    idle: () => (running.size === 0 ? Promise.resolve() : new Promise<void>((resolve) => waiting.push(resolve))),
  });
}

/** The metadata in which methods look for an idempotency key: over HTTP it is a header of that name. */
const keyHeaders = ({ spec }: GatewayService): string[] =>
  Object.values(spec.methods).flatMap(({ policy }) => {
    const { key = "" } = (policy as MethodPolicy).idempotency ?? {};
    return key.startsWith("metadata:") ? [key.slice("metadata:".length)] : [];
  });

const known = keysOf<GatewayOptions>({
  maxRequestBytes: true,
  strictBody: true,
  multipart: true,
  requestHeaders: true,
  responseHeaders: true,
  onError: true,
  clock: true,
});
const standard = detailRegistry();

function refuse(req: IncomingMessage, res: ServerResponse, error: HttpError): void {
  sendJson(req, res, error.status, errorHeaders(error), JSON.stringify(errorJson(error, standard)));
}

function printError(error: unknown, id: string, method: MethodSpec): void {
  console.error(`${method.path} failed behind the gateway with error ${id}:`, error);
}

function positive(maxRequestBytes: number): number {
  if (Number.isSafeInteger(maxRequestBytes) && maxRequestBytes > 0) return maxRequestBytes;
  throw new TypeError(`maxRequestBytes is ${maxRequestBytes}: use a whole number of bytes above 0`);
}
