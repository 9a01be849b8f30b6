import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import type { Share } from "../grpc/server.ts";
import { defaultLimits, type HttpLimits, type HttpRequests, injectHttp, type UpgradeListener } from "./http.ts";
import { Http2Requests } from "./http2.ts";

/** What a port carries besides gRPC, and how. */
export interface OnePortOptions {
  readonly handler: RequestListener;
  readonly onUpgrade?: UpgradeListener | undefined;
  readonly limits: HttpLimits;
  /** Default: plain text. */
  readonly tls?: TlsOptions | undefined;
}

/**
 * HTTP/1.1 and HTTP/2 on the port of a gRPC server. Which one a connection speaks, TLS negotiates (RFC 7301); in plain text
 * the first bytes tell (RFC 9113, 3.4). What a request by HTTP/2 is, its content-type says.
 */
export class OnePort implements Share {
  readonly #http1: HttpRequests;
  readonly #http2: Http2Requests;
  readonly #limits: HttpLimits;
  readonly #secure: ReturnType<typeof createServer> | undefined;
  #http2Socket: (socket: Duplex) => void = (socket) => void socket.destroy();
  /** Connections that have not said what they speak. */
  readonly #silent = new Set<Socket>();

  constructor({ handler, onUpgrade, limits, tls }: OnePortOptions) {
    this.#http1 = injectHttp(handler, { limits, onUpgrade });
    this.#http2 = new Http2Requests(handler, limits);
    this.#limits = limits;
    if (!tls) return;
    this.#secure = createServer({ handshakeTimeout: 10_000, ...tls, ALPNProtocols: ["h2", "http/1.1"] }, (socket) =>
      this.#negotiated(socket),
    );
    this.#secure.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  readonly connection = (socket: Socket, http2: (socket: Duplex) => void): void => {
    this.#http2Socket = http2;
    if (this.#secure) this.#secure.emit("connection", socket);
    else this.#sniff(socket);
  };

  readonly stream: Share["stream"] = (stream, headers, _flags, rawHeaders) =>
    this.#http2.take(stream, headers, rawHeaders);

  async drain(): Promise<void> {
    for (const socket of this.#silent) socket.destroy();
    await Promise.all([this.#http1.drain(), this.#http2.idle()]);
  }

  /** Asks clients by HTTP/1.1 to take another connection for their next request. */
  leave(): void {
    this.#http1.leave();
  }

  /** Closes what is left of HTTP/1.1. */
  destroy(): void {
    this.#http1.destroy();
  }

  #sniff(socket: Socket): void {
    const forget = () => this.#silent.delete(socket);
    this.#silent.add(socket);
    socket.once("close", forget);
    sniff(socket, this.#limits.headersTimeoutMs ?? defaultLimits.headersTimeoutMs, (isHttp2) => {
      socket.off("close", forget);
      forget();
      this.#pass(socket, isHttp2);
    });
  }

  /** Without ALPN a client does not speak HTTP/2. Source: RFC 9113, 3.2. */
  #negotiated(socket: TLSSocket): void {
    this.#pass(socket, socket.alpnProtocol === "h2");
  }

  #pass(socket: Socket, isHttp2: boolean): void {
    if (isHttp2) this.#http2Socket(socket);
    else this.#http1.take(socket);
  }
}

/** How every connection by HTTP/2 begins, and no request by HTTP/1.1. Source: RFC 9113, 3.4. */
const preface = "PRI";

/** Reads as much as tells whether a connection speaks HTTP/2, and puts it back. Closes one that says nothing for `ms`. */
function sniff(socket: Socket, ms: number, decide: (isHttp2: boolean) => void): void {
  let seen: Buffer | undefined;
  const look = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    seen = seen ? Buffer.concat([seen, chunk]) : chunk;
    const start = seen.toString("latin1", 0, preface.length);
    if (start.length < preface.length && preface.startsWith(start)) return;
    socket.setTimeout(0);
    socket.off("readable", look).off("timeout", gone).off("end", gone).off("error", gone);
    socket.unshift(seen);
    decide(start === preface);
  };
  const gone = () => void socket.destroy();
  socket.on("readable", look).on("timeout", gone).on("end", gone).on("error", gone);
  socket.setTimeout(ms);
}
