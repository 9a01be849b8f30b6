import type { Clock } from "../core/clock.ts";
import { checkKeys, keysOf } from "../core/known-keys.ts";
import type { MethodSpec } from "../core/spec.ts";
import type { GatewayService } from "../gateway/endpoint.ts";
import type { GatewayOptions } from "../gateway/gateway.ts";
import type { ServerTls } from "../grpc/tls.ts";
import type { AuthConfig } from "../policies/index.ts";
import type { Implementation, ServerOptions } from "../server.ts";
import type { ServerState } from "./drain.ts";
import { checkGatewayOptions, type ServeGatewayOptions } from "./gateway-options.ts";
import type { HttpLimits } from "./http.ts";
import { type StopSignal, stopSignals } from "./signals.ts";

/** Where messages to the operator go. A pino or winston logger is one. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** How one door listens, when its address alone does not say it all. */
export interface DoorOptions {
  /** See `ServeOptions.grpc`. */
  readonly address: string | number;
  /** In place of the server's `tls`; false: plain text. */
  readonly tls?: ServerTls | false | undefined;
}

/** How calls by gRPC come in. */
export interface GrpcDoorOptions extends DoorOptions {
  /** Closes a connection at this age, so that clients spread over new servers. Default: never. */
  readonly maxConnectionAgeMs?: number | undefined;
}

/** How calls by HTTP come in. */
export interface HttpDoorOptions
  extends DoorOptions,
    HttpLimits,
    Pick<GatewayOptions, "requestHeaders" | "responseHeaders"> {
  /**
   * Serves Connect and gRPC-Web too, at `/package.Service/Method`; a route of that path goes first. Needs the packages
   * @connectrpc/connect and @connectrpc/connect-node. Default: false.
   */
  readonly connect?: boolean | undefined;
}

/** How calls of all kinds come in at one port. */
export interface ListenOptions extends GrpcDoorOptions, HttpDoorOptions {}

/** How a server stops. */
export interface DrainOptions {
  /**
   * How long to go on serving while health says NOT_SERVING, in milliseconds, so that load balancers find out before
   * calls fail. Default: 5000 after SIGTERM; 0 after other signals and after `stop()`, where nobody balances.
   */
  readonly lameDuckMs?: number | undefined;
  /** How long calls under way may take to finish then, in milliseconds. The rest is cut. Default: 10000. */
  readonly limitMs?: number | undefined;
}

/** What to serve, where, and how to stop. */
export interface ServeOptions {
  /** What `implement` made. All of it is served through every door. */
  readonly services?: readonly Implementation[] | undefined;
  /**
   * Services that another server implements and whose HTTP routes are served here:
   * `{ spec: Users, target: connect("users:8080") }`. Timeouts and retries apply here, the rest there; credentials
   * are passed on. Default: none.
   */
  readonly forward?: readonly GatewayService[] | undefined;
  /**
   * Where to listen for gRPC: a port, `"host:port"`, or `"unix:/path"`; without a host the loopback interface, port 0
   * for any free one. Default: no gRPC.
   */
  readonly grpc?: string | number | GrpcDoorOptions | undefined;
  /** Where to listen for HTTP: a port or `"host:port"`, in the same way. Default: no HTTP. */
  readonly http?: string | number | HttpDoorOptions | undefined;
  /**
   * One port for everything, gRPC and HTTP/1.1 and HTTP/2, in place of `grpc` and `http`: a port or `"host:port"`, in the same way.
   * In plain text the first bytes of a connection tell them apart, with TLS it is negotiated. Default: none.
   */
  readonly listen?: string | number | ListenOptions | undefined;
  /** CORS, trusted proxies, handlers beside the routes, and what else concerns requests by HTTP. Default: nothing of it. */
  readonly gateway?: ServeGatewayOptions | undefined;
  /** Certificate and key for both doors. With `ca`, clients need a certificate too. Default: plain text. */
  readonly tls?: ServerTls | undefined;
  /** Who can verify credentials, by the name that policies use. Default: nobody. */
  readonly auth?: ServerOptions["auth"];
  /** Serve `grpc.health.v1` and `GET /healthz`. Default: true. */
  readonly health?: boolean | undefined;
  /** Serve server reflection: to everybody, or to whom `auth` says. Default: false. */
  readonly reflection?: boolean | { readonly auth: Partial<AuthConfig> } | undefined;
  /** The largest request message or body that is accepted, in bytes. Default: 4 MiB. */
  readonly maxRequestBytes?: number | undefined;
  readonly drain?: DrainOptions | undefined;
  /**
   * The signals that stop the server; a second one stops it at once. When it has stopped, the process ends, at the
   * latest `drain.limitMs` later. False: none, the application does it. Default: SIGTERM and SIGINT.
   */
  readonly signals?: readonly StopSignal[] | false | undefined;
  /** Told of each state as it begins. At `lameDuck`, unregister from whatever sends calls here. */
  readonly onState?: ((state: ServerState) => void) | undefined;
  /** Told about every failure that is not an RpcError, with the id that the caller got. Default: the logger. */
  readonly onError?: ((error: unknown, id: string, method: MethodSpec) => void) | undefined;
  /** Default: warnings and errors on stderr. */
  readonly logger?: Logger | undefined;
  /** State that replicas share, for rate limits with `shared`. Default: none, and such limits are refused. */
  readonly store?: ServerOptions["store"];
  /** Layers of one's own, at named places; of several at one place the first is outermost. Default: none. */
  readonly layers?: ServerOptions["layers"];
  /** Overrides of the policies, as a loaded configuration has them. Default: the generated policies alone. */
  readonly policies?: ServerOptions["policies"];
  /** Default: the real time. */
  readonly clock?: Clock | undefined;
  /** Default: Math.random. */
  readonly random?: (() => number) | undefined;
}

