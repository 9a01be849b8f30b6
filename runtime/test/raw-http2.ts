/** HTTP/2 without gRPC on top: for peers that do what no gRPC library would. */
import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A message as gRPC frames it; the length may be a lie. */
export function frame(payload: Uint8Array, { length = payload.length, compressed = false } = {}): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, payload]);
}

/** Opens a call. What comes back is headers and trailers in one, and the session for calls that follow. */
export async function rawCall(port: number, path: string, headers: IncomingHttpHeaders = {}) {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  await once(session, "connect");
  const stream: ClientHttp2Stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const answer: IncomingHttpHeaders = {};
  stream.on("error", () => {});
  stream.on("response", (got) => Object.assign(answer, got));
  stream.on("trailers", (got) => Object.assign(answer, got));
  stream.resume();
  const answered = once(stream, "end").then(() => answer);
  return { stream, answered };
}

/** A server that answers each call with the function. */
export async function rawServer(
  answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<number> {
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.resume();
    answer(stream, headers);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Begins a gRPC response and promises trailers. */
export const respond = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders = {}): void =>
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers }, { waitForTrailers: true });

/** Ends a gRPC response. */
export const finish = (stream: ServerHttp2Stream, trailers: IncomingHttpHeaders): void => {
  stream.once("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end();
};
