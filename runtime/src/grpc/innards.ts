/**
 * The private parts of grpc-js that this product reaches into, all of them, and why. Each is looked for before it is
 * used. In a grpc-js without them, messages are still measured, after they have been read instead of before, and what
 * the comments below say about grpc-js holds again.
 */
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { status as grpcStatus, type Server, type ServerInterceptingCallInterface } from "@grpc/grpc-js";

/** Cuts a stream into framed messages. */
interface Decoder {
  maxReadMessageLength: number;
  /** 0 between two messages. */
  readonly readState: number;
  write(data: Buffer): Buffer[];
}

const isDecoder = (value: unknown): value is Decoder => {
  const { maxReadMessageLength, readState, write } = (value ?? {}) as Partial<Decoder>;
  return typeof maxReadMessageLength === "number" && typeof readState === "number" && typeof write === "function";
};

/** Who is told of a stream that cannot be read on, and then ends it. */
export interface Reader {
  /** The call has ended, or its end is on its way. */
  readonly over: boolean;
  /** A message is larger than allowed: its length says so, before its bytes are there. */
  oversized(): void;
  /** The peer breaks the rules of the protocol. */
  malformed(text: string): void;
}

const nothing: Buffer[] = [];

/** Stands before grpc-js's decoder, whose own complaints would end the call without our knowing why. */
export class Guard {
  readonly #decoder: Decoder;
  readonly #reader: Reader;
  /** The peer has announced no encoding, so no message may be marked as compressed; grpc-js would take it as it is. */
  readonly #plain: boolean;
  #over = false;

  constructor(decoder: Decoder, reader: Reader, plain: boolean) {
    this.#decoder = decoder;
    this.#reader = reader;
    this.#plain = plain;
  }

  /** True while a message has begun and not ended. grpc-js does not look when a stream ends. */
  get incomplete(): boolean {
    return !this.#over && this.#decoder.readState !== 0;
  }

  write(data: Buffer): Buffer[] {
    if (this.#over) return nothing;
    let messages: Buffer[];
    try {
      messages = this.#decoder.write(data);
    } catch {
      this.#over = true;
      this.#reader.oversized();
      return nothing;
    }
    if (this.#plain && messages.some((framed) => framed[0] !== 0)) {
      this.#over = true;
      this.#reader.malformed("a message is marked as compressed, but no grpc-encoding says how");
      return nothing;
    }
    return messages;
  }
}

interface ServerInnards {
  decoder?: Decoder | Guard;
  maxReceiveMessageSize?: number;
  incomingEncoding?: string;
  sendStatus(status: { readonly code: number }): void;
}

const understood = ["identity", "deflate", "gzip"];

/**
 * Server: has requests of more than `max` bytes refused by their length, also while they are inflated. `max` may be more than the
 * server's own limit; without it that one holds. Returns undefined when grpc-js has no such parts.
 */
export function guardRequests(
  wire: ServerInterceptingCallInterface,
  max: number | undefined,
  reader: Reader,
): Guard | undefined {
  const innards = wire as unknown as ServerInnards;
  const { decoder, incomingEncoding } = innards;
  if (!isDecoder(decoder)) return undefined;
  if (max !== undefined) {
    decoder.maxReadMessageLength = max;
    innards.maxReceiveMessageSize = max;
  }
  const plain = incomingEncoding === "identity";
  const guard = new Guard(decoder, reader, plain);
  innards.decoder = guard;
  if (!plain) {
    // What grpc-js finds while it inflates a message it answers itself.
    const { sendStatus } = innards;
    innards.sendStatus = (status) => {
      if (status.code === grpcStatus.RESOURCE_EXHAUSTED && !reader.over) reader.oversized();
      else sendStatus.call(wire, status);
    };
  }
  return guard;
}

/** The encoding of a call's requests when nobody here can decode it. grpc-js finds out at the first compressed one only. */
export function unknownEncoding(wire: ServerInterceptingCallInterface): string | undefined {
  const { incomingEncoding } = wire as unknown as ServerInnards;
  return incomingEncoding === undefined || understood.includes(incomingEncoding) ? undefined : incomingEncoding;
}

/**
 * Server: refuses requests that are no gRPC with protobuf messages. grpc-js looks at the beginning of the content-type alone,
 * and would run a DELETE or read JSON as protobuf.
 */
export function refuseForeign(server: Server): void {
  const { http2Servers } = server as unknown as { http2Servers?: Map<NodeJS.EventEmitter, unknown> };
  if (!(http2Servers instanceof Map)) return;
  for (const http2 of http2Servers.keys()) http2.prependListener("stream", spoil);
}

/** grpc-js then answers as for a method that it does not have, and with 415. */
function spoil(_stream: unknown, headers: { [name: string]: string | undefined }): void {
  if (headers[":method"] !== "POST") headers[":path"] = `${headers[":path"]} by ${headers[":method"]}`;
  if (!/^application\/grpc(?:\+proto)?(?:;|$)/.test(headers["content-type"] ?? "")) headers["content-type"] = "";
}

/**
 * Server: takes the streams that are no gRPC away from grpc-js, so that one connection can carry both. Throws when grpc-js
 * has no such parts, as there is no other way to share a port.
 */
export function shareStreams(server: Server, foreign: (stream: ServerHttp2Stream, ...rest: StreamRest) => void): void {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> };
  const [http2] = http2Servers instanceof Map ? http2Servers.keys() : [];
  const listeners = (http2?.listeners("stream") ?? []) as ((stream: ServerHttp2Stream, ...rest: StreamRest) => void)[];
  if (!http2 || listeners.every((listener) => (listener as unknown) === spoil)) {
    throw new Error(
      "this version of @grpc/grpc-js does not let gRPC share its port with HTTP: install @grpc/grpc-js@1.14.7, or use grpc and http, each with a port of its own, in place of listen",
    );
  }
  http2.removeAllListeners("stream");
  http2.on("stream", (stream, ...rest: StreamRest) => {
    if (!isGrpc.test(rest[0]["content-type"] ?? "")) foreign(stream, ...rest);
    else for (const listener of listeners) listener.call(http2, stream, ...rest);
  });
}

