import type { Metadata } from "./metadata.ts";

/** The gRPC status codes; the position is the number on the wire. Source: gRPC "Status codes and their use". */
export const codes = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** A gRPC status code by its name, as proto files and logs write it. */
export type Code = (typeof codes)[number];

/** The number of a code on the wire, 0 to 16. */
export const codeNumber = (code: Code): number => codes.indexOf(code);

/** The code of a number on the wire; a number that gRPC does not define is UNKNOWN. */
export const codeName = (number: number): Code => codes[number] ?? "UNKNOWN";

/** One entry of `google.rpc.Status.details`: the message's full name and its encoded bytes. */
export interface ErrorDetail {
  readonly type: string;
  readonly value: Uint8Array;
}

/**
 * `peer`: the other process answered with this status. `transport`: the connection to it failed the call; the text then
 * may name its address, and is for this side only.
 */
export type ErrorOrigin = "peer" | "transport";

/** What an error can carry besides its code and message. */
export interface RpcErrorOptions {
  /** Typed details, sent to the caller. Default: none. */
  readonly details?: readonly ErrorDetail[];
  /** Trailers: received with the failure, or to be sent with it. Default: none. */
  readonly metadata?: Metadata | undefined;
  /** The policy of this process that refused the call. Default: the peer or the implementation failed it. */
  readonly refusedBy?: string | undefined;
  /** Who failed a call that was made to another process. Default: the failure arose in this one. */
  readonly origin?: ErrorOrigin | undefined;
  /**
   * True on a client when the response headers had arrived before the failure. That commits the call: no retry may
   * replace it. Default: they had not. Source: gRFC A6, "When Retries are Valid".
   */
  readonly committed?: true | undefined;
  /** What went wrong underneath. Stays in this process: it is never sent. */
  readonly cause?: unknown;
}

/**
 * A failed call: `code` says what happened, `refusedBy` who decided.
 *
 * When `refusedBy` is set, that policy refused the call inside this process: the peer never saw it,
 * so nothing is learned about the peer, and a retry would meet the same refusal. The one exception is a stream that
 * `limits` ends in the middle.
 *
 * An implementation throws it to answer with a status; the code, the text and the details reach the caller.
 * The `message` property is `[CODE] text`, the `text` property is what travels.
 */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: Code;
  readonly text: string;
  readonly details: readonly ErrorDetail[];
  readonly metadata: Metadata | undefined;
  readonly refusedBy: string | undefined;
  readonly origin: ErrorOrigin | undefined;
  readonly committed: true | undefined;

  /** Throws a TypeError when the code is not the name of a failure. */
  constructor(code: Code, text: string, options: RpcErrorOptions = {}) {
    if (code === "OK" || !codes.includes(code)) throw new TypeError(wrongCode(code));
    super(`[${code}] ${text}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.text = text;
    this.details = options.details ?? none;
    this.metadata = options.metadata;
    this.refusedBy = options.refusedBy;
    this.origin = options.origin;
    this.committed = options.committed;
  }
}

const none: readonly ErrorDetail[] = [];

function wrongCode(code: unknown): string {
  const name = typeof code === "number" ? codes[code] : undefined;
  return `${JSON.stringify(code)} is not a code that a call can fail with: use ${name && name !== "OK" ? `"${name}"` : 'a name such as "NOT_FOUND"'}`;
}

/** What callers may read when a connection to another service failed. `id` is where this side's log has the rest. */
export const unreachableText = (path: string, id: string): string =>
  `${path} cannot reach a service it needs, error ${id}`;

/** What callers may read when a call to another service got no answer in time. */
export const lateText = (path: string): string => `${path} got no answer in time from a service it needs`;
