import type { Cancellation } from "./cancellation.ts";
import type { Metadata } from "./metadata.ts";
import type { MethodSpec } from "./spec.ts";

/**
 * One call on its way through the layers, on the client and on the server alike.
 *
 * Never changed in place: a layer that wants something else passes on a copy, so attempts cannot disturb each other.
 */
export interface Call {
  readonly method: MethodSpec;
  /** The request message, or an AsyncIterable of them when the client streams. */
  readonly request: unknown;
  /** Server: the one request message as it arrived, where it arrived as bytes. A layer that changes `request` leaves it. */
  readonly requestBytes?: Uint8Array | undefined;
  /** Client: what will be sent. Server: what arrived. */
  readonly metadata: Metadata;
  /** When the caller stops waiting, on the clock's `now()`; Infinity when never. The transport enforces it. */
  readonly deadline: number;
  /** 1 for the first attempt. On the server: what the client says, by `grpc-previous-rpc-attempts`. */
  readonly attempt: number;
  /** Fires when nobody waits for the call any more. The transport obeys it. */
  readonly cancellation: Cancellation | undefined;
  /** Client: false when the caller asked for a single attempt. */
  readonly retry: boolean;
  /** Client: false when the caller asked for an answer of the peer itself. */
  readonly cache: boolean;
  /** Client: true when the call stands in for one of another method that failed. Nothing stands in for it in turn. */
  readonly substitute?: boolean | undefined;
  /** Client: called with the response headers when they arrive. */
  readonly onHeaders?: ((headers: Metadata) => void) | undefined;
  /** Client: called with the trailers when the call ends, also when it fails. */
  readonly onTrailers?: ((trailers: Metadata) => void) | undefined;
  /** Server: what the implementation answers besides messages. */
  readonly response?: ResponseMetadata | undefined;
  /** Who is at the other end of the connection. Set by server transports, and by a gateway for its in-process calls. */
  readonly peer?: Peer | undefined;
  /** Server: who calls, once the auth layer knows. */
  readonly principal?: Principal | undefined;
  /** Server: the deadline that the next hop may use, when it is not `deadline` itself. */
  readonly onwardDeadline?: number | undefined;
}

/** The other end of a connection. */
export interface Peer {
  /** IP address without the port, or `unix`, or `in-process`. */
  readonly address: string;
  /** The verified client certificate, when the connection is mutual TLS. */
  readonly certificate?: PeerCertificate | undefined;
}

/** The parts of an X.509 certificate that identify its owner. */
export interface PeerCertificate {
  /** URI subject alternative names, such as `spiffe://trust.domain/path`. */
  readonly uris: readonly string[];
  /** DNS subject alternative names. */
  readonly dns: readonly string[];
  /** SHA-256 of the certificate, hex with colons. */
  readonly fingerprint: string;
}

/** A caller whose credential was verified. */
export interface Principal {
  /** Who it is: the token's `sub`, the API key's owner, the certificate's SPIFFE id. */
  readonly subject: string;
  /** Name of the provider that verified it. */
  readonly provider: string;
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  /** Everything the credential says about the caller. */
  readonly claims: { readonly [name: string]: unknown };
}

/** What goes back with the reply of a call. Headers and trailers are made only when an implementation sets them. */
export class ResponseMetadata {
  headers: Metadata | undefined;
  trailers: Metadata | undefined;
  /** A reply that a layer has encoded, so that the transport need not do it again. Whoever changes the reply takes it away. */
  encoded: { readonly reply: unknown; readonly bytes: Uint8Array } | undefined;
}

/**
 * A call with each of its fields in its place, also those that are not set yet. Whoever starts a call makes it here:
 * layers copy it to change a field, and a copy that would also add one takes ten times as long.
 */
export const callOf = (start: Call): Call => ({
  method: start.method,
  request: start.request,
  requestBytes: start.requestBytes,
  metadata: start.metadata,
  deadline: start.deadline,
  attempt: start.attempt,
  cancellation: start.cancellation,
  retry: start.retry,
  cache: start.cache,
  substitute: start.substitute,
  onHeaders: start.onHeaders,
  onTrailers: start.onTrailers,
  response: start.response,
  peer: start.peer,
  principal: start.principal,
  onwardDeadline: start.onwardDeadline,
});

/** A copy with another deadline. */
export const withDeadline = (call: Call, deadline: number): Call => ({ ...call, deadline });
