import { type Clock, systemClock } from "../core/clock.ts";
import { checkKeys, keysOf } from "../core/known-keys.ts";
import { type Report, reliable } from "../core/report.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { MethodPolicy } from "../policies/index.ts";
import type { ServerOptions } from "../server.ts";
import type { OnRequest } from "./access.ts";
import type { Composition } from "./compose/options.ts";
import { type Cors, type CorsOptions, compileCors } from "./cors.ts";
import type { DocsOptions } from "./docs/docs.ts";
import type { GatewayService } from "./endpoint.ts";
import type { ExchangeSettings } from "./exchange.ts";
import type { ForwardedHeader } from "./forwarded.ts";
import { metadataReader } from "./request/headers.ts";
import { compressionRule } from "./response/compression.ts";
import { headerWriter } from "./response/headers.ts";
import type { TrailingSlash } from "./routing/router.ts";
import type { WebSocketOptions } from "./websocket/options.ts";

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

/** Refuses options that no gateway has. Throws a TypeError. */
export const checkOptions = (options: GatewayOptions): void => checkKeys(options, known, "createGateway");

/** What all requests of a gateway have in common. Throws a TypeError for a limit that is none. */
export function settingsOf(options: GatewayOptions, services: readonly GatewayService[]): ExchangeSettings {
  const requestHeaders = metadataHeaders(options, services);
  return {
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
}

/** CORS as the options want it; undefined where browsers keep other origins out. Throws a TypeError as `compileCors` does. */
export function corsOf(options: GatewayOptions, services: readonly GatewayService[]): Cors | undefined {
  const request = [...metadataHeaders(options, services), ...services.flatMap(boundHeaders)];
  return options.cors && compileCors(options.cors, { request, response: options.responseHeaders ?? [] });
}

/** The request headers that become metadata, besides the usual ones. */
const metadataHeaders = (options: GatewayOptions, services: readonly GatewayService[]): string[] => [
  ...(options.requestHeaders ?? []),
  ...services.flatMap(keyHeaders),
];

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
