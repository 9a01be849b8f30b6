import { createServer, IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Server as NetServer } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";
import { closeWithConnection } from "../gateway/queued.ts";
import { type Address, formatAddress, listenError } from "./address.ts";
import { namesOneHost, refusal } from "./http-refusal.ts";

/** What an HTTP server bears from its clients. */
export interface HttpLimits {
  /** The longest a client may take to send the request headers, in milliseconds. Default: 10000. Answered by 408. */
  readonly headersTimeoutMs?: number | undefined;
  /** The longest it may take to send the whole request, in milliseconds. Default: 60000. Answered by 408. */
  readonly requestTimeoutMs?: number | undefined;
  /**
   * How long an idle connection stays open, in milliseconds. Default: 65000, longer than what load balancers wait:
   * who closes first must be the client, or requests get lost.
   */
  readonly keepAliveMs?: number | undefined;
  /**
   * How long a client may read nothing of an answer that waits for it, in milliseconds; it may take twice that to be
   * noticed. Then the connection is cut. Streams that are silent are not concerned. Default: 60000.
   */
  readonly sendTimeoutMs?: number | undefined;
  /** The largest request line and headers together, in bytes. Default: 16 KiB. Answered by 431. */
  readonly maxHeaderBytes?: number | undefined;
}

/** Where and how to listen. */
export interface HttpListenOptions {
  readonly address: Address;
  readonly limits: HttpLimits;
  /** Default: plain text. */
  readonly tls?: TlsOptions | undefined;
  /** Takes WebSocket handshakes. Default: they are requests like others. */
  readonly onUpgrade?: UpgradeListener | undefined;
  /** Names the option in errors. */
  readonly where: string;
}

/**
 * Takes over a connection whose client asks for WebSocket, with what came behind the request. It answers, refusals
 * included, and closes the connection: draining waits until it has, `destroy` does not.
 */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** An HTTP server that listens. */
export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** Asks clients to take another connection for their next request. */
  leave(): void;
  /** Accepts no new connections and closes each one when it has answered. Resolves when none is left. */
  drain(): Promise<void>;
  /** Closes every connection at once. */
  destroy(): void;
}

/** The limits of a server that was given none. */
export const defaultLimits = {
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveMs: 65_000,
  sendTimeoutMs: 60_000,
  maxHeaderBytes: 16 * 1024,
} satisfies HttpLimits;

/** Slow clients are looked for this often, so limits are met to within a second. */
export const checkEveryMs = 1_000;

/** Listens. Fails with an Error that names the option and the remedy. */
export async function listenHttp(handler: RequestListener, options: HttpListenOptions): Promise<HttpServer> {
  const { address, limits, tls, onUpgrade, where } = options;
  const settings = httpSettings(limits, onUpgrade);
  const server = tls ? createTlsServer({ handshakeTimeout: 10_000, ...tls, ...settings }) : createServer(settings);
  // Not http.Server's own close(): that one cuts connections whose answer is written but not yet sent.
  const close = () => new Promise<void>((resolve) => void NetServer.prototype.close.call(server, () => resolve()));
  const requests = new HttpRequests(server, handler, limits, close, onUpgrade);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, address, where)));
    server.listen({ host: address.host, port: address.port }, resolve);
  });
  return {
    host: address.host,
    port: (server.address() as AddressInfo).port,
    leave: () => requests.leave(),
    drain: () => requests.drain(),
    destroy: () => requests.destroy(),
  };
}

/** HTTP/1.1 on connections that somebody else accepts. */
export function injectHttp(
  handler: RequestListener,
  { limits, onUpgrade }: Pick<HttpListenOptions, "limits" | "onUpgrade">,
): HttpRequests {
  const server = createServer(httpSettings(limits, onUpgrade));
  const requests: HttpRequests = new HttpRequests(server, handler, limits, () => requests.none(), onUpgrade);
  // What makes node:http look for slow clients.
  server.emit("listening");
  return requests;
}

const httpSettings = (limits: HttpLimits, onUpgrade: UpgradeListener | undefined) => ({
  headersTimeout: limits.headersTimeoutMs ?? defaultLimits.headersTimeoutMs,
  requestTimeout: limits.requestTimeoutMs ?? defaultLimits.requestTimeoutMs,
  keepAliveTimeout: limits.keepAliveMs ?? defaultLimits.keepAliveMs,
  maxHeaderSize: limits.maxHeaderBytes ?? defaultLimits.maxHeaderBytes,
  connectionsCheckingInterval: checkEveryMs,
  // Node.js would answer without a body; `answer` below does it with one.
  requireHostHeader: false,
  ...(onUpgrade && { IncomingMessage: WebSocketsOnly }),
});

/** The HTTP/1.1 connections of a server and the requests on them. */
export class HttpRequests {
  readonly #server: Server;
  readonly #handler: RequestListener;
  readonly #close: () => Promise<void>;
  readonly #sockets = new Set<Socket>();
  /** Connections in the middle of a TLS handshake, by who is at the other end; when it is over there is another object. */
  readonly #handshakes = new Map<string, Socket>();
  /** Answers that have not left yet, and their connections. */
  readonly #answers = new Map<ServerResponse, Socket>();
  /** Connections that now belong to somebody else. */
  readonly #upgraded = new WeakSet<Socket>();
  readonly #waiting: (() => void)[] = [];
  #leaving = false;
  #drained: Promise<void> | undefined;

