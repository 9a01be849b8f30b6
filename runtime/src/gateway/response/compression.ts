import type { IncomingMessage, ServerResponse } from "node:http";
import { type BrotliOptions, brotliCompress, constants, createBrotliCompress, createGzip, gzip } from "node:zlib";
import { addVary } from "../vary.ts";
import { choices } from "./accept.ts";
import { weakened } from "./etag.ts";
import type { ResponseHeaders } from "./headers.ts";

/** A content coding that bodies can get. Source: RFC 9110, 8.4.1; RFC 7932. */
export type Coding = "br" | "gzip";

/**
 * Compiles whether the answer to a request may be compressed. What the size of a compressed answer tells of its secrets is
 * of use to those who can make a browser ask with its user's credentials: so a gateway that passes cookies on leaves
 * answers to requests with cookies alone, unless it is told otherwise. Source: BREACH, breachattack.com.
 */
export function compressionRule(
  option: boolean | undefined,
  requestHeaders: readonly string[],
): (req: IncomingMessage) => boolean {
  if (option !== undefined) return () => option;
  return requestHeaders.some((name) => name.toLowerCase() === "cookie")
    ? ({ headers }) => headers.cookie === undefined
    : () => true;
}

/** Smaller bodies fit into one packet anyway, and compressing them costs more than it saves. */
const leastBytes = 1024;

/** Media types of text; everything else is taken for compressed already. */
const compressible =
  /^\s*(?:text\/[^;]*|application\/(?:json|x-ndjson|ndjson|javascript|xml|yaml|x-protobuf|protobuf|wasm)|image\/svg\+xml|[^;]*\+(?:json|xml|yaml))\s*(?:;|$)/i;

/** What a body is, as far as its coding depends on it. */
export interface Plain {
  readonly contentType: string;
  /** In bytes; Infinity for a stream. */
  readonly length: number;
}

/**
 * The coding for a body, undefined for none; says by `Vary` that it depends on the request. `headers` are those of the
 * response: what is encoded already, is a part of something, or must not be changed stays as it is.
 *
 * The client's weights decide, then brotli before gzip. What no coding suits is sent plain even where the client refuses
 * that: the call is made, and everybody can read it. Source: RFC 9110, 12.5.3; RFC 9111, 5.2.2.6.
 */
export function chooseCoding(
  req: IncomingMessage,
  res: ServerResponse,
  headers: ResponseHeaders,
  { contentType, length }: Plain,
): Coding | undefined {
  const accepted = req.headers["accept-encoding"];
  const small = length < leastBytes;
  // Nothing else can make a small body worth it than that the client does not take it plain.
  if (small && (accepted === undefined || !/[y*]\s*;/i.test(String(accepted)))) return undefined;
  if (!compressible.test(contentType)) return undefined;
  if (headers["content-encoding"] !== undefined || headers["content-range"] !== undefined) return undefined;
  if (/\bno-transform\b/i.test(String(headers["cache-control"] ?? ""))) return undefined;
  // Headers that are given all at once are written faster than those that were set one by one.
  if (headers.vary === undefined && res.getHeader("vary") === undefined) headers.vary = "Accept-Encoding";
  else addVary(res, "Accept-Encoding");
  if (accepted === undefined) return undefined;
  const wanted = new Map(choices(String(accepted)).map(({ name, quality }) => [name, quality]));
  const anything = wanted.get("*");
  const br = wanted.get("br") ?? anything ?? 0;
  const zip = wanted.get("gzip") ?? wanted.get("x-gzip") ?? anything ?? 0;
  const plain = wanted.get("identity") ?? anything;
  const best = Math.max(br, zip);
  // Not named, plain is what there always is; named, it competes like the others.
  if (best === 0 || (plain ?? 0) > best || (small && plain !== 0)) return undefined;
  return br === best ? "br" : "gzip";
}

/** Puts the headers of a coded body in the place of those of the plain one. */
export function markCoded(headers: ResponseHeaders, coding: Coding): void {
  headers["content-encoding"] = coding;
  if (typeof headers.etag === "string") headers.etag = weakened(headers.etag);
}

/** About as fast as gzip, and smaller; the window of a stream is kept small, as there may be many of them. */
const brotli = (length: number): BrotliOptions => ({
  params: {
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_QUALITY]: 4,
    ...(Number.isFinite(length)
      ? { [constants.BROTLI_PARAM_SIZE_HINT]: length }
      : { [constants.BROTLI_PARAM_LGWIN]: 17 }),
  },
});

/** Codes a whole body, beside the event loop. */
export function code(coding: Coding, body: string | Uint8Array, length: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, bytes: Uint8Array) => (error ? reject(error) : resolve(bytes));
    if (coding === "gzip") gzip(body, done);
    else brotliCompress(body, brotli(length), done);
  });
}

/** Codes a stream, of which each part can be read as soon as it is written. */
export class Coder {
  readonly #stream;
  readonly #flush: number;

  /** `write` gets what comes out. */
  constructor(coding: Coding, write: (bytes: Uint8Array) => void) {
    const gzipped = coding === "gzip";
    this.#stream = gzipped ? createGzip() : createBrotliCompress(brotli(Number.POSITIVE_INFINITY));
    this.#flush = gzipped ? constants.Z_SYNC_FLUSH : constants.BROTLI_OPERATION_FLUSH;
    this.#stream.on("data", write);
    // Destroyed with work under way; nobody waits for that any more.
    this.#stream.on("error", () => {});
  }

  /** Resolves when the part has come out, or never will. */
  write(part: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.write(part);
      this.#stream.flush(this.#flush, () => resolve());
    });
  }

  /** Resolves when everything has come out, or never will. */
  end(): Promise<void> {
    if (this.#stream.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stream.once("close", resolve).end();
    });
  }

  /** Drops what has not come out. */
  destroy(): void {
    this.#stream.destroy();
  }
}
