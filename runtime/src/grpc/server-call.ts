import {
  type Metadata as GrpcMetadata,
  status as grpcStatus,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { type Call, callOf, ResponseMetadata } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import { systemClock } from "../core/clock.ts";
import { codeNumber, RpcError } from "../core/error.ts";
import type { MethodKind, MethodSpec } from "../core/spec.ts";
import { isStream } from "../core/stream.ts";
import { tooLarge, wirePolicy } from "../core/wire-policy.ts";
import type { ServedMethod } from "../server.ts";
import { addResponse, asBuffer, received, sentText, trailersOf, WireMetadata } from "./convert.ts";
import { monotonic } from "./deadline.ts";
import { Inbox } from "./inbox.ts";
import { type Guard, guardRequests, type Reader, unknownEncoding } from "./innards.ts";
import { Outbox } from "./outbox.ts";
import { WirePeer } from "./peer.ts";

/** The server that calls arrive at. */
export interface Host {
  /** What stands for the address of a peer that has none. */
  readonly noAddress: string;
  /** May end the call at once. */
  started(call: ServerCall): void;
  ended(call: ServerCall): void;
  /** Reports what callers must not see, and makes what they see instead. */
  hide(error: unknown, served: ServedMethod): RpcError;
}

/** Several messages go into one write to the socket; a slow reader still stops the sender after these. */
const window = { messages: 16, bytes: 64 * 1024 };

/**
 * A caller that gives up at its deadline says so at about the time when the deadline passes here. Within this span
 * the two are the same event.
 */
const deadlineToleranceMs = 5;

const streamsRequest = (kind: MethodKind) => kind === "clientStream" || kind === "bidi";
const nothing = () => {};

/** One call on the wire, from headers to status. Its methods named `on...` are what grpc-js calls. */
export class ServerCall implements Reader {
  readonly served: ServedMethod;
  /** As it is when the call starts: its policy may change while the call runs. */
  readonly #method: MethodSpec;
  readonly #requestBytes: number | undefined;
  readonly #responseBytes: number | undefined;
  #guard: Guard | undefined;
  readonly #host: Host;
  readonly #wire: ServerInterceptingCallInterface;
  readonly #cancellation = new Cancellation();
  readonly #response = new ResponseMetadata();
  #headers: GrpcMetadata | undefined;
  #deadline = Number.POSITIVE_INFINITY;
  #request: unknown;
  #bytes: Uint8Array | undefined;
  #inbox: Inbox | undefined;
  #outbox: Outbox | undefined;
  #headersSent = false;
  #over = false;

  constructor(served: ServedMethod, wire: ServerInterceptingCallInterface, host: Host) {
    this.served = served;
    this.#method = served.method;
    const { limits } = wirePolicy(this.#method);
    this.#requestBytes = limits?.requestBytes;
    this.#responseBytes = limits?.responseBytes;
    this.#wire = wire;
    this.#host = host;
  }

  start(): void {
    this.#guard = guardRequests(this.#wire, this.#requestBytes, this);
    this.#wire.start(this);
  }

  /** The first event. There is none at all when the caller is gone before the call has started. */
  onReceiveMetadata(headers: GrpcMetadata): void {
    this.#headers = headers;
    this.#host.started(this);
    if (this.#over) return;
    this.#deadline = monotonic(this.#wire.getDeadline());
    const encoding = unknownEncoding(this.#wire);
    if (encoding !== undefined) {
      const text = `nobody here decodes the grpc-encoding ${JSON.stringify(encoding)}: use gzip, deflate or identity`;
      this.end(new RpcError("UNIMPLEMENTED", text));
      return;
    }
    if (streamsRequest(this.#method.kind)) {
      this.#inbox = new Inbox({ pull: () => this.#wire.startRead(), left: nothing });
      this.#run(this.#inbox);
    }
    this.#wire.startRead();
  }

  onReceiveMessage(bytes: Buffer): void {
    if (this.#over) return;
    const method = this.#method;
    if (this.#requestBytes !== undefined && bytes.length > this.#requestBytes) {
      this.oversized();
      return;
    }
    let message: unknown;
    try {
      message = method.request.decode(bytes);
    } catch (error) {
      const text = `the request of ${method.path} is not a ${method.request.typeName}`;
      this.end(new RpcError("INTERNAL", text, { cause: error }));
      return;
    }
    if (this.#inbox) this.#inbox.push(message);
    else if (this.#request !== undefined)
      this.end(new RpcError("UNIMPLEMENTED", `${method.path} takes one message and got more`));
    else {
      this.#request = message;
      this.#bytes = bytes;
      this.#wire.startRead();
    }
  }

  get over(): boolean {
    return this.#over;
  }

  /** Ends the call for a request that is larger than allowed. */
  oversized(): void {
    if (this.#over) return;
    const text = `a request of ${this.#method.path} is larger than this server takes`;
    this.end(
      this.#requestBytes === undefined
        ? new RpcError("RESOURCE_EXHAUSTED", text)
        : tooLarge(this.#method, "request", this.#requestBytes),
    );
  }

  malformed(text: string): void {
    this.end(new RpcError("INTERNAL", `the request of ${this.#method.path}: ${text}`));
  }

  onReceiveHalfClose(): void {
    if (this.#over) return;
    if (this.#guard?.incomplete) this.#endOfRequests(() => this.malformed("it ends in the middle of a message"));
    else if (this.#inbox) this.#endOfRequests(() => this.#inbox?.end());
    else if (this.#request !== undefined) this.#run(this.#request);
    else this.end(new RpcError("UNIMPLEMENTED", `${this.#method.path} takes one message and got none`));
  }

  /**
   * A caller that resets its stream looks to node:http2 like one that has said everything. Reading on makes grpc-js
   * look again: when the stream is closed it reports that, in the next tick and before the end that we report.
   * Clients on node:http2 cannot be told apart: they really send an end before the reset.
   */
  #endOfRequests(then: () => void): void {
    this.#wire.startRead();
    process.nextTick(then);
  }

  /** The last event of every call: its stream is closed, whoever closed it. */
  onCancel(): void {
    this.#host.ended(this);
    if (this.#over) return;
    const { path } = this.#method;
    const expired = this.#deadline - systemClock.now() < deadlineToleranceMs;
    this.#stop(
      expired
        ? new RpcError("DEADLINE_EXCEEDED", `the deadline of the call of ${path} has passed`)
        : new RpcError("CANCELLED", `the caller of ${path} is gone`),
    );
  }

  /** Answers with an error and stops whoever still works for the call. */
  end(error: RpcError): void {
    if (this.#over) return;
    this.#stop(error);
    let trailers: GrpcMetadata | null;
    try {
      this.#sendHeaders();
      trailers = trailersOf(error, this.#response.trailers);
    } catch (cause) {
      this.#sendError(this.#host.hide(cause, this.served), null);
      return;
    }
    this.#sendError(error, trailers);
  }

  #stop(reason: RpcError): void {
    this.#over = true;
    this.#outbox?.stop();
    this.#inbox?.fail(reason);
    this.#cancellation.cancel(reason);
  }

  #run(request: unknown): void {
    if (this.#deadline <= systemClock.now()) {
      const text = `the call of ${this.#method.path} arrived after its deadline`;
      this.end(new RpcError("DEADLINE_EXCEEDED", text));
      return;
    }
    try {
      this.served.handler(this.#call(request)).then(this.#reply, this.#fail);
    } catch (error) {
      this.#fail(error);
    }
  }

  #call(request: unknown): Call {
    const headers = this.#headers as GrpcMetadata;
    return callOf({
      method: this.#method,
      request,
      requestBytes: this.#bytes,
      metadata: received(headers),
      deadline: this.#deadline,
      attempt: attemptOf(headers),
      cancellation: this.#cancellation,
      retry: true,
      cache: true,
      response: this.#response,
      peer: new WirePeer(this.#wire, this.#host.noAddress),
    });
  }

  readonly #fail = (error: unknown): void => {
    if (this.#over) return;
    this.end(error instanceof RpcError ? error : this.#host.hide(error, this.served));
  };

  readonly #reply = (reply: unknown): void => {
    if (isStream(reply)) this.#stream(reply);
    else if (!this.#over) {
      try {
        const { encoded } = this.#response;
        this.#send(encoded && encoded.reply === reply ? encoded.bytes : this.#method.reply.encode(reply), nothing);
        this.#succeed();
      } catch (error) {
        this.#fail(error);
      }
    }
  };

  #stream(reply: AsyncIterable<unknown>): void {
    try {
      this.#outbox = new Outbox(reply, window, {
        write: (message, written) => this.#send(this.#method.reply.encode(message), written),
        finished: (error) => {
          if (error !== undefined) this.#fail(error);
          else if (!this.#over) this.#succeed();
        },
      });
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#over) this.#outbox.stop();
    else this.#outbox.advance();
  }

  #send(message: Uint8Array, written: () => void): number {
    const bytes = asBuffer(message);
    if (this.#responseBytes !== undefined && bytes.length > this.#responseBytes)
      throw tooLarge(this.#method, "reply", this.#responseBytes);
    this.#sendHeaders();
    this.#wire.sendMessage(bytes, written);
    return bytes.length;
  }

  /** Only what the implementation has set: without it, a call that fails at once is a single frame, which may be retried. */
  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    const { headers } = this.#response;
    if (headers && !headers.empty) this.#wire.sendMetadata(addResponse(new WireMetadata(), headers));
  }

  #succeed(): void {
    const { trailers } = this.#response;
    let metadata: GrpcMetadata | null;
    try {
      this.#sendHeaders();
      metadata = trailers ? addResponse(new WireMetadata(), trailers) : null;
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#over = true;
    this.#inbox?.fail(new RpcError("CANCELLED", `${this.#method.path} has answered`));
    this.#wire.sendStatus({ code: grpcStatus.OK, details: "", metadata });
  }

  #sendError({ code, text }: RpcError, metadata: GrpcMetadata | null): void {
    this.#wire.sendStatus({
      code: codeNumber(code),
      details: sentText(text),
      metadata,
    });
  }
}

function attemptOf(headers: GrpcMetadata): number {
  const [previous] = headers.get("grpc-previous-rpc-attempts");
  return typeof previous === "string" && /^\d{1,9}$/.test(previous) ? Number(previous) + 1 : 1;
}
