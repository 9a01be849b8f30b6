import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Call } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import type { Clock } from "../core/clock.ts";
import type { Code, RpcError } from "../core/error.ts";
import type { Metadata } from "../core/metadata.ts";
import type { MethodSpec } from "../core/spec.ts";
import { discard, isStream } from "../core/stream.ts";
import { tooLarge } from "../core/wire-policy.ts";
import type { RawBody } from "./binding/body.ts";
import type { Endpoint } from "./endpoint.ts";
import { errorHeaders, errorJson, statusOf } from "./errors.ts";
import { openCall } from "./open-call.ts";
import { presentable } from "./presentable.ts";
import type { ClientStream } from "./request/client-stream.ts";
import { type MetadataReader, timeoutOf } from "./request/headers.ts";
import { type BodySettings, openStream, readRequest } from "./request/request.ts";
import { isCacheable, namesTag, weakTag } from "./response/etag.ts";
import { chooseFraming, type Framing, rawBytes } from "./response/framing.ts";
import { chosenStatus, type HeaderWriter, mark, type ResponseHeaders } from "./response/headers.ts";
import { type ReplyBody, send, sendCoded, sendJson } from "./response/respond.ts";
import { StreamedAnswer, unknownType } from "./response/stream.ts";
import type { Matched } from "./routing/router.ts";
import type { Work } from "./running.ts";
import { untilRead } from "./until-read.ts";

/** What all requests of a gateway have in common. */
export interface ExchangeSettings extends BodySettings {
  readonly readMetadata: MetadataReader;
  readonly printHeaders: HeaderWriter;
  readonly onError: (error: unknown, id: string, method: MethodSpec) => void;
  readonly clock: Clock;
  /** How long server-sent events may be silent, in milliseconds. */
  readonly ssePingMs: number;
  /** Whether the answer to a request may be compressed. */
  readonly compresses: (req: IncomingMessage) => boolean;
}

