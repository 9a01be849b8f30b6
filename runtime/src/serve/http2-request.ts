import type { ServerResponse } from "node:http";
import { Http2ServerRequest, Http2ServerResponse, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";

/**
 * A request by HTTP/2 that looks like one by HTTP/1.1 to whoever reads it. Node.js's own class says less: it ends a body
 * that was broken off as if it were whole.
 */
export class StreamRequest extends Http2ServerRequest {
  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: string[]) {
    // What says that there is a host and a body. Source: RFC 9113, 8.3.1 and 8.2.2.
    if (headers[":authority"] !== undefined) headers.host ??= headers[":authority"];
    if (!stream.endAfterHeaders && headers["content-length"] === undefined) headers["transfer-encoding"] = "chunked";
    super(stream, headers, {}, rawHeaders as never);
    // The connection itself, the same object for all its requests; Node.js has another one for each.
    if (stream.session) Object.defineProperty(this, "socket", { value: stream.session.socket });
    // Who reads the body hears of an error; nobody needs to.
    this.on("error", () => {});
  }

  /** Node.js ends the body of a stream that was reset before it says so. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk === null && this.stream.closed && !this.readableEnded) return false;
    return super.push(chunk, encoding);
  }

  /** The stream is closed: a body that has not ended is broken off. */
  gone(): void {
    if (this.readableEnded || this.destroyed) return;
    this.destroy(Object.assign(new Error("the client broke the request off"), { code: "ECONNRESET" }));
  }
}

Object.defineProperty(StreamRequest.prototype, "complete", {
  get(this: StreamRequest): boolean {
    return this.readableEnded && !this.aborted;
  },
});

const bodyless = new Set([204, 205, 304]);

/** The answer to a StreamRequest, for code that was written for HTTP/1.1. */
export class StreamResponse extends Http2ServerResponse<StreamRequest> {
  #cutting = false;

  /** A body where there can be none is dropped. */
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    if (!this.#hasBody()) return true;
    return super.write(chunk as string, ...(rest as []));
  }

  override end(...args: unknown[]): this {
    const callback = args.find((one): one is () => void => typeof one === "function");
    if (!this.#hasBody()) super.end(callback);
    else super.end(...(args as []));
    return this;
  }

  override addTrailers(headers: object): void {
    const fields: { [name: string]: string[] } = {};
    for (const [name, value] of Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers))
      fields[name] = [...(fields[name] ?? []), ...[value].flat()];
    super.addTrailers(fields as never);
  }

  /** Ends the stream at once, in a way that no client takes for the end of the answer. */
  override destroy(error?: Error): this {
    const { stream } = this;
    // Closed with a code, Node.js 24 would send the end of the answer before the code.
    if (!stream.destroyed && !stream.closed && !stream.writableFinished) stream.destroy(error ?? new Error("cut"));
    super.destroy(error);
    return this;
  }

  #hasBody(): boolean {
    return this.req.method !== "HEAD" && !bodyless.has(this.statusCode);
  }

  /** As `destroy`, behind what was written. A client that does not read it is cut off by the limit for those. */
  cut(): void {
    if (this.#cutting || this.stream.destroyed) return;
    this.#cutting = true;
    if (this.headersSent) this.stream.write("", () => void this.destroy());
    else this.destroy();
  }
}

Object.defineProperties(StreamResponse.prototype, {
  // What is asked of a connection concerns the answer alone.
  socket: {
    get(this: StreamResponse) {
      return { destroySoon: () => this.cut(), destroy: () => this.destroy() };
    },
  },
  destroyed: {
    get(this: StreamResponse): boolean {
      return this.stream.destroyed;
    },
  },
  // Node.js ends a stream that was reset before it says so.
  writableFinished: {
    get(this: StreamResponse): boolean {
      return this.writableEnded && this.stream.writableFinished && !this.stream.aborted;
    },
  },
  writableNeedDrain: {
    get(this: StreamResponse): boolean {
      return this.stream.writableNeedDrain;
    },
  },
});

/** The same as one of HTTP/1.1, as far as this product goes. */
export const asServerResponse = (response: StreamResponse): ServerResponse => response as unknown as ServerResponse;