/** What comes with a stream in Node.js's event. */
type StreamRest = [headers: IncomingHttpHeaders, flags: number, rawHeaders: string[]];

/** gRPC-Web is another protocol. Source: gRPC over HTTP/2, "Requests". */
const isGrpc = /^application\/grpc(?:[+;]|$)/i;

/** A stream of a client, the lowest of grpc-js's four objects for a call. */
interface ClientInnards {
  decoder: Decoder | Guard;
  finalStatus: { readonly code: number } | null;
  readsClosed: boolean;
  canPush: boolean;
  unpushedReadMessages: Buffer[];
  isReadFilterPending: boolean;
  isPushPending: boolean;
  http2Stream: NodeJS.ReadableStream;
  /** Ours: the status came from the peer, behind its last message. */
  trailed?: boolean;
  push(message: Buffer): void;
  startRead(): void;
  maybeOutputStatus(): void;
  handleTrailers(headers: unknown): void;
  cancelWithStatus(code: number, details: string): void;
}

interface WireInnards {
  child?: {
    underlyingCalls?: readonly { readonly call?: { readonly child?: ClientInnards } }[];
    committedCallIndex?: number | null;
  };
  filterStack?: { filters?: readonly { receiveCompression?: { maxRecvMessageLength?: number } }[] };
}

/**
 * Client, once response headers are there: has replies of more than `max` bytes refused by their length, also while they are
 * inflated. `streams`: keeps grpc-js from dropping the messages before a failure. Returns undefined when grpc-js has no
 * such parts.
 */
export function guardReplies(
  wire: object,
  max: number | undefined,
  streams: boolean,
  reader: Reader,
): Guard | undefined {
  const { child, filterStack } = wire as WireInnards;
  const calls = child?.underlyingCalls;
  const stream = (calls?.[child?.committedCallIndex ?? 0] ?? calls?.at(-1))?.call?.child;
  const decoder = stream?.decoder;
  if (!stream || !isDecoder(decoder)) return undefined;
  if (max !== undefined) {
    decoder.maxReadMessageLength = max;
    for (const { receiveCompression } of filterStack?.filters ?? [])
      if (receiveCompression?.maxRecvMessageLength !== undefined) receiveCompression.maxRecvMessageLength = max;
  }
  const guard = new Guard(decoder, reader, false);
  stream.decoder = guard;
  if (streams) keepMessages(stream);
  return guard;
}

/**
 * A failure that comes right behind messages must not overtake them: grpc-js reports it as soon as the trailers are
 * there and drops what its reader has not taken yet. With a success it waits; these make it wait with a failure too.
 */
function keepMessages(stream: ClientInnards): void {
  const parts = [
    stream.startRead,
    stream.maybeOutputStatus,
    stream.handleTrailers,
    stream.cancelWithStatus,
    stream.push,
  ];
  if (parts.some((part) => typeof part !== "function") || !Array.isArray(stream.unpushedReadMessages)) return;
  Object.assign(stream, waiting);
  // A connection that breaks ends a stream without an end.
  stream.http2Stream.once("close", () => {
    if (!holds(stream)) return;
    stream.readsClosed = true;
    stream.maybeOutputStatus();
  });
}

const holds = ({ finalStatus, trailed }: ClientInnards): boolean =>
  trailed === true && finalStatus !== null && finalStatus.code !== grpcStatus.OK;

const original = (stream: ClientInnards): ClientInnards => Object.getPrototypeOf(stream);

const waiting = {
  handleTrailers(this: ClientInnards, headers: unknown): void {
    this.trailed = true;
    original(this).handleTrailers.call(this, headers);
  },
  maybeOutputStatus(this: ClientInnards): void {
    const read = this.readsClosed && this.unpushedReadMessages.length === 0;
    if (holds(this) && (!read || this.isReadFilterPending || this.isPushPending)) return;
    original(this).maybeOutputStatus.call(this);
  },
  startRead(this: ClientInnards): void {
    if (!holds(this)) {
      original(this).startRead.call(this);
      return;
    }
    this.canPush = true;
    const message = this.unpushedReadMessages.shift();
    if (message) this.push(message);
    else if (this.readsClosed) this.maybeOutputStatus();
    else this.http2Stream.resume();
  },
  cancelWithStatus(this: ClientInnards, code: number, details: string): void {
    const held = holds(this);
    this.trailed = false;
    original(this).cancelWithStatus.call(this, code, details);
    if (held) this.maybeOutputStatus();
  },
};
