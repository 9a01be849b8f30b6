import type { IncomingMessage } from "node:http";
import type { Clock } from "../../core/clock.ts";
import type { Code } from "../../core/error.ts";
import type { OnRequest } from "../access.ts";
import { originOf } from "../forwarded.ts";
import { peerOf } from "../peer.ts";

/** Tells how a handshake and the WebSocket that came of it ended: 101 or the status of the refusal, and the call's code. */
export type Tell = (status: number, code: Code, matched?: RecordedRoute) => void;

/** What a record says of the route. */
export interface RecordedRoute {
  readonly template: string;
  readonly endpoint: { readonly method: { readonly path: string } };
}

/** Begins the record of a handshake. To be ended when its connection is closed. */
export function beginRecord(req: IncomingMessage, clock: Clock, onRequest: OnRequest): Tell {
  const started = clock.now();
  const { socket } = req;
  const before = socket.bytesWritten;
  const peer = (originOf(req)?.peer ?? peerOf(socket)).address;
  return (status, code, matched) => {
    try {
      onRequest({
        method: req.method ?? "GET",
        template: matched?.template,
        rpc: matched?.endpoint.method.path,
        status,
        code,
        ms: clock.now() - started,
        bytes: socket.bytesWritten - before,
        peer,
      });
    } catch (error) {
      console.error("onRequest failed:", error);
    }
  };
}