const door = { address: true, tls: true } as const;

const httpKeys = keysOf<HttpDoorOptions>({
  ...door,
  headersTimeoutMs: true,
  requestTimeoutMs: true,
  keepAliveMs: true,
  sendTimeoutMs: true,
  maxHeaderBytes: true,
  requestHeaders: true,
  responseHeaders: true,
  connect: true,
});

const known = {
  serve: keysOf<ServeOptions>({
    services: true,
    forward: true,
    grpc: true,
    http: true,
    listen: true,
    gateway: true,
    tls: true,
    auth: true,
    health: true,
    reflection: true,
    maxRequestBytes: true,
    drain: true,
    signals: true,
    onState: true,
    onError: true,
    logger: true,
    store: true,
    layers: true,
    policies: true,
    clock: true,
    random: true,
  }),
  grpc: keysOf<GrpcDoorOptions>({ ...door, maxConnectionAgeMs: true }),
  http: httpKeys,
  listen: [...httpKeys, ...keysOf<Omit<GrpcDoorOptions, keyof DoorOptions>>({ maxConnectionAgeMs: true })],
  tls: keysOf<ServerTls>({ cert: true, key: true, ca: true, requireClientCert: true }),
  auth: ["providers"],
  store: ["eval", "prefix", "timeoutMs", "replicas"],
  reflection: ["auth"],
  drain: keysOf<DrainOptions>({ lameDuckMs: true, limitMs: true }),
};

/** Checks what types cannot, or what came without them. Throws an Error that names the key and the remedy. */
export function checkOptions(options: ServeOptions): void {
  if (typeof options !== "object" || options === null)
    throw new TypeError("serve takes an object of options: say what to serve and where");
  for (const key of ["services", "forward"] as const) {
    if (options[key] !== undefined && !Array.isArray(options[key]))
      throw new TypeError(`serve: ${key} is not a list: put it in [ ]`);
  }
  if (Array.isArray(options.auth?.providers))
    throw new TypeError("serve: auth.providers is a list: name each, { login: jwt(...) }");
  checkKeys(options, known.serve, "serve");
  if (options.gateway) checkGatewayOptions(options.gateway);
  for (const key of ["grpc", "http", "listen", "tls", "auth", "store", "reflection", "drain"] as const) {
    const value = options[key];
    if (typeof value !== "object" || value === null) continue;
    checkKeys(value, known[key], `serve: ${key}`);
    if ("tls" in value && value.tls) checkKeys(value.tls, known.tls, `serve: ${key}.tls`);
    for (const [inner, number] of Object.entries(value)) {
      if (typeof number === "number" && inner !== "address")
        checkNumber(`${key}.${inner}`, number, inner === "lameDuckMs" || inner === "limitMs");
    }
  }
  if (options.maxRequestBytes !== undefined) checkNumber("maxRequestBytes", options.maxRequestBytes, false);
  for (const signal of options.signals || []) {
    if (!stopSignals.includes(signal))
      throw new TypeError(`serve: signals: ${JSON.stringify(signal)} is none of ${stopSignals.join(", ")}`);
  }
  checkServices(options);
}

function checkNumber(key: string, value: number, orZero: boolean): void {
  if (Number.isFinite(value) && (value > 0 || (orZero && value === 0))) return;
  throw new TypeError(`serve: ${key} is ${value}: use a number ${orZero ? "of at least 0" : "above 0"}`);
}

function checkServices({ services = [], forward = [], auth, grpc, http, listen }: ServeOptions): void {
  if (listen !== undefined && (grpc !== undefined || http !== undefined))
    throw new TypeError("serve: listen is one port for gRPC and HTTP: leave grpc and http out, or set those two");
  if (grpc === undefined && http === undefined && listen === undefined)
    throw new TypeError(
      "serve: nothing to listen on: set grpc, http or both, or listen for one port, such as listen: 8080",
    );
  for (const one of services) {
    if (!one?.spec?.methods || !("object" in one))
      throw new TypeError("serve: services takes what implement(Service, implementation) returns");
  }
  for (const one of forward) {
    if (!one?.spec?.methods || typeof one.target?.handler !== "function")
      throw new TypeError("serve: forward takes { spec: Service, target: connect(address) }");
  }
  for (const [name, provider] of Object.entries(auth?.providers ?? {})) {
    if (typeof provider?.authenticate !== "function")
      throw new TypeError(`serve: auth.providers.${name} is no provider: use jwt(...), apiKeys(...) or mtls(...)`);
  }
  if (services.length === 0 && forward.length === 0)
    throw new TypeError("serve: nothing to serve: add implement(Service, implementation) to services");
  if (forward.length > 0 && http === undefined && listen === undefined)
    throw new TypeError("serve: forward serves HTTP routes: set http, such as http: 8080");
}
