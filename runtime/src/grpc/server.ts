import {
  type ServerOptions as GrpcOptions,
  Server,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { RpcError } from "../core/error.ts";
import { hideError, type ServedMethod, type ServerOptions } from "../server.ts";
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
  const { host, address } = parseAddress(options.address, where);
  const credentials = serverCredentials(options.tls, where);
  const running = new Running(address.startsWith("unix:") ? "unix" : "unknown", options.onError);
  const age = positive(options.maxConnectionAgeMs, "maxConnectionAgeMs", where);
  const server = new Server({
    "grpc.enable_channelz": 0,
    ...sizeOptions(options, where),
    ...keepaliveOptions(options.keepalive, where),
    ...(age && { "grpc.max_connection_age_ms": age }),
    interceptors: [takeOver(served, running)],
  } satisfies GrpcOptions);
  for (const { method } of served.values()) server.register(method.path, unreachable, asIs, asIs, method.kind);

  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (!error) return resolve(port);
      server.forceShutdown();
      reject(new Error(`cannot listen for ${where}: ${remedy(error.message)}`, { cause: error }));
    });
  });
  return new Listening(server, running, host, address.startsWith("unix:") ? 0 : port);
}

/** The calls that are running. */
class Running implements Host {
  readonly calls = new Set<ServerCall>();
  readonly noAddress: string;
  readonly #onError: ServerOptions["onError"];

  constructor(noAddress: string, onError: ServerOptions["onError"]) {
    this.noAddress = noAddress;
    this.#onError = onError;
  }

  started(call: ServerCall): void {
    this.calls.add(call);
  }

  ended(call: ServerCall): void {
    this.calls.delete(call);
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
  #drained: Promise<void> | undefined;

  constructor(server: Server, running: Running, host: string, port: number) {
    this.#server = server;
    this.#running = running;
    this.host = host;
    this.port = port;
  }

  drain(): Promise<void> {
    this.#drained ??= new Promise((resolve, reject) => {
      this.#server.tryShutdown((error) => (error ? reject(error) : resolve()));
    });
    return this.#drained;
  }

  end(which: "streams" | "all"): void {
    for (const call of [...this.#running.calls]) {
      if (which === "streams" && call.served.method.kind === "unary") continue;
      call.end(new RpcError("UNAVAILABLE", "the server is shutting down"));
    }
  }

  destroy(): void {
    this.#server.forceShutdown();
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

/** The address as grpc-js wants it, and its host. */
function parseAddress(text: string, where: string): { host: string; address: string } {
  if (/^unix:/.test(text)) return { host: text, address: text };
  const [, bracketed, plain, port = ""] = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535)
    throw new TypeError(`${where}: the address must be host:port, such as 127.0.0.1:50051, with a port up to 65535`);
  const host = bracketed ?? plain ?? "127.0.0.1";
  return { host, address: `${host.includes(":") ? `[${host}]` : host}:${port}` };
}

/** What to do about the ways in which listening fails. */
function remedy(message: string): string {
  if (message.includes("EADDRINUSE"))
    return "the port is in use; stop the process that uses it, or choose another port (0 takes a free one)";
  if (message.includes("EACCES")) return "permission denied; choose a port above 1023, or give the process the right";
  if (message.includes("EADDRNOTAVAIL") || message.includes("ENOTFOUND") || message.includes("resolution"))
    return "this machine has no such address; use 127.0.0.1 for local callers or 0.0.0.0 for all";
  return message;
}
