import type { IncomingMessage } from "node:http";
import type { Cancellation } from "../../core/cancellation.ts";
import { RpcError } from "../../core/error.ts";
import { type Body, noBody } from "../binding/body.ts";
import { badRequest } from "../errors.ts";
import type { Matched } from "../routing/router.ts";
import { hasBody, ignoreBody, readBody, utf8 } from "./body.ts";
import { type ClientStream, clientStream } from "./client-stream.ts";
import { checkJson, parseContentType } from "./content-type.ts";
import { readForm } from "./multipart.ts";

/** How bodies are taken, the same for all requests of a gateway. */
export interface BodySettings {
  /** The largest body, or element of a client stream, in bytes, where the method does not say. */
  readonly maxRequestBytes: number;
  /** A body that the route has no use for is refused. */
  readonly strictBody: boolean;
  /** Forms with a file are read where the body is a google.api.HttpBody. */
  readonly multipart: boolean;
}

/**
 * The one request message of a request; a promise of it where there is a body to wait for. Throws, or fails with, HttpError
 * 400, 413 or 415, or the cancellation's reason.
 */
export function readRequest(
  { endpoint, segments, query }: Matched,
  req: IncomingMessage,
  settings: BodySettings,
  cancellation: Cancellation,
): unknown {
  const { headers } = req;
  const most = endpoint.maxRequestBytes ?? settings.maxRequestBytes;
  if (endpoint.route.body === undefined) {
    withoutBody(req, most, settings, cancellation);
    return endpoint.bind(segments, query, noBody, headers);
  }
  const type = headers["content-type"];
  if (endpoint.takesRaw) {
    // An empty file has a type, too.
    if (!hasBody(req) && type === undefined) return endpoint.bind(segments, query, noBody, headers);
    if (settings.multipart && parseContentType(type).essence === "multipart/form-data") {
      return readForm(req, most, cancellation).then((form) => {
        const parameters = query === "" || form.query === "" ? query + form.query : `${query}&${form.query}`;
        return endpoint.bind(segments, parameters, form.file, headers);
      });
    }
    return readBody(req, most, cancellation).then((data) =>
      endpoint.bind(segments, query, { kind: "raw", contentType: type ?? "", data }, headers),
    );
  }
  if (!hasBody(req)) return endpoint.bind(segments, query, noBody, headers);
  if (type !== "application/json") checkJson(parseContentType(type), false);
  return readBody(req, most, cancellation).then((bytes) => {
    const text = utf8(bytes);
    return endpoint.bind(segments, query, text === "" ? noBody : { kind: "json", text }, headers);
  });
}

/**
 * The messages of a request whose client streams; what is wrong with them later cancels the call.
 *
 * Throws HttpError 415, and UNIMPLEMENTED for HTTP/1.1 where both sides stream: there the answer follows the request.
 */
export function openStream(
  { endpoint, segments, query }: Matched,
  req: IncomingMessage,
  settings: BodySettings,
  cancellation: Cancellation,
): ClientStream {
  if (endpoint.streams && req.httpVersionMajor < 2) {
    throw new RpcError(
      "UNIMPLEMENTED",
      `${endpoint.method.path} streams both ways, which HTTP/1.1 cannot: call it over WebSocket, HTTP/2 or gRPC`,
    );
  }
  const most = endpoint.maxRequestBytes ?? settings.maxRequestBytes;
  const first = (element: Body) => endpoint.firstOf(segments, query, req.headers, element);
  const next = (element: Body) => {
    if (element.kind === "json") return endpoint.readElement(element.text);
    return element.kind === "raw" ? endpoint.rawElement(element.contentType, element.data) : first(element);
  };
  if (endpoint.route.body === undefined) {
    withoutBody(req, most, settings, cancellation);
    const only = first(noBody);
    return {
      messages: (async function* () {
        yield only;
      })(),
      stop() {},
    };
  }
  const reader = { takesRaw: endpoint.takesRaw, first, next };
  return clientStream(req, reader, most, cancellation, (error) => cancellation.cancel(error));
}

function withoutBody(
  req: IncomingMessage,
  most: number,
  { strictBody }: BodySettings,
  cancellation: Cancellation,
): void {
  if (!hasBody(req)) return;
  if (strictBody) throw badRequest("", "the route takes no body: send the request without");
  ignoreBody(req, most, (error) => cancellation.cancel(error));
}
