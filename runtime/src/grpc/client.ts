import { type Channel, Metadata as GrpcMetadata, status as grpcStatus } from "@grpc/grpc-js";
import type { Call } from "../core/call.ts";
import { systemClock } from "../core/clock.ts";
import { codeNumber, RpcError } from "../core/error.ts";
import type { Handler } from "../core/layer.ts";
import type { Metadata } from "../core/metadata.ts";
import type { MethodSpec } from "../core/spec.ts";
import { isStream } from "../core/stream.ts";
import { tooLarge } from "../core/wire-policy.ts";
import { errorOf, type GrpcStatus, received, sentByClient } from "./convert.ts";
import { wallDeadline } from "./deadline.ts";
import { Inbox } from "./inbox.ts";
import { type Guard, guardReplies, type Reader } from "./innards.ts";
import type { Lane } from "./lane.ts";
import { Outbox } from "./outbox.ts";
import { encode, type Link, type Plan, planOf, sourceFailed, unsendable, type Way } from "./plan.ts";
import { Turns } from "./turns.ts";

/** A call as grpc-js's channel makes it, below its Client class: fewer objects per call, and reading on demand. */
type Wire = ReturnType<Channel["createCall"]>;

/** The innermost client handler of a method: one attempt on the wire. */
export function clientHandler(link: Link, method: MethodSpec): Handler {
  const { kind } = method;
  const plan = planOf(link, method);
  const Reply = kind === "serverStream" || kind === "bidi" ? StreamAttempt : SingleAttempt;
  const streams = kind === "clientStream" || kind === "bidi";
  return (call) =>
    new Promise((resolve, reject) => {
      const refused = refusal(link, call);
      if (refused) return reject(refused);
      let metadata: GrpcMetadata;
      let message: Buffer | undefined;
      try {
        metadata = requestMetadata(call, plan);
        if (!streams) message = encode(plan, call.request);
        else if (!isStream(call.request)) throw new TypeError("it takes an AsyncIterable of messages");
      } catch (error) {
        return reject(error instanceof RpcError ? error : unsendable(method, error));
      }
      const way = message && message.length < plan.minBytes ? plan.plainWay : plan.way;
      new Reply(plan, call, way, resolve, reject).start(metadata, message);
    });
}

function refusal(link: Link, { cancellation, deadline, method }: Call): RpcError | undefined {
  if (cancellation?.reason) return cancellation.reason;
  if (deadline <= systemClock.now())
    return new RpcError("DEADLINE_EXCEEDED", `${method.path} had no time left when it was about to be sent`);
  return link.refusal;
}

/** grpc-js copies the metadata that a call starts with, so calls without any can share one. */
const noMetadata = new GrpcMetadata();
const noContext = {};
/** grpc-js's WriteFlags.NoCompress, which it does not export. */
const noCompress = 2;

function requestMetadata(call: Call, { place }: Plan): GrpcMetadata {
  const { metadata, attempt } = call;
  const preference = place?.(call);
  if (attempt === 1 && preference === undefined && metadata.empty) return noMetadata;
  const wire = sentByClient(metadata);
  wire.preference = preference;
  if (attempt > 1) wire.set("grpc-previous-rpc-attempts", String(attempt - 1));
  return wire;
}

/** grpc-js takes the next message of a call only after it has reported this one taken. */
const oneAtATime = { messages: 1, bytes: Number.POSITIVE_INFINITY };

/** One call on the wire. Its methods named `onReceive...` are what grpc-js calls. */
export abstract class Attempt implements Reader {
  protected readonly plan: Plan;
  protected readonly method: MethodSpec;
  protected readonly call: Call;
  protected readonly resolve: (reply: unknown) => void;
  protected readonly reject: (error: RpcError) => void;
  protected readonly wire: Wire;
  /** Why this side ended the call, when it did. */
  protected reason: RpcError | undefined;
  #over = false;
  /** True once response headers have arrived. An answer that is only a status has none. */
  #answered: true | undefined;
  #unfollow: (() => void) | undefined;
  #outbox: Outbox | undefined;
  readonly #lane: Lane;
  #guard: Guard | undefined;

