import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Call, callOf } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import type { Clock } from "../core/clock.ts";
import { lateText, RpcError, unreachableText } from "../core/error.ts";
import type { Metadata } from "../core/metadata.ts";
import type { MethodSpec } from "../core/spec.ts";
import { discard, isStream } from "../core/stream.ts";
import { type Body, noBody } from "./binding/body.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorHeaders, errorJson, statusOf } from "./errors.ts";
import { peerOf } from "./peer.ts";
import { readBody } from "./request/body.ts";
import { type MetadataReader, timeoutOf } from "./request/headers.ts";
import { chooseFraming, type Framing } from "./response/framing.ts";
import { chosenStatus, type HeaderWriter } from "./response/headers.ts";
import { cutStream, drained, endStream, sendJson, sendStream } from "./response/respond.ts";
import type { Matched } from "./routing/router.ts";

/** What all requests of a gateway have in common. */
export interface ExchangeSettings {
  readonly maxRequestBytes: number;
  readonly readMetadata: MetadataReader;
  readonly printHeaders: HeaderWriter;
  readonly onError: (error: unknown, id: string, method: MethodSpec) => void;
  readonly clock: Clock;
}

/** One request that a route matched, until its response is out. */
export class Exchange {
  readonly endpoint: Endpoint;
  readonly #matched: Matched;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #settings: ExchangeSettings;
  readonly #cancellation = new Cancellation();
  #deadline = Number.POSITIVE_INFINITY;
  #framing: Framing | undefined;
  #headers: Metadata | undefined;
  #trailers: Metadata | undefined;

  constructor(matched: Matched, req: IncomingMessage, res: ServerResponse, settings: ExchangeSettings) {
    this.endpoint = matched.endpoint;
    this.#matched = matched;
    this.#req = req;
    this.#res = res;
    this.#settings = settings;
  }

  /** Ends the call from this side; the client gets the reason, if it is still there. */
  cancel(reason: RpcError): void {
    this.#cancellation.cancel(reason);
  }

  /** Answers the request, whatever happens. */
  async run(): Promise<void> {
    try {
      const reply = await this.endpoint.handler(await this.#call());
      if (isStream(reply)) await this.#stream(reply);
      else this.#reply(reply);
    } catch (error) {
      try {
        this.#fail(this.#presentable(this.#cancellation.reason ?? error));
      } catch (failure) {
        // Not even the failure could be written, so the client must see that the response is incomplete.
        this.#settings.onError(failure, randomUUID(), this.endpoint.method);
        this.#res.destroy();
      }
    }
  }

  async #call(): Promise<Call> {
    const { endpoint, segments, query } = this.#matched;
    const { longestMs, method, route, target } = endpoint;
    const { clock, readMetadata } = this.#settings;
    this.#deadline = clock.now() + Math.min(longestMs, timeoutOf(this.#req.headers));
    if (endpoint.takesStream) {
      throw new RpcError(
        "UNIMPLEMENTED",
        `${method.path} takes a stream, which HTTP cannot send here: call it by gRPC`,
      );
    }
    if (endpoint.streams) this.#framing = chooseFraming(this.#req.headers.accept);
    const metadata = readMetadata(this.#req.rawHeaders);
    const most = endpoint.maxRequestBytes ?? this.#settings.maxRequestBytes;
    const text = route.body === undefined ? "" : await readBody(this.#req, most, this.#cancellation);
    const body: Body = text === "" ? noBody : { kind: "json", text };
    return callOf({
      method,
      request: endpoint.bind(segments, query, body, this.#req.headers),
      metadata,
      deadline: this.#deadline,
      attempt: 1,
      cancellation: this.#cancellation,
      retry: true,
      cache: true,
      onHeaders: (headers) => {
        this.#headers = headers;
      },
      onTrailers: (trailers) => {
        this.#trailers = trailers;
      },
      peer: target.local ? peerOf(this.#req.socket) : undefined,
    });
  }

  #reply(reply: unknown): void {
    const json = this.endpoint.print(reply);
    sendJson(this.#req, this.#res, this.#status(), this.#settings.printHeaders(this.#headers), json, this.#trailers);
  }

  async #stream(messages: AsyncIterable<unknown>): Promise<void> {
    const framing = this.#framing;
    if (!framing) {
      discard(messages);
      throw new TypeError(`${this.endpoint.method.path} replied with a stream, and is ${this.endpoint.method.kind}`);
    }
    const begin = () =>
      this.#res.writeHead(this.#status(), {
        ...this.#settings.printHeaders(this.#headers),
        "content-type": framing.contentType,
      });
    await sendStream(this.#req, this.#res, messages, framing, this.endpoint.print, begin, () => this.#room());
    endStream(this.#req, this.#res, framing.close, this.#trailers);
  }

  /** Waits for a client that does not read, but no longer than for a service that does not send. */
  #room(): Promise<void> {
    const { idleMs, method } = this.endpoint;
    const { clock } = this.#settings;
    const leftMs = Math.min(this.#deadline - clock.now(), idleMs);
    const room = drained(this.#res, this.#cancellation);
    if (leftMs === Number.POSITIVE_INFINITY) return room;
    const stop = clock.schedule(leftMs, () =>
      this.cancel(new RpcError("DEADLINE_EXCEEDED", `the client of ${method.path} did not read in time`)),
    );
    return room.finally(stop);
  }

  #status(): number {
    return chosenStatus(this.#headers) ?? this.endpoint.successStatus;
  }

  #fail(error: RpcError): void {
    if (this.#res.destroyed) return;
    const json = JSON.stringify(errorJson(error, this.endpoint.details));
    const trailers = error.metadata ?? this.#trailers;
    if (!this.#res.headersSent) {
      const headers = { ...this.#settings.printHeaders(this.#headers), ...errorHeaders(error) };
      sendJson(this.#req, this.#res, statusOf(error), headers, json, trailers);
    } else if (this.#framing?.error) endStream(this.#req, this.#res, this.#framing.error(json), trailers);
    else cutStream(this.#res);
  }

  /**
   * A failure as outsiders may see it. What only this process understands stays in it, under an id that is logged:
   * errors that are no RpcError, texts that a peer gave without a code, and what the connection to a peer says of it.
   */
  #presentable(error: unknown): RpcError {
    const { method } = this.endpoint;
    if (error instanceof RpcError) {
      if (error.code !== "UNKNOWN" && error.origin !== "transport") return error;
      if (error.code === "DEADLINE_EXCEEDED") return new RpcError(error.code, lateText(method.path), { cause: error });
    }
    const id = randomUUID();
    this.#settings.onError(error, id, method);
    if (!(error instanceof RpcError)) return new RpcError("INTERNAL", `internal error ${id}`, { cause: error });
    const text = error.code === "UNKNOWN" ? `unknown error ${id}` : unreachableText(method.path, id);
    return new RpcError(error.code, text, {
      details: error.details,
      ...(error.metadata && { metadata: error.metadata }),
      cause: error,
    });
  }
}