/** One request that a route matched, until its response is out. */
export class Exchange implements Work {
  readonly endpoint: Endpoint;
  /** How the call ended; undefined before that. */
  code: Code | undefined;
  place = -1;
  readonly #matched: Matched;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #settings: ExchangeSettings;
  readonly #cancellation = new Cancellation();
  #deadline = Number.POSITIVE_INFINITY;
  #framing: Framing | undefined;
  #upload: ClientStream | undefined;
  #answer: StreamedAnswer | undefined;
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
      const call = this.#call();
      // Not awaited where it is there already: most requests have no body, and each wait costs.
      const reply = await this.endpoint.handler(call instanceof Promise ? await call : call);
      const sent = isStream(reply) ? this.#stream(reply) : this.#reply(reply);
      if (sent) await sent;
      this.code = "OK";
    } catch (error) {
      try {
        await this.#fail(presentable(this.#cancellation.reason ?? error, this.endpoint.method, this.#settings.onError));
      } catch (failure) {
        // Not even the failure could be written, so the client must see that the response is incomplete.
        this.#settings.onError(failure, randomUUID(), this.endpoint.method);
        this.#res.destroy();
      }
    } finally {
      this.#upload?.stop();
      this.#answer?.stop();
    }
  }

  /** The call; a promise of it while the body is on its way. */
  #call(): Call | Promise<Call> {
    const { endpoint } = this;
    const { clock, readMetadata } = this.#settings;
    const mostMs = Math.min(endpoint.longestMs, timeoutOf(this.#req.headers));
    if (mostMs !== Number.POSITIVE_INFINITY) this.#deadline = clock.now() + mostMs;
    if (endpoint.streams)
      this.#framing = endpoint.repliesRaw ? rawBytes : chooseFraming(this.#req.headers.accept, endpoint.framing);
    const metadata = readMetadata(this.#req.rawHeaders);
    const request = endpoint.takesStream
      ? this.#openStream()
      : readRequest(this.#matched, this.#req, this.#settings, this.#cancellation);
    if (request instanceof Promise) return request.then((message) => this.#open(message, metadata));
    return this.#open(request, metadata);
  }

  #open(request: unknown, metadata: Metadata): Call {
    return openCall(this.endpoint, this.#req, {
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

  #openStream(): AsyncIterable<unknown> {
    this.#upload = openStream(this.#matched, this.#req, this.#settings, this.#cancellation);
    return this.#upload.messages;
  }

  #reply(reply: unknown): Promise<void> | undefined {
    const { endpoint } = this;
    const raw = endpoint.repliesRaw ? endpoint.httpBodyOf(reply) : undefined;
    const content = this.#content(reply, raw);
    const contentType = raw ? raw.contentType || unknownType : "application/json";
    const { status, headers } = this.#head();
    const { cacheControl } = endpoint;
    if (cacheControl !== undefined && isCacheable(this.#req, status)) headers["cache-control"] ??= cacheControl;
    if (!endpoint.tagged || !isCacheable(this.#req, status))
      return this.#send(status, headers, { contentType, content });
    const tag = [headers.etag].flat()[0] ?? endpoint.etagOf?.(reply) ?? weakTag(content);
    headers.etag = tag;
    const known = this.#req.headers["if-none-match"];
    return this.#send(known !== undefined && namesTag(known, tag) ? 304 : status, headers, { contentType, content });
  }

  #send(status: number, headers: ResponseHeaders, body: ReplyBody): Promise<void> | undefined {
    if (this.#settings.compresses(this.#req))
      return sendCoded(this.#req, this.#res, status, headers, body, this.#trailers);
    send(this.#req, this.#res, status, headers, body, this.#trailers);
    return undefined;
  }

  async #stream(messages: AsyncIterable<unknown>): Promise<void> {
    const framing = this.#framing;
    if (!framing) {
      discard(messages);
      throw new TypeError(`${this.endpoint.method.path} replied with a stream, and is ${this.endpoint.method.kind}`);
    }
    const { clock, compresses, ssePingMs } = this.#settings;
    this.#answer = new StreamedAnswer({
      req: this.#req,
      res: this.#res,
      endpoint: this.endpoint,
      framing,
      clock,
      ssePingMs,
      compresses: compresses(this.#req),
      head: () => this.#head(),
      print: (message) => this.#content(message, this.endpoint.repliesRaw && this.endpoint.httpBodyOf(message)),
      room: () => this.#room(),
      broken: (error) => this.cancel(error),
    });
    await this.#answer.send(messages);
    await this.#answer.end(this.#trailers);
  }

  /** What a message is in the body. Throws when it is larger than the method allows. */
  #content(message: unknown, raw: RawBody | false | undefined): string | Uint8Array {
    const { maxResponseBytes, method } = this.endpoint;
    const content = raw ? raw.data : this.endpoint.print(message);
    if (maxResponseBytes !== undefined && Buffer.byteLength(content) > maxResponseBytes)
      throw tooLarge(method, "reply", maxResponseBytes);
    return content;
  }

  #head(): { readonly status: number; readonly headers: ResponseHeaders } {
    const status = chosenStatus(this.#headers) ?? this.endpoint.successStatus;
    const headers = this.#settings.printHeaders(this.#headers);
    if (this.#trailers && !this.#trailers.empty) mark(headers, this.#trailers);
    return { status, headers };
  }

  /** A call that ends while its client does not read takes the response with it: nothing more can be said there. */
  #room(): Promise<void> {
    return untilRead(this.#res, {
      endpoint: this.endpoint,
      deadline: this.#deadline,
      clock: this.#settings.clock,
      cancellation: this.#cancellation,
    }).catch((reason) => {
      this.#res.destroy();
      throw reason;
    });
  }

  #fail(error: RpcError): Promise<void> | undefined {
    this.code = error.code;
    if (this.#res.destroyed) return undefined;
    const json = JSON.stringify(errorJson(error, this.endpoint.details));
    const trailers = error.metadata ?? this.#trailers;
    if (this.#res.headersSent && this.#answer) return this.#answer.fail(json, trailers);
    const headers = { ...this.#settings.printHeaders(this.#headers), ...errorHeaders(error) };
    sendJson(this.#req, this.#res, statusOf(error), headers, json, trailers);
    return undefined;
  }
}
