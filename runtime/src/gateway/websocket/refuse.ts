import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Registry } from "@bufbuild/protobuf";
import type { RpcError } from "../../core/error.ts";
import { errorHeaders, errorJson, statusOf } from "../errors.ts";
import type { ResponseHeaders } from "../response/headers.ts";
import { sendJson } from "../response/respond.ts";

/** A response on a connection that node:http has given away. It is closed when the response is out. */
export function responseOn(req: IncomingMessage, socket: Duplex): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket as Socket);
  // Not end(): that would wait for a client that never closes its side.
  res.once("finish", () => (socket as Socket).destroySoon());
  return res;
}

/** Answers a handshake with an error in place of a WebSocket. */
export function refuseHandshake(
  req: IncomingMessage,
  socket: Duplex,
  error: RpcError,
  details: Registry,
  headers: ResponseHeaders = {},
): void {
  socket.on("error", () => {});
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const json = JSON.stringify(errorJson(error, details));
  sendJson(req, responseOn(req, socket), statusOf(error), { ...headers, ...errorHeaders(error) }, json);
}
