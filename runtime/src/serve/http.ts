import { createServer, IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { Server as NetServer } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";
import { codeNumber } from "../core/error.ts";
import { type Address, formatAddress, listenError } from "./address.ts";

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

/** Slow clients are looked for this often, so limits are met to within a second. */
const checkEveryMs = 1_000;

/** Listens. Fails with an Error that names the option and the remedy. */
export async function listenHttp(
  handler: RequestListener,
  { address, limits, tls, onUpgrade, where }: HttpListenOptions,
): Promise<HttpServer> {
  const options = {
    headersTimeout: limits.headersTimeoutMs ?? 10_000,
    requestTimeout: limits.requestTimeoutMs ?? 60_000,
    keepAliveTimeout: limits.keepAliveMs ?? 65_000,
    maxHeaderSize: limits.maxHeaderBytes ?? 16 * 1024,
    connectionsCheckingInterval: checkEveryMs,
    // Node.js would answer without a body; `answer` below does it with one.
    requireHostHeader: false,
    ...(onUpgrade && { IncomingMessage: WebSocketsOnly }),
  };
  const server = tls ? createTlsServer({ handshakeTimeout: 10_000, ...tls, ...options }) : createServer(options);
  server.timeout = limits.sendTimeoutMs ?? 60_000;
  const listening = new Listening(server, address.host, handler, onUpgrade);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, address, where)));
    server.listen({ host: address.host, port: address.port }, resolve);
  });
  return listening;
}

class Listening implements HttpServer {
  readonly host: string;
  readonly #server: Server;
  readonly #handler: RequestListener;
  readonly #sockets = new Set<Socket>();
  /** Answers that have not left yet, and their connections. */
  readonly #answers = new Map<ServerResponse, Socket>();
  /** Connections that now belong to somebody else. */
  readonly #upgraded = new WeakSet<Socket>();
  #leaving = false;
  #drained: Promise<void> | undefined;

  constructor(server: Server, host: string, handler: RequestListener, onUpgrade?: UpgradeListener) {
    this.#server = server;
    this.host = host;
    this.#handler = handler;
    server.on("connection", (socket: Socket) => this.#opened(socket));
    server.on("secureConnection", (socket: Socket) => this.#opened(socket));
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

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  leave(): void {
    this.#leaving = true;
    for (const response of this.#answers.keys()) response.shouldKeepAlive = false;
  }

  drain(): Promise<void> {
    this.leave();
    this.#drained ??= new Promise((resolve) => {
      // Not http.Server's own close(): that one cuts connections whose answer is written but not yet sent.
      NetServer.prototype.close.call(this.#server, () => {
        this.#server.close(); // What is left of it: the timer that looks for slow clients.
        resolve();
      });
      for (const socket of this.#sockets) if (!this.#busy(socket)) socket.destroySoon();
    });
    return this.#drained;
  }

  destroy(): void {
    void this.drain();
    for (const socket of this.#sockets) socket.destroy();
  }

  #opened(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #answer(request: IncomingMessage, response: ServerResponse, status?: 417): void {
    const { socket } = request;
    if (this.#leaving) response.shouldKeepAlive = false;
    this.#answers.set(response, socket);
    response.once("close", () => {
      this.#answers.delete(response);
      if (this.#drained && !this.#busy(socket)) socket.destroySoon();
    });
    // Source: RFC 9112, 3.2.
    const refused = request.headers.host === undefined && request.httpVersion === "1.1" ? 400 : status;
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

const statusOfError: { readonly [code: string]: 408 | 431 | undefined } = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

/** Answers to what is no usable HTTP request, as google.rpc.Status like every other error. */
const refusals = {
  400: {
    line: "400 Bad Request",
    code: "INVALID_ARGUMENT",
    message: "this is not an HTTP/1.1 request with a Host header",
  },
  408: { line: "408 Request Timeout", code: "DEADLINE_EXCEEDED", message: "the request did not arrive in time" },
  // Source: RFC 9110, 10.1.1.
  417: {
    line: "417 Expectation Failed",
    code: "INVALID_ARGUMENT",
    message: "the only expectation that can be met is 100-continue: send the request without Expect",
  },
  431: {
    line: "431 Request Header Fields Too Large",
    code: "RESOURCE_EXHAUSTED",
    message: "the request headers are too large",
  },
} as const;

function refusal(status: keyof typeof refusals) {
  const { line, code, message } = refusals[status];
  const body = JSON.stringify({ code: codeNumber(code), message, details: [] });
  return { line, body, head: { "content-type": "application/json", "content-length": String(body.length) } };
}

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
