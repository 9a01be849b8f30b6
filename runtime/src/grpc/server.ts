import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type ServerOptions as GrpcOptions,
  Server,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { RpcError } from "../core/error.ts";
import { hideError, type ServedMethod, type ServerOptions } from "../server.ts";
import { Door, parseAddress } from "./door.ts";
import { refuseForeign, shareStreams } from "./innards.ts";
import { type Keepalive, keepaliveOptions, positive, sizeOptions } from "./options.ts";
import { type Host, ServerCall } from "./server-call.ts";
import { type ServerTls, serverCredentials } from "./tls.ts";

/** How a server listens for gRPC. */
export interface GrpcListenOptions {
  /** `host:port`, `port` alone for the loopback interface, or `unix:/path`. Port 0 takes a free one. */
  readonly address: string;
  /** Names who listens in errors. Default: gRPC and the address. */
  readonly where?: string | undefined;
  /** Default: plain text. */
  readonly tls?: ServerTls | undefined;
  /** The largest message that is accepted, in bytes. Default: 4 MiB. Fails with RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes?: number | undefined;
  /** The largest message that is sent, in bytes. Default: no limit. Fails with RESOURCE_EXHAUSTED. */
  readonly maxSendBytes?: number | undefined;
  /** Pings that find dead connections. Default: none. */
  readonly keepalive?: Omit<Keepalive, "withoutCalls"> | undefined;
  /** Closes a connection at this age, give or take a tenth, so that clients spread over new servers. Default: never. */
  readonly maxConnectionAgeMs?: number | undefined;
  /** Who else uses the port. It then speaks TLS itself, without `tls` here. Default: nobody. */
  readonly share?: Share | undefined;
  /** Told about replies that cannot be sent, as about every failure that is not an RpcError. */
  readonly onError?: ServerOptions["onError"];
}

/** What a port carries besides gRPC. */
export interface Share {
  /** Gets each connection, and passes those that speak HTTP/2 on, in plain text, before anything is read from them. */
  connection(socket: Socket, http2: (socket: Duplex) => void): void;
  /** Gets each request that came by HTTP/2 and is no gRPC. */
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, rawHeaders: string[]): void;
  /** Closes what is idle and is no HTTP/2; resolves when nothing but gRPC is under way. */
  drain(): Promise<void>;
}

/** A server that listens. */
export interface GrpcServer {
  /** Where it listens, without the port. */
  readonly host: string;
  /** The port it listens on; 0 for a unix socket. */
  readonly port: number;
  /** Takes no new calls and no new connections. Resolves when no call and no connection is left. */
  drain(): Promise<void>;
  /** Ends running calls with UNAVAILABLE and cancels their work: those that stream, or all. */
  end(which: "streams" | "all"): void;
  /** Closes every connection at once. */
  destroy(): void;
}

/** Listens. Fails with an Error that names the address and the remedy. */
export async function listenGrpc(
  served: ReadonlyMap<string, ServedMethod>,
  options: GrpcListenOptions,
): Promise<GrpcServer> {
  const { where = `gRPC on ${options.address}` } = options;
  const address = parseAddress(options.address, where);
  const credentials = serverCredentials(options.tls, where);
  const running = new Running("path" in address ? "unix" : "unknown", options.onError);
  const age = positive(options.maxConnectionAgeMs, "maxConnectionAgeMs", where);
  const server = new Server({
    "grpc.enable_channelz": 0,
    ...sizeOptions(options, where),
    ...keepaliveOptions(options.keepalive, where),
    ...(age && { "grpc.max_connection_age_ms": age }),
    interceptors: [takeOver(served, running)],
  } satisfies GrpcOptions);
  for (const { method } of served.values()) server.register(method.path, unreachable, asIs, asIs, method.kind);

  const { share } = options;
  const injector = server.createConnectionInjector(credentials);
  refuseForeign(server);
  if (share) shareStreams(server, share.stream);
  const door = new Door();
  await door.open(address, where);
  const inject = (socket: Duplex) => injector.injectConnection(socket);
  door.onConnection(share ? (socket) => share.connection(socket, inject) : inject);
  return new Listening(server, running, door, share);
}

/** What connections get to send their last bytes. One that is still there has no call, and perhaps no handshake. */
const flushMs = 1_000;

const shuttingDown = () => new RpcError("UNAVAILABLE", "the server is shutting down");

/** The calls that are running. */
class Running implements Host {
  readonly calls = new Set<ServerCall>();
  /** Takes no new calls. */
  closing = false;
  readonly noAddress: string;
  readonly #waiting: (() => void)[] = [];
  readonly #onError: ServerOptions["onError"];

  constructor(noAddress: string, onError: ServerOptions["onError"]) {
    this.noAddress = noAddress;
    this.#onError = onError;
  }

  started(call: ServerCall): void {
    this.calls.add(call);
    if (this.closing) call.end(shuttingDown());
  }

  ended(call: ServerCall): void {
    this.calls.delete(call);
    if (this.calls.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when no call is running. */
  none(): Promise<void> {
    return new Promise((resolve) => {
      if (this.calls.size === 0) resolve();
      else this.#waiting.push(resolve);
    });
  }

  hide(error: unknown, { method }: ServedMethod): RpcError {
    return hideError(error, method, this.#onError);
  }
}

class Listening implements GrpcServer {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;
  readonly #running: Running;
  readonly #door: Door;
  readonly #share: Share | undefined;
  #drained: Promise<void> | undefined;

  constructor(server: Server, running: Running, door: Door, share: Share | undefined) {
    this.#share = share;
    this.#server = server;
    this.#running = running;
    this.#door = door;
    this.host = door.host;
    this.port = door.port;
  }

  drain(): Promise<void> {
    this.#running.closing = true;
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    const closed = this.#door.close();
    // It tells every connection to close when its calls have ended. When it has done so it does not say reliably: one
    // connection that spoke no HTTP/2 and it never calls back.
    this.#server.tryShutdown(() => {});
    await Promise.all([this.#running.none(), this.#share?.drain()]);
    const rest = setTimeout(() => this.#door.destroy(), flushMs);
    await closed;
    clearTimeout(rest);
  }

  end(which: "streams" | "all"): void {
    for (const call of [...this.#running.calls]) {
      if (which === "streams" && call.served.method.kind === "unary") continue;
      call.end(shuttingDown());
    }
  }

  destroy(): void {
    this.#running.closing = true;
    void this.#door.close();
    this.#server.forceShutdown();
    this.#door.destroy();
  }
}

/**
 * Runs calls one level below grpc-js's own handlers, on the interface that its interceptors see (gRFC L112): reading
 * on demand, a callback per write, and no event emitter or stream per call. The call that this returns goes to
 * grpc-js's handler, which starts it and hears nothing more.
 */
function takeOver(served: ReadonlyMap<string, ServedMethod>, host: Host): NonNullable<GrpcOptions["interceptors"]>[0] {
  return ({ path }, wire) => {
    new ServerCall(served.get(path) as ServedMethod, wire, host).start();
    return silent;
  };
}

/** What grpc-js's handlers get in place of a call: they start it, and nothing follows. */
const silent = new ServerInterceptingCall({} as ServerInterceptingCallInterface, { start: () => {} });

const asIs = (bytes: Buffer): Buffer => bytes;

const unreachable = (): never => {
  throw new Error("takeOver runs every call");
};
