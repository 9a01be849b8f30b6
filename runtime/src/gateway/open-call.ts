import type { IncomingMessage } from "node:http";
import { type Call, callOf } from "../core/call.ts";
import type { Cancellation } from "../core/cancellation.ts";
import type { Metadata } from "../core/metadata.ts";
import type { Endpoint } from "./endpoint.ts";
import { originOf } from "./forwarded.ts";
import { peerOf } from "./peer.ts";

/** What a call is made of, besides its endpoint and the HTTP request. */
export interface CallParts {
  /** The request message, or an AsyncIterable of them when the client streams. */
  readonly request: unknown;
  readonly metadata: Metadata;
  /** On the gateway's clock; Infinity when never. */
  readonly deadline: number;
  readonly cancellation: Cancellation;
  readonly onHeaders: (headers: Metadata) => void;
  readonly onTrailers: (trailers: Metadata) => void;
}

/** A call that came in by HTTP, the same by a request and by a WebSocket. */
export function openCall({ method, target }: Endpoint, req: IncomingMessage, parts: CallParts): Call {
  const origin = originOf(req);
  if (!target.local) origin?.tell(parts.metadata, req);
  return callOf({
    method,
    request: parts.request,
    metadata: parts.metadata,
    deadline: parts.deadline,
    attempt: 1,
    cancellation: parts.cancellation,
    retry: true,
    cache: true,
    onHeaders: parts.onHeaders,
    onTrailers: parts.onTrailers,
    peer: target.local ? (origin?.peer ?? peerOf(req.socket)) : undefined,
  });
}
