import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Code } from "../core/error.ts";

/** One request that a gateway has dealt with, for access logs and metrics. */
export interface RequestRecord {
  /** Of the request, such as `GET`. */
  readonly method: string;
  /** The template of the route, or the path of the mounted handler; undefined when nothing matched. Few values, so a label. */
  readonly template: string | undefined;
  /** The method that answered, `/shop.v1.Orders/GetOrder`; undefined for handlers and refusals. */
  readonly rpc: string | undefined;
  /** Of the answer; 499 when the client left before it began. */
  readonly status: number;
  /** How the call ended. For handlers, which have no code, OK below 400 and UNKNOWN from there on. */
  readonly code: Code;
  /** From the head of the request to the end of the answer, in milliseconds. */
  readonly ms: number;
  /** What went out on the connection, head included; undefined where connections are shared, as in HTTP/2. */
  readonly bytes: number | undefined;
  /** The client's address. */
  readonly peer: string;
}

/** Told once of every request, when its answer is out or its connection is gone. What it throws is printed. */
export type OnRequest = (record: RequestRecord) => void;

/** What is learned of a request on its way. */
export interface Seen {
  template: string | undefined;
  rpc: string | undefined;
  code: Code | undefined;
  /** The call that was made of it, which knows the code when it has ended. */
  call: { readonly code: Code | undefined } | undefined;
}

/** Watches one request and tells of it when it is over. */
export function watch(
  req: IncomingMessage,
  res: ServerResponse,
  peer: string,
  clock: Clock,
  onRequest: OnRequest,
): Seen {
  const seen: Seen = { template: undefined, rpc: undefined, code: undefined, call: undefined };
  const started = clock.now();
  const { socket } = req;
  // Clients of HTTP/1.1 wait their turn, so what leaves meanwhile is this answer.
  const before = req.httpVersionMajor === 1 ? socket.bytesWritten : undefined;
  res.once("close", () => {
    const left = !res.writableFinished;
    const status = left && !res.headersSent ? 499 : res.statusCode;
    try {
      onRequest({
        method: req.method ?? "GET",
        template: seen.template,
        rpc: seen.rpc,
        status,
        code: seen.code ?? seen.call?.code ?? (left ? "CANCELLED" : status < 400 ? "OK" : "UNKNOWN"),
        ms: clock.now() - started,
        bytes: before === undefined ? undefined : socket.bytesWritten - before,
        peer,
      });
    } catch (error) {
      console.error("onRequest failed:", error);
    }
  });
  return seen;
}
