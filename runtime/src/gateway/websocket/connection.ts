import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { WebSocket, WebSocketServer } from "ws";
import type { Call } from "../../core/call.ts";
import { Cancellation } from "../../core/cancellation.ts";
import type { Clock } from "../../core/clock.ts";
import { type Code, RpcError } from "../../core/error.ts";
import type { MethodSpec } from "../../core/spec.ts";
import { discard, isStream } from "../../core/stream.ts";
import { noBody } from "../binding/body.ts";
import type { Endpoint } from "../endpoint.ts";
import { badRequest, statusOf } from "../errors.ts";
import { openCall } from "../open-call.ts";
import { presentable } from "../presentable.ts";
import { type MetadataReader, timeoutOf } from "../request/headers.ts";
import type { HeaderWriter } from "../response/headers.ts";
import type { Matched } from "../routing/router.ts";
import { untilRead } from "../until-read.ts";
import type { Handshake } from "./handshake.ts";
import { answerPings, heartbeat } from "./heartbeat.ts";
import { Inbox } from "./inbox.ts";
import { brokenRules } from "./library.ts";
import { messageReader, noFirstMessage } from "./messages.ts";
import type { WebSocketSettings } from "./options.ts";
import { Outgoing } from "./outgoing.ts";
import { closeCodeOf, closeCodes, closeReason } from "./protocol.ts";
import { refuseHandshake } from "./refuse.ts";

/** What all WebSockets of a gateway have in common. */
export interface ConnectionSettings extends WebSocketSettings {
  readonly maxRequestBytes: number;
  readonly readMetadata: MetadataReader;
  readonly printHeaders: HeaderWriter;
  readonly onError: (error: unknown, id: string, method: MethodSpec) => void;
  readonly clock: Clock;
  /** The library's server for messages of at most so many bytes. */
  readonly serverOf: (maxPayload: number) => WebSocketServer;
}

/** How long a client may take to send the message that a call begins with, in milliseconds. */
const firstMessageMs = 60_000;

const wentAway = () => new RpcError("CANCELLED", "the client went away");
const nothing = Buffer.alloc(0);

/** One handshake that a route matched, and the WebSocket that comes of it, until its connection is closed. */
export class Connection {
  readonly endpoint: Endpoint;
  readonly #matched: Matched;
  readonly #req: IncomingMessage;
  readonly #socket: Socket;
  readonly #handshake: Handshake;
  readonly #settings: ConnectionSettings;
  readonly #cancellation = new Cancellation();
  readonly #inbox: Inbox;
  readonly #outgoing: Outgoing;
  #ws: WebSocket | undefined;
  #done: () => void = () => {};
  #deadline = Number.POSITIVE_INFINITY;
  #status = 499;
  #code: Code = "CANCELLED";
  /** The client has sent its last message. */
  #ended = false;
  /** The call has ended, and the client was told. */
  #over = false;
  /** In place of what the call's code would give. */
  #closeCode: number | undefined;

