import type { Clock } from "../core/clock.ts";

/** Where a REST client sends its calls, and how. */
export interface RestOptions {
  /** What stands before the paths of routes, such as `https://api.example.com`. Default: the origin of the page. */
  readonly baseUrl?: string | undefined;
  /** Headers of every request, or what makes them for each, such as one with a token that is renewed. Default: none. */
  readonly headers?: RestHeaders | (() => RestHeaders | Promise<RestHeaders>) | undefined;
  /** What sends requests. Default: the global `fetch`. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /** Whether cookies go to other origins. Default: as `fetch` does it, `same-origin`. */
  readonly credentials?: RequestInit["credentials"] | undefined;
  /**
   * How streams of requests are sent. Browsers stream a body over HTTP/2 at best, and some not at all: there, calls
   * fail with UNIMPLEMENTED unless this is `websocket`. Bidirectional methods always use a WebSocket. Default: fetch.
   */
  readonly clientStreams?: "fetch" | "websocket" | undefined;
  /** What opens WebSockets. Default: the global `WebSocket`. */
  readonly WebSocket?: WebSocketClass | undefined;
  /** For tests. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** Headers by name. A header that is undefined is left out. */
export interface RestHeaders {
  readonly [name: string]: string | undefined;
}

/** The constructor of WebSockets, as browsers, Node and `ws` have it. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

/** The part of a browser's WebSocket that is used. */
export interface WebSocketLike {
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}
