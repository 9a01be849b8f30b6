import { connect, type Socket } from "node:net";
import type { Done } from "../slice.ts";
import type { HttpRequest } from "./requests.ts";

/** A response as far as the bench needs it. */
export interface HttpResponse {
  readonly status: number;
  readonly body: Buffer;
}

/** A request as it goes over the wire. */
export function wireOf({ method, path, body }: HttpRequest): Buffer {
  const json = body && Buffer.from(JSON.stringify(body));
  const head = [
    `${method} ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    "accept: application/json",
    ...(json ? ["content-type: application/json", `content-length: ${json.length}`] : []),
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), json ?? Buffer.alloc(0)]);
}

const statusAt = "HTTP/1.1 ".length;
const endOfHead = Buffer.from("\r\n\r\n");
const length = /\r\ncontent-length: *(\d+)/i;
const chunked = /\r\ntransfer-encoding: *chunked/i;
const endOfChunks = Buffer.from("0\r\n\r\n");

/**
 * One kept-alive HTTP connection, one request at a time. Far cheaper than node:http's client, so that the server and
 * not the load generator decides the rate. It knows as much HTTP as the compared servers use in their answers.
 */
export class Connection {
  readonly #port: number;
  #socket: Socket;
  #received: Buffer | undefined;
  #done: Done | undefined;

  constructor(port: number) {
    this.#port = port;
    this.#socket = this.#open();
  }

  /** Sends one request; `done` gets the HttpResponse. */
  send(wire: Buffer, done: Done): void {
    // While other servers have their turn, this one may close what looks idle to it.
    if (this.#socket.destroyed) this.#socket = this.#open();
    this.#done = done;
    this.#socket.write(wire);
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.#end(error));
    socket.on("close", () => this.#end(new Error("the server closed the connection")));
    return socket;
  }

  #take(chunk: Buffer): void {
    const received = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    this.#received = received;
    const headEnd = received.indexOf(endOfHead);
    if (headEnd < 0) return;
    const head = received.toString("latin1", 0, headEnd);
    const bodyStart = headEnd + endOfHead.length;
    const size = length.exec(head)?.[1];
    const status = Number(head.slice(statusAt, statusAt + 3));
    if (size === undefined && chunked.test(head)) {
      if (!received.subarray(-endOfChunks.length).equals(endOfChunks)) return;
      this.#received = undefined;
      this.#end(undefined, { status, body: joined(received.subarray(bodyStart)) });
    } else if (size === undefined) this.#end(new Error(`a response without content-length: ${head}`));
    else if (received.length >= bodyStart + Number(size)) {
      this.#received = undefined;
      this.#end(undefined, { status, body: received.subarray(bodyStart) });
    }
  }

  #end(error: unknown, reply?: HttpResponse): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error, reply);
  }
}

/** The body of a chunked answer that is complete. */
function joined(chunks: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = chunks.indexOf("\r\n", at);
    const size = Number.parseInt(chunks.toString("latin1", at, lineEnd), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(chunks.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
