import {
  type ServerOptions as GrpcOptions,
  Server,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { RpcError } from "../core/error.ts";
import { hideError, type ServedMethod, type ServerOptions } from "../server.ts";
import { Door, parseAddress } from "./door.ts";
import { refuseForeign } from "./innards.ts";
import { type Keepalive, keepaliveOptions, positive, sizeOptions } from "./options.ts";
import { type Host, ServerCall } from "./server-call.ts";
import { type ServerTls, serverCredentials } from "./tls.ts";

/** How a server listens for gRPC. */
export interface GrpcListenOptions {
  /** `host:port`, `port` alone for the loopback interface, or `unix:/path`. Port 0 takes a free one. */
  readonly address: string;
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
  /** Told about replies that cannot be sent, as about every failure that is not an RpcError. */
  readonly onError?: ServerOptions["onError"];
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
  const where = `gRPC on ${options.address}`;
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

  const door = new Door();
  await door.open(address, where);
  const injector = server.createConnectionInjector(credentials);
  refuseForeign(server);
  door.onConnection((socket) => injector.injectConnection(socket));
  return new Listening(server, running, door);
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
  #drained: Promise<void> | undefined;

  constructor(server: Server, running: Running, door: Door) {
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
    await this.#running.none();
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
