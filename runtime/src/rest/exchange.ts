import type { CallOptions } from "../core/context.ts";
import { parseReply, RestError, responseError } from "./error.ts";
import { requestHeaders, responseMetadata, tellHeaders } from "./headers.ts";
import type { Life } from "./life.ts";
import { chunksOf, messagesOf } from "./lines.ts";
import { begin, bodyJson, type Connection, fromJson, type RestMethod, toHttp } from "./method.ts";
import { rawBody, rawReply, takesRaw } from "./raw.ts";
import type { HttpRequest, RestRoute } from "./request.ts";
import { bodyOf, checkStreamsBodies, leave, remedy } from "./upload.ts";

/** Sends one request and reads one reply. */
export async function sendUnary(
  method: RestMethod,
  connection: Connection,
  request: unknown,
  options: CallOptions,
): Promise<unknown> {
  const life = begin(method, connection, options);
  try {
    if (life.reason) throw life.reason;
    const [response, route] = await send(method, connection, request, options, life, "application/json");
    return await readReply(method, route, response);
  } catch (error) {
    throw life.failure(error);
  } finally {
    life.release();
  }
}

/** Sends one request and reads replies as they arrive. */
export async function* streamReplies(
  method: RestMethod,
  connection: Connection,
  request: unknown,
  options: CallOptions,
  life: Life,
): AsyncGenerator<unknown> {
  // Events tell errors from messages; who has none sends results by line.
  const accept = "text/event-stream, */*;q=0.5";
  const [response, route] = await send(method, connection, request, options, life, accept);
  if (takesRaw(method.reply, route.responseBody)) {
    for await (const chunk of chunksOf(response)) yield rawReply(method, route, response, chunk);
    return;
  }
  for await (const json of messagesOf(response, method.path)) yield fromJson(method, route, json);
}

/** Sends a stream of requests, one JSON document per line, and reads one reply. Path and query are of the first. */
export async function sendStream(
  method: RestMethod,
  connection: Connection,
  requests: AsyncIterable<unknown>,
  options: CallOptions,
): Promise<unknown> {
  const life = begin(method, connection, options);
  const source = requests[Symbol.asyncIterator]();
  const failed = (error: unknown) => life.end("CANCELLED", `the requests of ${method.path} failed`, error);
  try {
    if (life.reason) throw life.reason;
    if (!connection.options.fetch) checkStreamsBodies(method.path);
    const first = await life.bounds(source.next()).catch((error: unknown) => {
      failed(error);
      throw error;
    });
    const [http, route] = toHttp(method, first.done ? {} : first.value);
    const raw = takesRaw(method.request, route.body);
    const encode = (message: unknown) =>
      raw
        ? rawBody(method, route, message).data
        : new TextEncoder().encode(`${JSON.stringify(bodyJson(method, route, message))}\n`);
    const type = raw && !first.done ? rawBody(method, route, first.value).type : "application/x-ndjson";
    const response = await transmit(connection, http, options, life, "application/json", {
      type,
      body: bodyOf(first, source, encode, failed),
      duplex: "half",
    }).catch((error: unknown) => {
      if (life.reason || error instanceof RestError) throw error;
      const text = `${method.path} could not be reached, or fetch cannot stream to it, which takes HTTP/2: ${remedy}`;
      throw new RestError("UNAVAILABLE", text, { origin: "transport", cause: error });
    });
    if (!response.ok) throw await responseError(response, method.path);
    return await readReply(method, route, response);
  } catch (error) {
    throw life.failure(error);
  } finally {
    life.release();
    leave(source);
  }
}

async function send(
  method: RestMethod,
  connection: Connection,
  request: unknown,
  options: CallOptions,
  life: Life,
  accept: string,
): Promise<[Response, RestRoute]> {
  const [http, route] = toHttp(method, request);
  const raw = http.body !== undefined && takesRaw(method.request, route.body) && rawBody(method, route, request);
  const response = await transmit(connection, http, options, life, accept, {
    ...(raw
      ? { type: raw.type, body: raw.data }
      : http.body !== undefined && { type: "application/json", body: JSON.stringify(http.body) }),
  });
  if (!response.ok) throw await responseError(response, method.path);
  return [response, route];
}

interface Body {
  readonly type?: string;
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array>;
  /** A streamed body is sent in full before the response is read. */
  readonly duplex?: "half";
}

async function transmit(
  { options: { fetch: chosen, credentials, ...rest }, baseUrl }: Connection,
  http: HttpRequest,
  options: CallOptions,
  life: Life,
  accept: string,
  { type, ...body }: Body,
): Promise<Response> {
  const headers = await requestHeaders(rest, options, life);
  // By name, because browsers call it with the window as `this`.
  const response = await (chosen ?? ((url, init) => fetch(url, init)))(baseUrl + http.target, {
    method: http.method,
    headers: { accept, ...headers, ...http.headers, ...(type !== undefined && { "content-type": type }) },
    signal: life.signal,
    ...(credentials && { credentials }),
    ...body,
  } as RequestInit);
  tellHeaders(options, life.path, responseMetadata(response.headers));
  return response;
}

async function readReply(method: RestMethod, route: RestRoute, response: Response): Promise<unknown> {
  if (takesRaw(method.reply, route.responseBody)) {
    return rawReply(method, route, response, new Uint8Array(await response.arrayBuffer()));
  }
  const text = await response.text();
  return fromJson(method, route, text === "" ? {} : parseReply(text, method.path, response.status));
}
