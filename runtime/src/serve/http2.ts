import type { IncomingMessage, RequestListener } from "node:http";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { checkEveryMs, defaultLimits, type HttpLimits } from "./http.ts";
import { type RefusedStatus, refusal } from "./http-refusal.ts";
import { asServerResponse, StreamRequest, StreamResponse } from "./http2-request.ts";

type Session = ServerHttp2Stream["session"];

/** Requests by HTTP/2, streams of connections that somebody else accepts, for a handler that was written for HTTP/1.1. */
export class Http2Requests {
  readonly #handler: RequestListener;
  readonly #limits: Required<{ [K in keyof HttpLimits]: number }>;
  /** Requests that are being answered, and when they began, in milliseconds of `performance.now()`. */
  readonly #running = new Map<StreamResponse, number>();
  /** How many of them a connection carries. */
  readonly #open = new WeakMap<NonNullable<Session>, number>();
  readonly #waiting: (() => void)[] = [];
  #checks: NodeJS.Timeout | undefined;

  constructor(handler: RequestListener, limits: HttpLimits) {
    this.#handler = handler;
    const given = Object.entries(limits).filter(([, value]) => value !== undefined);
    this.#limits = { ...defaultLimits, ...Object.fromEntries(given) };
  }

  /** Answers one. */
  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]): void {
    const request = new StreamRequest(stream, headers, rawHeaders);
    const response = new StreamResponse(stream as never);
    const { session } = stream;
    this.#running.set(response, performance.now());
    this.#begin(session);
    this.#checks ??= setInterval(() => this.#checkSlow(), checkEveryMs).unref();
    stream.setTimeout(this.#limits.sendTimeoutMs, () => {
      if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
    });
    // What nobody reads any more would keep the stream open, and its client waiting.
    stream.once("finish", () => void request.resume());
    response.once("close", () => {
      this.#over(response, session);
      // Behind everybody else who hears of it: to them the client has left, which is no failure of the request.
      process.nextTick(() => request.gone());
    });

    const status = this.#refused(headers, rawHeaders);
    if (status) {
      refuse(response, status);
      return;
    }
    if (headers.expect !== undefined) response.writeContinue();
    this.#handler(request as unknown as IncomingMessage, asServerResponse(response));
  }

  #refused(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): RefusedStatus | undefined {
    if (sizeOf(rawHeaders) > this.#limits.maxHeaderBytes) return 431;
    if (headers[":method"] === "CONNECT" || headers[":path"] === undefined) return 400;
    const { expect } = headers;
    return expect !== undefined && expect.toLowerCase() !== "100-continue" ? 417 : undefined;
  }

  /** Resolves when no request is being answered. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#running.size === 0) resolve();
      else this.#waiting.push(resolve);
    });
  }

  /** A connection on which nothing moves between requests is closed, as with HTTP/1.1. */
  #begin(session: Session): void {
    if (!session) return;
    const open = this.#open.get(session);
    this.#open.set(session, (open ?? 0) + 1);
    if (open !== undefined) return;
    session.setTimeout(this.#limits.keepAliveMs, () => {
      if (this.#open.get(session) === 0) session.close();
    });
  }

  #over(response: StreamResponse, session: Session): void {
    if (session) this.#open.set(session, (this.#open.get(session) ?? 1) - 1);
    this.#running.delete(response);
    if (this.#running.size > 0) return;
    clearInterval(this.#checks);
    this.#checks = undefined;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #checkSlow(): void {
    const latest = performance.now() - this.#limits.requestTimeoutMs;
    for (const [response, began] of this.#running) {
      if (began > latest || response.headersSent || response.req.complete || response.stream.endAfterHeaders) continue;
      // Past whoever still waits for the request, so that to them the client has left.
      const { head, body } = refusal(408);
      response.stream.respond({ ":status": 408, ...head });
      response.stream.end(body);
      // Behind the answer. The rest of the request is not wanted. Source: RFC 9113, 8.1.
      response.stream.close(constants.NGHTTP2_NO_ERROR);
    }
  }
}

function refuse(response: StreamResponse, status: RefusedStatus): void {
  const { head, body } = refusal(status);
  response.writeHead(status, head);
  response.end(body);
}

/** As HTTP/1.1 writes them. */
const sizeOf = (rawHeaders: readonly string[]): number => {
  let size = 0;
  for (const text of rawHeaders) size += text.length + 2;
  return size;
};
