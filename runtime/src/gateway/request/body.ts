import { isAscii, isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { Cancellation } from "../../core/cancellation.ts";
import { badRequest, HttpError } from "../errors.ts";
import { Bytes } from "./bytes.ts";
import { openBody } from "./inflate.ts";

/** True when the request says that it has a body. Source: RFC 9112, 6; RFC 9113, 8.1. */
export function hasBody(req: IncomingMessage): boolean {
  const { headers } = req;
  if (req.httpVersionMajor < 2) {
    return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  }
  // A stream that was reset before it was looked at is gone.
  const { stream } = req as unknown as { readonly stream: Http2ServerRequest["stream"] | undefined };
  return stream !== undefined && !stream.endAfterHeaders;
}

/**
 * The whole body of a request, with its content encoding undone.
 *
 * Refuses content encodings that are not known with 415, bytes that are not in theirs with 400, and more than `maxBytes`
 * with 413: before reading when Content-Length tells, else as soon as there is one byte more. Fails with the
 * cancellation's reason when that fires.
 */
export function readBody(req: IncomingMessage, maxBytes: number, cancellation: Cancellation): Promise<Buffer> {
  checkLength(req, maxBytes);
  const body = openBody(req);
  const { stream } = body;
  return new Promise((resolve, reject) => {
    const bytes = new Bytes();
    let sent = 0;
    let isOver = false;
    let leave: (() => void) | undefined;
    const detach = () => {
      stream.off("data", onData).off("end", onEnd).off("error", onError);
      if (stream !== req) req.off("data", onSent);
    };
    const fail = (error: unknown) => {
      if (isOver) return;
      isOver = true;
      detach();
      leave?.();
      body.stop();
      reject(error);
    };
    const onError = (error: unknown) => fail(body.meaning(error));
    const onData = (chunk: Buffer) => {
      if (bytes.length + chunk.length > maxBytes) fail(tooLarge(maxBytes));
      else bytes.append(chunk);
    };
    // An encoding has forms of nothing, such as empty blocks, of which there could be any number.
    const onSent = (chunk: Buffer) => {
      sent += chunk.length;
      if (sent > maxBytes + overhead) fail(tooLarge(maxBytes));
    };
    const onEnd = () => {
      isOver = true;
      leave?.();
      // A request that has ended has nothing more to say to its listeners, and taking them away takes time.
      if (stream !== req) {
        detach();
        body.stop();
      }
      resolve(bytes.take());
    };
    stream.on("data", onData).on("end", onEnd).on("error", onError);
    if (stream !== req) req.on("data", onSent);
    leave = cancellation.onCancel(fail);
  });
}

/** Bytes by which data that cannot be compressed may grow, where the limit is small. */
const overhead = 64 * 1024;

/** Refuses a body whose Content-Length is above the limit. */
export function checkLength({ headers }: IncomingMessage, maxBytes: number): void {
  const most = headers["content-encoding"] === undefined ? maxBytes : maxBytes + overhead;
  if (Number(headers["content-length"] ?? 0) > most) throw tooLarge(maxBytes);
}

/** Bytes as text. Throws HttpError 400 when they are not UTF-8. */
export function utf8(bytes: Buffer, what = "the body"): string {
  // Most JSON is ASCII, which is found out, and read, much faster.
  if (isAscii(bytes)) return bytes.toString("latin1");
  if (!isUtf8(bytes)) throw badRequest("", `${what} is not UTF-8`);
  return bytes.toString();
}

/**
 * Lets a body flow by that the route has no use for. More than `maxBytes` is told to `tooMuch` as a 413, once; Content-Length
 * above it is thrown as that.
 */
export function ignoreBody(req: IncomingMessage, maxBytes: number, tooMuch: (error: HttpError) => void): void {
  checkLength(req, maxBytes);
  // Whoever read it before has bounded it.
  if (req.readableEnded || req.readableDidRead) return;
  let length = 0;
  const onData = (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxBytes) return;
    req.off("data", onData);
    tooMuch(tooLarge(maxBytes));
  };
  req.on("data", onData);
}

/** 413: the body, or the part of it that `what` names, is above the limit. */
export const tooLarge = (maxBytes: number, what = "the body"): HttpError =>
  new HttpError(413, "RESOURCE_EXHAUSTED", `${what} is larger than the ${maxBytes} bytes that are allowed`);