  constructor(
    server: Server,
    handler: RequestListener,
    limits: HttpLimits,
    close: () => Promise<void>,
    onUpgrade?: UpgradeListener,
  ) {
    this.#server = server;
    this.#handler = handler;
    this.#close = close;
    server.timeout = limits.sendTimeoutMs ?? defaultLimits.sendTimeoutMs;
    if (server instanceof TlsServer) {
      server.on("connection", (socket: Socket) => this.#shakesHands(socket));
      server.on("secureConnection", (socket: Socket) => {
        this.#handshakes.delete(otherEnd(socket));
        this.#opened(socket);
      });
    } else server.on("connection", (socket: Socket) => this.#opened(socket));
    server.on("timeout", (socket: Socket) => this.#inactive(socket));
    server.on("checkExpectation", (request, response) => this.#answer(request, response, 417));
    server.on("request", (request, response) => this.#answer(request, response));
    if (onUpgrade) {
      server.on("upgrade", (request, socket, head) => {
        this.#upgraded.add(socket as Socket);
        onUpgrade(request, socket, head);
      });
    }
    server.on("clientError", (error: NodeJS.ErrnoException, socket) => this.#refuse(error, socket as Socket));
  }

  /** Takes a connection that somebody else has accepted. */
  take(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /** Resolves when there is no connection. */
  none(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#sockets.size === 0) resolve();
      else this.#waiting.push(resolve);
    });
  }

  /** Asks clients to take another connection for their next request. */
  leave(): void {
    this.#leaving = true;
    for (const response of this.#answers.keys()) response.shouldKeepAlive = false;
  }

  /** Closes each connection when it has answered. Resolves when none is left. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    this.leave();
    const closed = this.#close();
    for (const socket of this.#handshakes.values()) socket.destroy();
    for (const socket of this.#sockets) if (!this.#busy(socket)) socket.destroySoon();
    await closed;
    this.#server.close(); // What is left of it: the timer that looks for slow clients.
  }

  /** Closes every connection at once. */
  destroy(): void {
    void this.drain();
    for (const socket of this.#sockets) socket.destroy();
  }

  #shakesHands(socket: Socket): void {
    const from = otherEnd(socket);
    this.#handshakes.set(from, socket);
    socket.once("close", () => this.#handshakes.delete(from));
  }

  #opened(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse, status?: 417): void {
    const { socket } = request;
    if (this.#leaving) response.shouldKeepAlive = false;
    this.#answers.set(response, socket);
    closeWithConnection(request, response);
    response.once("close", () => {
      this.#answers.delete(response);
      if (this.#drained && !this.#busy(socket)) socket.destroySoon();
    });
    const refused = namesOneHost(request) ? status : 400;
    if (refused) {
      const { head, body } = refusal(refused);
      response.writeHead(refused, head).end(body);
    } else this.#handler(request, response);
  }

  /** Nothing has moved for `sendTimeoutMs`, or for `keepAliveMs` between requests. A silent stream waits for nothing. */
  #inactive(socket: Socket): void {
    if (socket.writableLength > 0 || !this.#busy(socket)) socket.destroy();
  }

  /** A client may send its next request before it has the answer to the last one. */
  #busy(socket: Socket): boolean {
    if (this.#upgraded.has(socket)) return true;
    for (const busy of this.#answers.values()) if (busy === socket) return true;
    return false;
  }

  /** What the parser refuses never becomes a request. */
  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    // An answer in between the answers of earlier requests would be taken for one of those.
    if (!socket.writable || this.#busy(socket)) {
      socket.destroy();
      return;
    }
    const status = statusOfError[error.code ?? ""] ?? 400;
    const { line, head, body } = refusal(status);
    const headers = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${line}\r\n${headers.join("")}connection: close\r\n\r\n${body}`);
    // Not end(): that would wait for a client that never closes its side.
    socket.destroySoon();
  }
}

const otherEnd = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

const statusOfError: { readonly [code: string]: 408 | 431 | undefined } = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

const asked = Symbol("asked for an upgrade");

/**
 * Node.js hands over each request with an Upgrade header, or none. Clients offer h2c in requests that they want answered
 * all the same. Source: RFC 9110, 7.8.
 */
class WebSocketsOnly extends IncomingMessage {
  [asked]?: boolean;

  get upgrade(): boolean {
    return this[asked] === true && /(?:^|,)\s*websocket\s*(?:,|$)/i.test(this.headers.upgrade ?? "");
  }

  set upgrade(value: boolean | null) {
    this[asked] = value === true;
  }
}

/** The URL of a server, as a client on this machine writes it. */
export function urlOf({ host, port }: Address, secure: boolean): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http${secure ? "s" : ""}://${formatAddress({ host: reachable, port })}`;
}
