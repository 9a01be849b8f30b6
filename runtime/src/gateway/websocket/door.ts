import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { WebSocketServer } from "ws";
import { RpcError } from "../../core/error.ts";
import type { OnRequest } from "../access.ts";
import type { Endpoint } from "../endpoint.ts";
import { badRequest, detailRegistry, HttpError, statusOf } from "../errors.ts";
import { type Destination, type RoutePlace, Router, type TrailingSlash } from "../routing/router.ts";
import { Connection, type ConnectionSettings } from "./connection.ts";
import { asksForWebSocket, readHandshake } from "./handshake.ts";
import { loadWs } from "./library.ts";
import { readWebSocketOptions, type WebSocketOptions } from "./options.ts";
import { closeCodes } from "./protocol.ts";
import { beginRecord } from "./record.ts";
import { refuseHandshake } from "./refuse.ts";

type Found = Extract<Destination, { kind: "call" }>;

// Made once: a flood of bad requests must not pay for stack traces.
const notStreaming = new HttpError(
  400,
  "INVALID_ARGUMENT",
  "the method of this path does not stream: send an ordinary request, without Upgrade",
);
const standard = detailRegistry();

/** The streaming methods behind a gateway, by WebSocket. */
export class WebSocketDoor {
  /** Those of streaming methods, whatever their HTTP method. */
  readonly #router: Router;
  /** All others, to tell who meant them why there is no WebSocket. */
  readonly #unary = new Router();
  readonly #settings: ConnectionSettings;
  readonly #onRequest: OnRequest | undefined;
  readonly #running = new Set<Connection>();
  readonly #waiting: (() => void)[] = [];

  /** Throws when an option is wrong, or the package is missing. */
  constructor(
    options: WebSocketOptions,
    shared: Omit<ConnectionSettings, keyof WebSocketOptions | "serverOf">,
    slash?: TrailingSlash,
    onRequest?: OnRequest,
  ) {
    this.#onRequest = onRequest;
    const { WebSocketServer: Server } = loadWs();
    const servers = new Map<number, WebSocketServer>();
    const serverOf = (maxPayload: number) => {
      let server = servers.get(maxPayload);
      if (!server) {
        // Pings are answered by `answerPings`.
        server = new Server({
          noServer: true,
          clientTracking: false,
          perMessageDeflate: false,
          autoPong: false,
          maxPayload,
        });
        servers.set(maxPayload, server);
      }
      return server;
    };
    this.#router = new Router(slash === "redirect" ? "ignore" : slash);
    this.#settings = { ...shared, ...readWebSocketOptions(options, "webSocket"), serverOf };
  }

  /** Takes in the route of a method. */
  add(endpoint: Endpoint, place?: RoutePlace): void {
    const streaming = endpoint.streams || endpoint.takesStream;
    (streaming ? this.#router : this.#unary).add(endpoint, place);
  }

  /** Takes over a connection whose client asks for WebSocket, and answers. `host`: that it asked a trusted proxy for. */
  upgrade(req: IncomingMessage, stream: Duplex, head: Buffer, host = req.headers.host): void {
    const socket = stream as Socket;
    // A connection that breaks is reported here too; "close" is where it is handled.
    socket.on("error", () => {});
    const tell = this.#onRequest && beginRecord(req, this.#settings.clock, this.#onRequest);
    let matched: Found | undefined;
    try {
      if (!asksForWebSocket(req)) throw badRequest("Upgrade", "asks for what is not spoken here: use websocket");
      matched = this.#find(req, host);
      const handshake = readHandshake(req, this.#settings, host);
      if (head.length > 0) throw badRequest("", "there was data before the handshake was answered");
      const connection = new Connection(matched, req, socket, handshake, this.#settings);
      this.#running.add(connection);
      void connection.run().finally(() => {
        this.#running.delete(connection);
        tell?.(connection.status, connection.code, matched);
        if (this.#running.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
      });
    } catch (error) {
      if (!(error instanceof RpcError)) {
        socket.destroy();
        throw error;
      }
      if (tell) socket.once("close", () => tell(statusOf(error), error.code, matched));
      refuseHandshake(req, socket, error, standard);
    }
  }

  /** Ends what is under way with UNAVAILABLE, and closes with 1001. */
  end(): void {
    const reason = new RpcError("UNAVAILABLE", "the server is shutting down");
    for (const connection of this.#running) connection.cancel(reason, closeCodes.goingAway);
  }

  /** Resolves when no WebSocket is open. */
  idle(): Promise<void> {
    return this.#running.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /**
   * The route of a handshake. That is always a GET: where a path has no streaming method by GET, it is for the one that
   * the path has, and `?method=` says which one of several.
   */
  #find({ url = "/" }: IncomingMessage, host: string | undefined): Found {
    const find = (method: string) => this.#router.find(method, url, host);
    let found = find("GET");
    if (found.kind === "refusal" && found.allowed) {
      const methods = found.allowed.filter((name) => name !== "OPTIONS" && name !== "HEAD");
      const asked = methodParameter.exec(url)?.[1];
      const [only] = asked !== undefined && methods.includes(asked) ? [asked] : methods;
      if (methods.length > 1 && only !== asked) {
        const text = `several methods stream at this path: choose by ?method=${methods.join(" or ?method=")}`;
        throw new HttpError(400, "INVALID_ARGUMENT", text);
      }
      found = find(only ?? "GET");
    } else {
      // A GET beside others: only the parameter can mean them.
      const asked = methodParameter.exec(url)?.[1];
      const other = asked !== undefined && asked !== "GET" ? find(asked) : undefined;
      if (other?.kind === "call") found = other;
    }
    if (found.kind === "call") return found;
    const other = this.#unary.find("GET", url, host);
    if (other.kind === "call" || (other.kind === "refusal" && other.allowed)) throw notStreaming;
    throw found.kind === "refusal" ? found.error : new HttpError(404, "NOT_FOUND", "no route has this path");
  }
}

const methodParameter = /[?&]method=([A-Z]+)(?=&|$)/;
