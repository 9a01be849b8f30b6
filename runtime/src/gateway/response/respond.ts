import type { IncomingMessage, ServerResponse } from "node:http";
import type { Cancellation } from "../../core/cancellation.ts";
import type { Metadata } from "../../core/metadata.ts";
import type { Framing } from "./framing.ts";
import { printTrailers, type ResponseHeaders, wantsTrailers } from "./headers.ts";

/** Answers with one JSON text; with trailers, when there are any and the client reads them. */
export function sendJson(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: ResponseHeaders,
  json: string,
  trailers?: Metadata,
): void {
  // Statuses that have no body. Source: RFC 9110, 15.3.5, 15.3.6 and 15.4.5.
  if (status === 204 || status === 205 || status === 304) {
    res.writeHead(status, headers).end();
    return;
  }
  const fields = trailersFor(req, trailers);
  if (!fields) {
    // Given by hand, so that a HEAD request learns the length too.
    const length = String(Buffer.byteLength(json));
    res.writeHead(status, { ...headers, "content-type": "application/json", "content-length": length });
    // As text, which node:http sends together with the headers; bytes would need a second write.
    res.end(json);
    return;
  }
  res.writeHead(status, { ...headers, "content-type": "application/json", trailer: Object.keys(fields).join(", ") });
  res.write(json);
  addTrailers(res, fields);
  res.end();
}

/**
 * Answers with a stream, message by message. `begin` writes the status line; it runs when the first message is there
 * or the stream has ended without one, so that a failure before can still be a status. `room` runs when the client has
 * much to read, and resolves when the next message may follow.
 *
 * Fails with what the stream, printing, or `room` failed with.
 */
export async function sendStream(
  req: IncomingMessage,
  res: ServerResponse,
  messages: AsyncIterable<unknown>,
  framing: Framing,
  print: (message: unknown) => string,
  begin: () => void,
  room: () => Promise<void>,
): Promise<void> {
  for await (const message of messages) {
    const json = print(message);
    const first = !res.headersSent;
    if (first) begin();
    // Leaving the loop tells the source to stop.
    if (req.method === "HEAD" || res.destroyed) break;
    if (!res.write((first ? framing.open : "") + framing.message(json, first))) await room();
  }
  if (!res.headersSent) {
    begin();
    if (framing.open !== "") res.write(framing.open);
  }
}

/**
 * Waits until the client has read what was written, or is gone. A call that ends before takes the response with it, as
 * nothing more can be said there; then this fails with the reason.
 */
export function drained(res: ServerResponse, cancellation: Cancellation): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = cancellation.onCancel((reason) => {
      res.off("drain", done).off("close", done).destroy();
      reject(reason);
    });
    function done() {
      res.off("drain", done).off("close", done);
      leave();
      resolve();
    }
    if (!cancellation.reason) res.on("drain", done).on("close", done);
  });
}

/** Ends a stream: the last text, then the trailers that the client can read. */
export function endStream(req: IncomingMessage, res: ServerResponse, text: string, trailers?: Metadata): void {
  if (text !== "") res.write(text);
  const fields = trailersFor(req, trailers);
  if (fields) addTrailers(res, fields);
  res.end();
}

/** Breaks a stream off so that the client sees that it is incomplete: what was written still leaves, its end does not. */
export function cutStream(res: ServerResponse): void {
  if (res.socket) res.socket.destroySoon();
  else res.destroy();
}

/** Only a chunked response has room for trailers, and only some clients look there. */
function trailersFor(req: IncomingMessage, trailers: Metadata | undefined): ResponseHeaders | undefined {
  if (!trailers || trailers.empty || req.method === "HEAD" || req.httpVersion === "1.0" || !wantsTrailers(req.headers))
    return undefined;
  const fields = printTrailers(trailers);
  return Object.keys(fields).length > 0 ? fields : undefined;
}

const addTrailers = (res: ServerResponse, fields: ResponseHeaders): void =>
  res.addTrailers(
    Object.entries(fields).flatMap(([name, values]) => [values].flat().map((value): [string, string] => [name, value])),
  );
