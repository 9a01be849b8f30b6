import type { CallOptions } from "../core/context.ts";
import { Metadata } from "../core/metadata.ts";
import { closeCode, RestError, statusError } from "./error.ts";
import { requestHeaders, responseMetadata, tellHeaders } from "./headers.ts";
import type { Life } from "./life.ts";
import { bodyJson, type Connection, fromJson, type RestMethod, toHttp } from "./method.ts";
import type { WebSocketClass, WebSocketLike } from "./options.ts";
import { leave } from "./upload.ts";
import { isObject } from "./value.ts";

/** The subprotocol by which both sides can end their streams apart. */
const protocol = "mesh.v1+json";

/** Requests wait while this many bytes have not left yet. */
const mostBuffered = 1024 * 1024;
const lookAgainMs = 20;

type Event =
  | { readonly json: unknown }
  | { readonly headers: Metadata }
  | { readonly end: true; readonly error?: RestError };

/**
 * Sends a stream of requests over a WebSocket and reads replies as they arrive. Path and query are of the first
 * request, so the connection begins when it is there.
 *
 * Browsers cannot slow down a WebSocket: replies that are not read yet are kept.
 */
export async function* socketReplies(
  method: RestMethod,
  connection: Connection,
  requests: AsyncIterable<unknown>,
  options: CallOptions,
  life: Life,
): AsyncGenerator<unknown> {
  const source = requests[Symbol.asyncIterator]();
  const failed = (error: unknown) => life.end("CANCELLED", `the requests of ${method.path} failed`, error);
  let socket: WebSocketLike | undefined;
  const events = new Queue();
  const aborted = () => events.add({ end: true });
  life.signal.addEventListener("abort", aborted);
  try {
    const first = await life.bounds(source.next().catch(rethrow(failed)));
    // Frames hold whole messages where the route has no body: nothing is left for the query, and headers there are none.
    const routes = method.routes.map((route) => ({ ...route, body: route.body ?? "*" }));
    const [http, route] = toHttp(
      { ...method, request: method.request, routes, headers: [] },
      first.done ? {} : first.value,
    );
    const frames = {
      first,
      source,
      encode: (message: unknown) => JSON.stringify({ m: bodyJson(method, route, message) }),
    };
    socket = await open(method, connection, http.method, http.target, options, life, events);
    void send(socket, frames, connection, events).catch(failed);
    let heard = false;
    for (;;) {
      const event = await events.next();
      if (life.reason) throw life.reason;
      if ("end" in event) {
        if (event.error) throw event.error;
        break;
      }
      // A server that has no headers says nothing of them.
      if (!heard) tellHeaders(options, method.path, "headers" in event ? event.headers : new Metadata());
      heard = true;
      if ("json" in event) yield fromJson(method, route, event.json);
    }
  } finally {
    life.signal.removeEventListener("abort", aborted);
    events.add({ end: true });
    leave(source);
    // An open connection is told that nobody reads on; 1000 on one that is closed says nothing.
    socket?.close(1000);
  }
}

const rethrow = (first: (error: unknown) => void) => (error: unknown) => {
  first(error);
  throw error;
};

/** Connects. What arrives goes into the queue; a connection that never opens fails there too. */
async function open(
  { path }: RestMethod,
  { options: client, baseUrl }: Connection,
  verb: string,
  target: string,
  options: CallOptions,
  life: Life,
  events: Queue,
): Promise<WebSocketLike> {
  const Socket = client.WebSocket ?? (globalThis as { readonly WebSocket?: WebSocketClass }).WebSocket;
  if (!Socket) {
    throw new RestError("UNIMPLEMENTED", `${path} takes a WebSocket, and there is none here: give the client one`);
  }
  const headers = await requestHeaders(client, options, life);
  // The queue is over, so that nobody would hear of a connection that fails.
  if (life.reason) throw life.reason;
  const page = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
  const url = new URL(baseUrl + target, page);
  url.protocol = url.protocol.replace("http", "ws");
  if (verb !== "GET") url.searchParams.append("method", verb);
  const socket = new Socket(url.href, protocolsOf(headers));
  let opened = false;
  socket.onmessage = ({ data }: { readonly data: unknown }) => {
    const event = read(data);
    if (event) events.add(event);
  };
  socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => {
    if (code === 1000) return events.add({ end: true });
    const text =
      reason || (opened ? `the connection of ${path} was closed with ${code}` : `${path} refused a WebSocket`);
    events.add({ end: true, error: new RestError(closeCode(code), text, { origin: opened ? "peer" : "transport" }) });
  };
  // Says nothing; what happened is in the close event that follows.
  socket.onerror = () => {};
  await new Promise<void>((resolve) => {
    socket.onopen = () => {
      opened = true;
      resolve();
    };
    events.onEnd = resolve;
  });
  return socket;
}

/** Browsers send no headers with a WebSocket: a token goes along as a subprotocol. */
function protocolsOf({ authorization = "" }: { readonly [name: string]: string }): string[] {
  const token = /^bearer (.+)$/i.exec(authorization)?.[1];
  if (token === undefined) return [protocol];
  const encoded = btoa(token).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return [protocol, `bearer.${encoded}`];
}

function read(data: unknown): Event | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(String(data));
  } catch (cause) {
    return { end: true, error: new RestError("INTERNAL", "the server sent a frame that is not JSON", { cause }) };
  }
  if (!isObject(frame)) return undefined;
  if ("m" in frame) return { json: frame.m };
  if (isObject(frame.headers)) return { headers: metadataOf(frame.headers) };
  const error = statusError(frame.error);
  return error && { end: true, error };
}

/** The metadata of a frame: a key with several values has a list of them. */
const metadataOf = (headers: { readonly [name: string]: unknown }): Metadata =>
  responseMetadata(
    Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)] as const)),
  );

async function send(
  socket: WebSocketLike,
  {
    first,
    source,
    encode,
  }: {
    readonly first: IteratorResult<unknown>;
    readonly source: AsyncIterator<unknown>;
    readonly encode: (message: unknown) => string;
  },
  { clock }: Connection,
  events: Queue,
): Promise<void> {
  for (let next = first; ; next = await source.next()) {
    if (events.over) return;
    if (next.done) return socket.send('{"end":true}');
    socket.send(encode(next.value));
    // No event tells that a WebSocket has sent what it holds.
    while (socket.bufferedAmount > mostBuffered && !events.over) {
      await new Promise<void>((resolve) => clock.schedule(lookAgainMs, resolve));
    }
  }
}

/** Events in the order they came, for one reader. After the end, nothing more is taken. */
class Queue {
  readonly #events: Event[] = [];
  #over = false;
  #waiting: ((event: Event) => void) | undefined;
  /** Called at the end. */
  onEnd: () => void = () => {};

  /** True when the call has ended, for whatever reason. */
  get over(): boolean {
    return this.#over;
  }

  add(event: Event): void {
    if (this.#over) return;
    if ("end" in event) {
      this.#over = true;
      this.onEnd();
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(event);
    else this.#events.push(event);
  }

  next(): Promise<Event> {
    const event = this.#events.shift();
    return event ? Promise.resolve(event) : new Promise((resolve) => (this.#waiting = resolve));
  }
}
