import type { IncomingMessage } from "node:http";
import type { Cancellation } from "../../core/cancellation.ts";
import { RpcError } from "../../core/error.ts";
import type { Body } from "../binding/body.ts";
import { HttpError } from "../errors.ts";
import { hasBody } from "./body.ts";
import { checkJson, isLines, parseContentType } from "./content-type.ts";
import { ElementSplitter } from "./elements.ts";
import { openBody } from "./inflate.ts";
import { BodyReader } from "./reader.ts";

/** How the messages of a route are made. Its functions throw HttpError 400. */
export interface MessageReader {
  /** True when the body is a google.api.HttpBody: bytes of any media type. */
  readonly takesRaw: boolean;
  /** The first message: an element of the body with all that the rest of the request says. */
  first(element: Body): unknown;
  /** A later message, from an element alone. */
  next(element: Body): unknown;
}

/** The request of a call whose client streams. */
export interface ClientStream {
  readonly messages: AsyncIterable<unknown>;
  /** Ends the reading; what is left of the body flows by. To be run when the call is over. */
  stop(): void;
}

/** The largest piece of a raw body that one message carries, in bytes. */
const largestPiece = 64 * 1024;

/**
 * Makes the messages of a client stream from the body of one request, as the call asks for them and no faster: one per
 * JSON value, or per piece of a raw body of at most 64 KiB. A raw body has a first message even when it is empty.
 *
 * Throws HttpError 415 as `readBody` does. What is wrong later is given to `failed` before the call's reader gets it, so
 * that the request is answered by it whatever becomes of the call.
 */
export function clientStream(
  req: IncomingMessage,
  reader: MessageReader,
  maxElementBytes: number,
  cancellation: Cancellation,
  failed: (error: RpcError) => void,
): ClientStream {
  const present = hasBody(req);
  const type = parseContentType(req.headers["content-type"]);
  if (present && !reader.takesRaw) checkJson(type, true);
  const chunks = present ? new BodyReader(openBody(req), cancellation) : undefined;
  const source = reader.takesRaw
    ? pieces(chunks, req.headers["content-type"] ?? "", reader)
    : elements(chunks, new ElementSplitter(maxElementBytes, !isLines(type)), reader);
  return messagesOf(source, failed, () => chunks?.stop());
}

async function* elements(chunks: BodyReader | undefined, splitter: ElementSplitter, reader: MessageReader) {
  let count = 0;
  const read = (text: string) => {
    const element: Body = { kind: "json", text };
    count++;
    try {
      return count === 1 ? reader.first(element) : reader.next(element);
    } catch (error) {
      throw count === 1 && isFine(element, reader) ? error : named(error, count);
    }
  };
  for (let chunk = await chunks?.next(); chunk; chunk = await chunks?.next()) {
    for (const text of splitter.push(chunk)) yield read(text);
  }
  const last = splitter.end();
  if (last !== undefined) yield read(last);
}

async function* pieces(chunks: BodyReader | undefined, contentType: string, reader: MessageReader) {
  let first = true;
  const read = (data: Buffer) => {
    const make = first ? reader.first : reader.next;
    const piece: Body = { kind: "raw", contentType: first ? contentType : "", data };
    first = false;
    return make(piece);
  };
  for (let chunk = await chunks?.next(); chunk; chunk = await chunks?.next()) {
    for (let at = 0; at < chunk.length; at += largestPiece) yield read(chunk.subarray(at, at + largestPiece));
  }
  if (first) yield read(Buffer.alloc(0));
}

/** True when it was not the element by which the first message failed, but path, query or headers. */
function isFine(element: Body, reader: MessageReader): boolean {
  try {
    reader.next(element);
    return true;
  } catch {
    return false;
  }
}

function named(error: unknown, count: number): unknown {
  if (!(error instanceof HttpError)) return error;
  const { status, code, text, details, headers } = error;
  return new HttpError(status, code, `element ${count} of the body: ${text}`, { details, headers, cause: error });
}

/** Gives a source to one reader, who may ask for several messages at once and leave at any time. */
function messagesOf(source: AsyncIterator<unknown>, failed: (error: RpcError) => void, stop: () => void): ClientStream {
  const end = { done: true as const, value: undefined };
  let over = false;
  const leave = () => {
    over = true;
    stop();
  };
  const pull = async (): Promise<IteratorResult<unknown>> => {
    if (over) return end;
    try {
      const result = await source.next();
      if (result.done) over = true;
      return result;
    } catch (cause) {
      // Nobody waits for what went wrong after the reader had left.
      if (over) return end;
      leave();
      const error = cause instanceof RpcError ? cause : new RpcError("CANCELLED", "the client went away", { cause });
      failed(error);
      throw error;
    }
  };
  const iterator: AsyncIterator<unknown> = {
    // Several may be asked for at once: a generator answers them one after the other.
    next: pull,
    return() {
      leave();
      return Promise.resolve(end);
    },
  };
  return { messages: { [Symbol.asyncIterator]: () => iterator }, stop: leave };
}
