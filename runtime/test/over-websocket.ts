import { once } from "node:events";
import type { Server } from "node:http";
import { onTestFinished } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import type { Route, ServiceSpec } from "../src/core/spec.ts";
import { createGateway, type Gateway } from "../src/gateway/gateway.ts";
import { inProcess } from "../src/in-process.ts";
import { implement, type ServerOptions } from "../src/server.ts";
import type { Kitchen } from "./kitchen/kitchen_mesh.ts";
import { cook, type KitchenMethods, overGrpc } from "./over-grpc.ts";
import { listen, type OverHttp, withPolicy } from "./over-http.ts";

const route = (method: string, template: string, more: Partial<Route> = {}): Route => ({
  method,
  template,
  segments: template.split("/").slice(1),
  variables: [],
  ...more,
});

/** Routes of streaming methods, which the kitchen's proto file does not have. */
const routes: { readonly [K in keyof Kitchen]?: readonly Route[] } = {
  chat: [
    route("GET", "/v1/chat"),
    route("GET", "/v1/rooms/*/chat", { variables: [{ field: "text", from: 2, to: 3 }] }),
    route("POST", "/v1/posted", { body: "*" }),
    route("PUT", "/v1/both", { body: "*" }),
  ],
  uploadDishes: [
    route("POST", "/v1/uploads", { body: "*" }),
    route("GET", "/v1/shelves/*/uploads", { variables: [{ field: "name", from: 2, to: 3 }] }),
    route("POST", "/v1/both", { body: "*" }),
  ],
  watchDishes: [
    route("GET", "/v1/watch"),
    route("GET", "/v1/watch/*", { variables: [{ field: "count", from: 2, to: 3 }] }),
    route("POST", "/v1/asked", { body: "*" }),
  ],
};

/** A kitchen whose streaming methods have routes. */
export function streamingKitchen(policy: NonNullable<OverHttp["policy"]> = {}): ServiceSpec<Kitchen> {
  const spec = withPolicy(policy);
  const more = Object.entries(routes).map(([key, added]) => {
    const method = spec.methods[key] as ServiceSpec["methods"][string];
    return [key, { ...method, routes: [...method.routes, ...added] }];
  });
  return { ...spec, methods: { ...spec.methods, ...Object.fromEntries(more) } };
}

/** What a test may choose. */
export interface OverWebSocket extends OverHttp {
  readonly server?: ServerOptions;
}

/** A kitchen behind a gateway whose clients come by WebSocket. */
export interface SocketKitchen {
  readonly port: number;
  readonly url: string;
  readonly server: Server;
  readonly gateway: Gateway;
  /** What the gateway kept from its callers. */
  readonly errors: unknown[];
  /** A client, on its way. */
  open(path: string, protocols?: string | string[], options?: ClientOptions): Client;
}

export async function overWebSocket(
  changes: Partial<KitchenMethods> = {},
  options: OverWebSocket = {},
): Promise<SocketKitchen> {
  const errors: unknown[] = [];
  const spec = streamingKitchen(options.policy);
  const target =
    options.through === "grpc"
      ? (await overGrpc(changes)).target
      : inProcess(implement(spec, { ...cook, ...changes } as Kitchen), { onError: () => {}, ...options.server });
  const gateway = createGateway([{ spec, target }], {
    onError: (error) => void errors.push(error),
    webSocket: true,
    ...options.gateway,
  });
  const { url, port, server } = await listen(gateway);
  server.on("upgrade", gateway.upgrade);
  return {
    port,
    url,
    server,
    gateway,
    errors,
    open: (path, protocols = "mesh.v1+json", how = {}) =>
      new Client(new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, how)),
  };
}

/** How a handshake was refused. */
export interface Refused {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly body: { readonly code: number; readonly message: string; readonly details: unknown[] };
}

/** A WebSocket with its messages in order. Text is parsed as JSON, bytes stay bytes. */
export class Client {
  readonly ws: WebSocket;
  readonly #arrived: unknown[] = [];
  #waiting: ((frame: unknown) => void) | undefined;
  /** The close code and reason, once. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Resolves when the handshake is refused. */
  readonly refused: Promise<Refused>;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("error", () => {});
    ws.on("message", (data, binary) => {
      const frame: unknown = binary ? data : JSON.parse(String(data));
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting) waiting(frame);
      else this.#arrived.push(frame);
    });
    this.closed = new Promise((resolve) =>
      ws.once("close", (code, reason) => resolve({ code, reason: String(reason) })),
    );
    this.refused = new Promise((resolve) =>
      ws.once("unexpected-response", async (_request, response) => {
        let body = "";
        for await (const chunk of response.setEncoding("utf8")) body += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(body) });
      }),
    );
    onTestFinished(() => ws.terminate());
  }

  /** Resolves when the handshake is accepted. */
  async opened(): Promise<this> {
    if (this.ws.readyState === this.ws.CONNECTING) await once(this.ws, "open");
    return this;
  }

  /** Sends an object as JSON, text and bytes as they are. */
  send(frame: object | string | Uint8Array): void {
    this.ws.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame));
  }

  /** The next message. */
  next(): Promise<unknown> {
    if (this.#arrived.length > 0) return Promise.resolve(this.#arrived.shift());
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** All messages that have not been taken, when the connection is closed. */
  async rest(): Promise<{ frames: unknown[]; code: number; reason: string }> {
    return { ...(await this.closed), frames: this.#arrived.splice(0) };
  }
}
