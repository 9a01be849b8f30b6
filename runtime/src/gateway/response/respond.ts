import type { IncomingMessage, ServerResponse } from "node:http";
import type { Metadata } from "../../core/metadata.ts";
import { chooseCoding, code, markCoded } from "./compression.ts";
import { printTrailers, type ResponseHeaders, wantsTrailers } from "./headers.ts";

/** The body of an answer. */
export interface ReplyBody {
  readonly contentType: string;
  readonly content: string | Uint8Array;
}

/** Answers with one JSON text; with trailers, when there are any and the client reads them. `headers` are added to. */
export function sendJson(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: ResponseHeaders,
  json: string,
  trailers?: Metadata,
): void {
  send(req, res, status, headers, { contentType: "application/json", content: json }, trailers);
}

/**
 * Answers with one body, compressed where that is worth it and the client takes it; `headers` are changed then. Resolves
 * when the answer is handed over; undefined when it is already.
 */
export function sendCoded(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: ResponseHeaders,
  body: ReplyBody,
  trailers?: Metadata,
): Promise<void> | undefined {
  // In characters for text, which is never more: all it decides is whether compressing is worth it.
  const { length } = body.content;
  const coding = chooseCoding(req, res, headers, { contentType: body.contentType, length });
  if (coding === undefined || isEmpty(status)) {
    send(req, res, status, headers, body, trailers);
    return undefined;
  }
  markCoded(headers, coding);
  if (req.method === "HEAD") {
    // Its length is not worth compressing it for. Source: RFC 9110, 9.3.2.
    res.writeHead(status, { ...headers, "content-type": body.contentType }).end();
    return undefined;
  }
  return code(coding, body.content, length).then((content) =>
    send(req, res, status, headers, { contentType: body.contentType, content }, trailers),
  );
}

/** Answers with one body; with trailers, when there are any and the client reads them. `headers` are added to. */
export function send(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: ResponseHeaders,
  { contentType, content }: ReplyBody,
  trailers: Metadata | undefined,
): void {
  if (isEmpty(status)) {
    res.writeHead(status, headers).end();
    return;
  }
  const fields = trailersFor(req, trailers);
  if (!fields) {
    // Given by hand, so that a HEAD request learns the length too.
    const length = lengthOf(content);
    headers["content-type"] = contentType;
    headers["content-length"] = String(length);
    res.writeHead(status, headers);
    // Text as text, which node:http sends together with the headers; bytes would need a second write. ASCII has as many bytes
    // as characters, and is the same in Latin-1, which is copied where UTF-8 is encoded.
    res.end(content, length === content.length ? "latin1" : "utf8");
    return;
  }
  res.writeHead(status, { ...headers, "content-type": contentType, trailer: Object.keys(fields).join(", ") });
  res.write(content);
  res.addTrailers(fields);
  res.end();
}

/** Statuses that have no body. Source: RFC 9110, 15.3.5, 15.3.6 and 15.4.5. */
export const isEmpty = (status: number): boolean => status === 204 || status === 205 || status === 304;

const lengthOf = (content: string | Uint8Array): number =>
  typeof content === "string" ? Buffer.byteLength(content) : content.length;

/** Only a chunked response has room for trailers, and only some clients look there. */
export function trailersFor(req: IncomingMessage, trailers: Metadata | undefined): ResponseHeaders | undefined {
  if (!trailers || trailers.empty || req.method === "HEAD" || req.httpVersion === "1.0" || !wantsTrailers(req.headers))
    return undefined;
  const fields = printTrailers(trailers);
  return Object.keys(fields).length > 0 ? fields : undefined;
}