  constructor(
    matched: Matched,
    req: IncomingMessage,
    socket: Socket,
    handshake: Handshake,
    settings: ConnectionSettings,
  ) {
    this.endpoint = matched.endpoint;
    this.#matched = matched;
    this.#req = req;
    this.#socket = socket;
    this.#handshake = handshake;
    this.#settings = settings;
    this.#outgoing = new Outgoing(matched.endpoint, handshake.protocol);
    const read = messageReader(matched, req.headers);
    const decode: typeof read = (frame) => {
      try {
        return read(frame);
      } catch (error) {
        throw this.#cancelWith(error);
      }
    };
    this.#inbox = new Inbox(decode, () => this.#accept(), {
      pause: () => this.#ws?.pause(),
      resume: () => this.#ws?.resume(),
    });
    // Before anybody else hears of it: a reader that is told to stop must not take that for the client's end.
    this.#cancellation.onCancel((reason) => this.#inbox.fail(reason));
  }

  /** What the handshake was answered with; 499 when its client left before. */
  get status(): number {
    return this.#status;
  }

  /** How the call ended. */
  get code(): Code {
    return this.#code;
  }

  /** Ends the call from this side. The client gets the reason, and `closeCode` in place of the reason's. */
  cancel(reason: RpcError, closeCode?: number): void {
    if (!this.#cancellation.reason) this.#closeCode = closeCode;
    this.#cancellation.cancel(reason);
  }

  /** Answers the handshake, carries the call, and resolves when the call has ended and the connection is closed. */
  async run(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#done = resolve;
    });
    this.#watch();
    try {
      const reply = await this.endpoint.handler(await this.#call());
      this.#accept();
      if (isStream(reply)) await this.#stream(reply);
      else this.#outgoing.message(reply);
      this.#finish();
    } catch (error) {
      try {
        this.#fail(this.#cancellation.reason ?? error);
      } catch (failure) {
        // Not even the failure could be written.
        this.#settings.onError(failure, randomUUID(), this.endpoint.method);
        if (this.#ws) this.#close(closeCodes.bug, "");
        else this.#socket.destroy();
      }
    }
    await closed;
  }

  /** Until the handshake is answered, only its end is of interest. */
  #watch(): void {
    this.#socket.on("data", this.#early).on("end", this.#gone).on("close", this.#gone);
    // Afterwards the WebSocket says when it is over, which is later.
    if (this.#socket.destroyed) this.#done();
    else this.#socket.once("close", () => this.#ws ?? this.#done());
  }

  readonly #gone = () => this.cancel(wentAway());

  // Source: RFC 6455, 4.1: a client waits for the answer.
  readonly #early = () => this.cancel(badRequest("", "there was data before the handshake was answered"));

  async #call(): Promise<Call> {
    const { endpoint, segments, query } = this.#matched;
    const { clock, readMetadata } = this.#settings;
    this.#deadline = clock.now() + Math.min(endpoint.longestMs, timeoutOf(this.#req.headers));
    const metadata = readMetadata(this.#handshake.rawHeaders);
    let request: unknown = this.#inbox;
    if (!endpoint.takesStream) {
      request =
        endpoint.route.body === undefined
          ? endpoint.bind(segments, query, noBody, this.#req.headers)
          : await this.#firstMessage();
    }
    return openCall(endpoint, this.#req, {
      request,
      metadata,
      deadline: this.#deadline,
      cancellation: this.#cancellation,
      onHeaders: (headers) => {
        this.#outgoing.headers = headers;
      },
      onTrailers: (trailers) => {
        this.#outgoing.trailers = trailers;
      },
    });
  }

  /** The request of a call that takes one, and from the client's body: it can come only when the handshake is answered. */
  async #firstMessage(): Promise<unknown> {
    const { clock } = this.#settings;
    const leftMs = Math.min(firstMessageMs, this.endpoint.idleMs, this.#deadline - clock.now());
    const stop = clock.schedule(leftMs, () => this.cancel(noFirstMessage(this.endpoint.method.path)));
    try {
      const { done, value } = await this.#inbox.next();
      if (done) throw badRequest("", `${this.endpoint.method.path} takes a message, and the client ended without one`);
      return value;
    } finally {
      stop();
    }
  }

  /** Answers the handshake with 101, once: when the call wants a message of the client, or has been let in. */
  #accept(): void {
    if (this.#ws || this.#over || this.#cancellation.reason) return;
    const { headers } = this.#req;
    const { protocol, accepted } = this.#handshake;
    this.#socket.off("data", this.#early).off("end", this.#gone);
    // The library answers with what it finds here, and need not see a token.
    if (accepted === undefined) delete headers["sec-websocket-protocol"];
    else headers["sec-websocket-protocol"] = accepted;
    const most = (this.endpoint.maxRequestBytes ?? this.#settings.maxRequestBytes) + protocol.overhead;
    this.#settings.serverOf(most).handleUpgrade(this.#req, this.#socket, nothing, (ws) => this.#opened(ws));
    if (!this.#ws) this.#gone();
  }

  #opened(ws: WebSocket): void {
    this.#ws = ws;
    this.#outgoing.ws = ws;
    this.#status = 101;
    const { clock, pingMs, maxConnectionAgeMs } = this.#settings;
    // What the library refuses, such as a message that is too large, it answers itself.
    ws.on("error", (cause: Error) => this.#cancelWith(brokenRules(cause)));
    ws.on("message", (data, binary) => this.#received(data as Buffer, binary));
    this.#socket.off("close", this.#gone);
    answerPings(ws);
    const stopBeat = heartbeat(ws, this.#socket, pingMs, clock, () => {
      this.cancel(new RpcError("CANCELLED", "the client does not answer pings"));
      ws.terminate();
    });
    const stopAge =
      maxConnectionAgeMs === Number.POSITIVE_INFINITY
        ? undefined
        : clock.schedule(maxConnectionAgeMs, () =>
            this.cancel(new RpcError("UNAVAILABLE", "the connection is old: connect again"), closeCodes.goingAway),
          );
    ws.once("close", (code) => {
      stopBeat();
      stopAge?.();
      this.#closed(code);
      this.#done();
    });
  }

  /** The client is gone. A grpc-websocket-proxy client says by a close that it has sent everything. */
  #closed(code: number): void {
    const saidAll = this.#handshake.protocol.name === undefined && (code === 1000 || code === 1001);
    // Streamed replies have nobody to go to; a single one is not the only thing that a call is made for.
    if (saidAll && !this.endpoint.streams) this.#inbox.end();
    else this.#gone();
  }

  #received(data: Buffer, binary: boolean): void {
    if (this.#over || this.#cancellation.reason) return;
    const frame = this.#handshake.protocol.read(data, binary);
    const wants = this.endpoint.takesStream || this.endpoint.route.body !== undefined;
    if (frame.kind === "wrong") this.#wrong(frame.text);
    else if (frame.kind !== "end" && (this.#ended || !wants)) {
      this.#wrong(wants ? "there are frames after the last one" : "the call takes no messages");
    } else if (frame.kind === "end") {
      this.#ended = true;
      this.#inbox.end();
    } else {
      // A second message where one is the request would otherwise wait for ever.
      if (!this.endpoint.takesStream) this.#ended = true;
      this.#inbox.push(frame, data.length);
    }
  }

  #wrong(text: string): void {
    this.cancel(new RpcError("INVALID_ARGUMENT", text), closeCodes.wrong);
  }

  #cancelWith(error: unknown): unknown {
    const reason = presentable(error, this.endpoint.method, this.#settings.onError);
    this.cancel(reason);
    return reason;
  }

  async #stream(messages: AsyncIterable<unknown>): Promise<void> {
    if (!this.endpoint.streams) {
      discard(messages);
      throw new TypeError(`${this.endpoint.method.path} replied with a stream, and is ${this.endpoint.method.kind}`);
    }
    for await (const message of messages) {
      this.#outgoing.message(message);
      // Leaving the loop tells the source to stop.
      if (!this.#outgoing.open) break;
      if (this.#outgoing.full)
        await untilRead(this.#socket, {
          endpoint: this.endpoint,
          deadline: this.#deadline,
          clock: this.#settings.clock,
          cancellation: this.#cancellation,
        });
    }
  }

  #finish(): void {
    this.#outgoing.last();
    this.#code = "OK";
    this.#close(closeCodes.ok, "");
  }

  #fail(cause: unknown): void {
    const error = presentable(cause, this.endpoint.method, this.#settings.onError);
    this.#code = error.code;
    if (!this.#ws) {
      this.#over = true;
      if (!this.#socket.destroyed) this.#status = statusOf(error);
      const headers = this.#settings.printHeaders(this.#outgoing.headers);
      this.#socket.off("data", this.#early).off("end", this.#gone).off("close", this.#gone);
      refuseHandshake(this.#req, this.#socket, error, this.endpoint.details, headers);
      return;
    }
    this.#outgoing.last(error);
    this.#close(this.#closeCode ?? codeFor(cause, error.code), error.text);
  }

  #close(code: number, reason: string): void {
    this.#over = true;
    // A reader that left long ago may have left the connection paused, and then the client's answer is never read.
    this.#inbox.return();
    this.#ws?.close(code, closeReason(reason));
  }
}

/** A failure of the gateway's own is no answer of the call. */
const codeFor = (cause: unknown, code: Code): number =>
  cause instanceof RpcError ? closeCodeOf(code) : closeCodes.bug;
