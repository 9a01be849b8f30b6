import type { Call } from "./call.ts";

/**
 * Runs one call. The promise settles at gRPC's commit point (gRFC A6): with the reply message when the method
 * returns one, with an AsyncIterable of messages once the response has begun when it streams.
 *
 * Until it settles, the call may be sent again. It fails with an RpcError, and never throws synchronously.
 */
export type Handler = (call: Call) => Promise<unknown>;

/** Adds one behaviour to a handler. Runs once per method, when a client or server is built. */
export type Layer = (next: Handler) => Handler;

/** Nests layers around a handler; the first layer sees the call first. */
export const compose = (layers: readonly Layer[], handler: Handler): Handler =>
  layers.reduceRight((next, layer) => layer(next), handler);
