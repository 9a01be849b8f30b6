import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../../core/clock.ts";
import { RpcError } from "../../core/error.ts";
import type { Metadata } from "../../core/metadata.ts";
import type { Endpoint } from "../endpoint.ts";
import { addVary } from "../vary.ts";
import { Coder, chooseCoding, markCoded } from "./compression.ts";
import { type Framing, rawBytes, sse } from "./framing.ts";
import type { ResponseHeaders } from "./headers.ts";
import { KeepAlive } from "./keep-alive.ts";
import { isEmpty, trailersFor } from "./respond.ts";

/** What a streamed answer needs to know of its request. */
export interface Streaming {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly endpoint: Endpoint;
  readonly framing: Framing;
  readonly clock: Clock;
  /** How long server-sent events may be silent, in milliseconds. */
  readonly ssePingMs: number;
  /** Whether the answer may be compressed. */
  readonly compresses: boolean;
  /** The status line and what metadata says, once the response begins. */
  head(): { readonly status: number; readonly headers: ResponseHeaders };
  /** The bytes or the text of a message; throws when it must not leave. */
  print(message: unknown): string | Uint8Array;
  /** Resolves when the client has read enough for the next message. */
  room(): Promise<void>;
  /** The response cannot go on, and nobody is waiting who could be told otherwise. */
  broken(error: RpcError): void;
}

/**
 * An answer that is a stream, message by message. It begins when the first message is there, when the stream has ended
 * without one, or when events have been silent for long: so that a failure before can still be a status.
 */
export class StreamedAnswer {
  readonly #of: Streaming;
  #coder: Coder | undefined;
  /** The client has more to read than is good to add to. */
  #full = false;
  #keepAlive: KeepAlive | undefined;

  constructor(of: Streaming) {
    this.#of = of;
  }

  /** Sends the messages. Fails with what the stream, printing, or `room` failed with. */
  async send(messages: AsyncIterable<unknown>): Promise<void> {
    const { req, res, framing, endpoint } = this.#of;
    if (framing === sse && req.method !== "HEAD") this.#startPings();
    let first = true;
    for await (const message of messages) {
      const content = this.#of.print(message);
      if (!res.headersSent) this.#begin("message", message);
      // Leaving the loop tells the source to stop.
      if (req.method === "HEAD" || res.destroyed) break;
      const part =
        typeof content === "string" ? framing.message(content, first, endpoint.eventIdOf?.(message)) : content;
      const written = this.#write(first && framing.open !== "" ? framing.open + part : part);
      first = false;
      if (written !== true) await written;
      if (this.#full && !res.destroyed) await this.#of.room();
      this.#keepAlive?.wrote();
    }
    if (res.headersSent) return;
    this.#begin("end");
    if (framing.open !== "") await this.#write(framing.open);
  }

  /** Ends the answer as it should end. */
  end(trailers: Metadata | undefined): Promise<void> {
    return this.#end(this.#of.framing.close, trailers);
  }

  /** Ends an answer that has begun by a google.rpc.Status, or so that the client sees that it is incomplete. */
  fail(status: string, trailers: Metadata | undefined): Promise<void> {
    const { framing, res } = this.#of;
    if (framing.error) return this.#end(framing.error(status), trailers);
    cut(res);
    return Promise.resolve();
  }

  /** Leaves nothing running. */
  stop(): void {
    this.#keepAlive?.stop();
    this.#coder?.destroy();
  }

  #begin(why: "message" | "end" | "silence", first?: unknown): void {
    const { req, res, framing, endpoint, compresses } = this.#of;
    const { status, headers } = this.#of.head();
    if (why !== "end" && isEmpty(status))
      throw new RpcError("INTERNAL", `${endpoint.method.path} streams under status ${status}, which has no body`);
    const contentType = framing === rawBytes ? rawType(endpoint, first) : framing.contentType;
    if (framing !== rawBytes) addVary(res, "Accept");
    if (framing === sse) {
      // What is resumed and has nothing more is over: this is how EventSource learns that. Source: WHATWG HTML, 9.2.3.
      if (why === "end" && req.headers["last-event-id"] !== undefined) {
        res.writeHead(204, headers);
        return;
      }
      headers["cache-control"] ??= "no-store";
      headers["x-accel-buffering"] ??= "no";
    } else if (compresses) {
      const coding = chooseCoding(req, res, headers, { contentType, length: Number.POSITIVE_INFINITY });
      if (coding) {
        markCoded(headers, coding);
        if (req.method !== "HEAD") this.#coder = new Coder(coding, this.#put);
      }
    }
    res.writeHead(status, { ...headers, "content-type": contentType });
  }

  /** True when the part is written, or what resolves when it is. */
  #write(part: string | Uint8Array): true | Promise<void> {
    if (this.#coder) return this.#coder.write(part);
    this.#put(part);
    return true;
  }

  readonly #put = (part: string | Uint8Array): void => {
    const { res } = this.#of;
    if (res.write(part) || this.#full) return;
    this.#full = true;
    res.once("drain", () => {
      this.#full = false;
    });
  };

  async #end(text: string, trailers: Metadata | undefined): Promise<void> {
    const { req, res } = this.#of;
    this.#keepAlive?.stop();
    if (text !== "") await this.#write(text);
    await this.#coder?.end();
    const fields = trailersFor(req, trailers);
    if (fields) res.addTrailers(fields);
    res.end();
  }

  #startPings(): void {
    const { res, clock, ssePingMs } = this.#of;
    this.#keepAlive = new KeepAlive(clock, ssePingMs, () => {
      try {
        if (!res.headersSent) this.#begin("silence");
        // A client that does not read needs no more to read.
        if (!this.#full) this.#put(": ping\n\n");
      } catch (cause) {
        this.#of.broken(new RpcError("INTERNAL", "the response could not begin", { cause }));
      }
    });
  }
}

/** What a google.api.HttpBody without a content type is. Source: RFC 9110, 8.3. */
export const unknownType = "application/octet-stream";

/** The first message speaks for the whole stream. */
const rawType = (endpoint: Endpoint, first: unknown): string =>
  (first === undefined ? undefined : endpoint.httpBodyOf(first)?.contentType) || unknownType;

/** Breaks an answer off so that the client sees that it is incomplete: what was written still leaves, its end does not. */
function cut(res: ServerResponse): void {
  if (res.socket) res.socket.destroySoon();
  else res.destroy();
}