  constructor(plan: Plan, call: Call, way: Way, resolve: (reply: unknown) => void, reject: (error: RpcError) => void) {
    this.plan = plan;
    this.method = plan.method;
    this.call = call;
    this.resolve = resolve;
    this.reject = reject;
    this.#lane = plan.link.lane(way);
    this.wire = this.#lane.channel.createCall(
      plan.method.path,
      wallDeadline(call.deadline),
      undefined,
      null,
      undefined,
    );
  }

  /** True when it is answered by a stream. */
  protected abstract readonly streamed: boolean;
  protected abstract onReply(bytes: Buffer): void;
  protected abstract settle(status: GrpcStatus, error: RpcError | undefined): void;

  /** Sends the message, or what the request yields when there is none. */
  start(metadata: GrpcMetadata, message: Buffer | undefined): void {
    const { call, wire } = this;
    this.plan.link.started();
    this.#lane.started(this);
    wire.start(metadata, this);
    if (message) {
      wire.sendMessageWithContext(noContext, message);
      wire.halfClose();
    } else this.#send(call.request as AsyncIterable<unknown>);
    wire.startRead();
    this.#unfollow = call.cancellation?.onCancel((reason) => this.cancel(reason));
  }

  /** Ends the call from this side. */
  cancel(reason: RpcError): void {
    if (this.#over || this.reason) return;
    this.reason = reason;
    this.wire.cancelWithStatus(codeNumber(reason.code), reason.text);
  }

  onReceiveMetadata(headers: GrpcMetadata): void {
    this.#answered = true;
    const { responseBytes } = this.plan.limits;
    if (this.streamed || responseBytes !== undefined)
      this.#guard = guardReplies(this.wire, responseBytes, this.streamed, this);
    if (this.call.onHeaders) this.tell(this.call.onHeaders, headers);
  }

  onReceiveMessage(bytes: Buffer): void {
    const { responseBytes } = this.plan.limits;
    if (responseBytes !== undefined && bytes.length > responseBytes) this.oversized();
    else this.onReply(bytes);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Ends the call for a reply that is larger than allowed. */
  oversized(): void {
    const { responseBytes } = this.plan.limits;
    const text = `a reply of ${this.method.path} is larger than maxReceiveBytes of connect() allows`;
    this.cancel(
      responseBytes === undefined
        ? new RpcError("RESOURCE_EXHAUSTED", text, { committed: this.#answered })
        : tooLarge(this.method, "reply", responseBytes, this.#answered),
    );
  }

  malformed(text: string): void {
    this.cancel(new RpcError("INTERNAL", `the reply of ${this.method.path}: ${text}`, { committed: this.#answered }));
  }

  onReceiveStatus(status: GrpcStatus): void {
    if (this.#over) return;
    this.#over = true;
    this.plan.link.ended();
    this.#lane.ended(this);
    this.#unfollow?.();
    this.#outbox?.stop();
    if (this.call.onTrailers) this.tell(this.call.onTrailers, status.metadata);
    if (status.code === grpcStatus.OK && this.#guard?.incomplete) {
      const text = `the reply of ${this.method.path} ends in the middle of a message`;
      this.reason ??= new RpcError("INTERNAL", text, { committed: this.#answered });
    }
    this.settle(status, this.reason ?? (status.code === grpcStatus.OK ? undefined : this.#error(status)));
  }

  /** Decodes a reply; what is none ends the call. */
  protected decode(bytes: Buffer): unknown {
    try {
      return this.method.reply.decode(bytes);
    } catch (error) {
      const { path, reply } = this.method;
      const text = `the reply of ${path} is not a ${reply.typeName}`;
      this.cancel(new RpcError("INTERNAL", text, { cause: error, committed: this.#answered }));
      return undefined;
    }
  }

  /** Runs a caller's callback. One that throws ends the call, not the process. */
  protected tell(listener: (metadata: Metadata) => void, metadata: GrpcMetadata): void {
    try {
      listener(received(metadata));
    } catch (error) {
      const reason = new RpcError("CANCELLED", `a callback of the call of ${this.method.path} threw`, { cause: error });
      if (this.#over) this.reason ??= reason;
      else this.cancel(reason);
    }
  }

  #send(messages: AsyncIterable<unknown>): void {
    const { method, plan, wire } = this;
    const turns = new Turns();
    this.#outbox = new Outbox(messages, oneAtATime, {
      write: (message, written) => {
        const bytes = encode(plan, message);
        const flags = bytes.length < plan.minBytes ? noCompress : 0;
        turns.run(() => {
          if (!this.#over) wire.sendMessageWithContext({ callback: written, flags }, bytes);
        });
        return bytes.length;
      },
      finished: (error) => {
        if (error === undefined) wire.halfClose();
        else this.cancel(error instanceof RpcError ? error : sourceFailed(method, error));
      },
    });
    this.#outbox.advance();
  }

  /** Within a millisecond, which is what the wall clock counts in. */
  #isLate(): boolean {
    return this.call.deadline <= systemClock.now() + 1;
  }

  #error(status: GrpcStatus): RpcError {
    // What grpc-js throws for a message marked as compressed in no way that it knows has neither code nor text.
    if (status.code === undefined) {
      const text = `the reply of ${this.method.path} has a message that cannot be decompressed`;
      return new RpcError("INTERNAL", text, { committed: this.#answered });
    }
    // The server's timer may go off first, and a server that gives up resets. Source: grpc-go, "handleRSTStream".
    if (status.code === grpcStatus.CANCELLED && status.details === "Call cancelled" && this.#isLate())
      return this.#error({ ...status, code: grpcStatus.DEADLINE_EXCEEDED, details: "Deadline exceeded" });
    const { responseBytes } = this.plan.limits;
    // Found while it was inflated.
    if (responseBytes !== undefined && /^Received message .* larger than/.test(status.details))
      return tooLarge(this.method, "reply", responseBytes, this.#answered);
    // An answer of the peer has headers of its own, if only the content-type; a status that grpc-js made up has none.
    if (this.#answered || Object.keys(status.metadata.toJSON()).length > 0)
      return errorOf(status, { origin: "peer", committed: this.#answered });
    const what =
      status.code === grpcStatus.DEADLINE_EXCEEDED ? `${this.method.path} did not answer in time` : this.plan.link.name;
    return errorOf(status, { origin: "transport", text: `${what}: ${tidy(status.details)}` });
  }
}

/** grpc-js's text about a failed connection, without line breaks and the label of a note that is not there. */
const tidy = (details: string): string =>
  details
    .replace(/ Resolution note: $/, "")
    .replace(/\s+/g, " ")
    .trim();

/** A call that is answered by one message. */
class SingleAttempt extends Attempt {
  protected readonly streamed = false;
  #reply: unknown;
  #replies = 0;

  protected onReply(bytes: Buffer): void {
    this.#replies += 1;
    if (this.#replies === 1) {
      this.#reply = this.decode(bytes);
      this.wire.startRead(); // A second message would be an error, and without reading on nobody would ever know.
    } else this.cancel(new RpcError("UNIMPLEMENTED", `${this.method.path} answered with more than one message`));
  }

  protected settle(_status: GrpcStatus, error: RpcError | undefined): void {
    if (error) this.reject(error);
    else if (this.#replies === 1) this.resolve(this.#reply);
    else this.reject(new RpcError("UNIMPLEMENTED", `${this.method.path} answered with no message`));
  }
}

/** A call that is answered by a stream. It settles when the response begins, or ends without one. */
class StreamAttempt extends Attempt {
  protected readonly streamed = true;
  readonly #inbox = new Inbox({
    pull: () => this.wire.startRead(),
    left: () => this.cancel(new RpcError("CANCELLED", `the reader left ${this.method.path}`)),
  });

  override onReceiveMetadata(headers: GrpcMetadata): void {
    super.onReceiveMetadata(headers);
    this.resolve(this.#inbox);
  }

  protected onReply(bytes: Buffer): void {
    const message = this.decode(bytes);
    if (!this.reason) this.#inbox.push(message);
  }

  protected settle(_status: GrpcStatus, error: RpcError | undefined): void {
    if (error === undefined) {
      this.#inbox.end();
      this.resolve(this.#inbox);
    } else {
      // Only the first of these two has an effect.
      if (this.reason) this.#inbox.fail(error);
      else this.#inbox.end(error);
      this.reject(error);
    }
  }
}
