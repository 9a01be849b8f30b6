import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import type { Clock } from "../core/clock.ts";
import { type Code, RpcError } from "../core/error.ts";
import type { Metadata } from "../core/metadata.ts";
import type { MethodSpec } from "../core/spec.ts";
import { discard, isStream } from "../core/stream.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorHeaders, errorJson, statusOf } from "./errors.ts";
import { openCall } from "./open-call.ts";
import { presentable } from "./presentable.ts";
import type { ClientStream } from "./request/client-stream.ts";
import { type MetadataReader, timeoutOf } from "./request/headers.ts";
import { type BodySettings, openStream, readRequest } from "./request/request.ts";
import { chooseFraming, type Framing } from "./response/framing.ts";
import { chosenStatus, type HeaderWriter } from "./response/headers.ts";
import { cutStream, drained, endStream, sendJson, sendStream } from "./response/respond.ts";
import type { Matched } from "./routing/router.ts";

/** What all requests of a gateway have in common. */
export interface ExchangeSettings extends BodySettings {
  readonly readMetadata: MetadataReader;
  readonly printHeaders: HeaderWriter;
  readonly onError: (error: unknown, id: string, method: MethodSpec) => void;
  readonly clock: Clock;
}

/** One request that a route matched, until its response is out. */
export class Exchange {
  readonly endpoint: Endpoint;
  /** How the call ended. */
  code: Code = "OK";
  readonly #matched: Matched;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #settings: ExchangeSettings;
  readonly #cancellation = new Cancellation();
  #deadline = Number.POSITIVE_INFINITY;
  #framing: Framing | undefined;
  #upload: ClientStream | undefined;
  #headers: Metadata | undefined;
  #trailers: Metadata | undefined;

  constructor(matched: Matched, req: IncomingMessage, res: ServerResponse, settings: ExchangeSettings) {
    this.endpoint = matched.endpoint;
    this.#matched = matched;
    this.#req = req;
    this.#res = res;
    this.#settings = settings;
  }

  /** True when the reply is a stream. */
  get streams(): boolean {
    return this.endpoint.streams;
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
        this.#fail(presentable(this.#cancellation.reason ?? error, this.endpoint.method, this.#settings.onError));
      } catch (failure) {
        // Not even the failure could be written, so the client must see that the response is incomplete.
        this.#settings.onError(failure, randomUUID(), this.endpoint.method);
        this.#res.destroy();
      }
    } finally {
      this.#upload?.stop();
    }
  }

  async #call(): Promise<Call> {
    const { endpoint } = this;
    const { longestMs } = endpoint;
    const { clock, readMetadata } = this.#settings;
    this.#deadline = clock.now() + Math.min(longestMs, timeoutOf(this.#req.headers));
    if (endpoint.streams) this.#framing = chooseFraming(this.#req.headers.accept);
    const metadata = readMetadata(this.#req.rawHeaders);
    const request = endpoint.takesStream ? this.#openStream() : await this.#readRequest();
    return openCall(endpoint, this.#req, {
      request,
      metadata,
      deadline: this.#deadline,
      cancellation: this.#cancellation,
      onHeaders: (headers) => {
        this.#headers = headers;
      },
      onTrailers: (trailers) => {
        this.#trailers = trailers;
      },
    });
  }

  #readRequest(): Promise<unknown> {
    return readRequest(this.#matched, this.#req, this.#settings, this.#cancellation);
  }

  #openStream(): AsyncIterable<unknown> {
    this.#upload = openStream(this.#matched, this.#req, this.#settings, this.#cancellation);
    return this.#upload.messages;
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
    this.code = error.code;
    if (this.#res.destroyed) return;
    const json = JSON.stringify(errorJson(error, this.endpoint.details));
    const trailers = error.metadata ?? this.#trailers;
    if (!this.#res.headersSent) {
      const headers = { ...this.#settings.printHeaders(this.#headers), ...errorHeaders(error) };
      sendJson(this.#req, this.#res, statusOf(error), headers, json, trailers);
    } else if (this.#framing?.error) endStream(this.#req, this.#res, this.#framing.error(json), trailers);
    else cutStream(this.#res);
  }
}
