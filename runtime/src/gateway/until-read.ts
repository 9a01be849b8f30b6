import type { EventEmitter } from "node:events";
import type { Cancellation } from "../core/cancellation.ts";
import type { Clock } from "../core/clock.ts";
import { RpcError } from "../core/error.ts";
import type { Endpoint } from "./endpoint.ts";

/** The call whose client is waited for. */
export interface Unread {
  readonly endpoint: Endpoint;
  /** On the clock; Infinity when never. */
  readonly deadline: number;
  readonly clock: Clock;
  readonly cancellation: Cancellation;
}

/**
 * Waits until a client has read what was written to it, or is gone. No longer than its call may take, and than a service may
 * be silent: then the call is cancelled with DEADLINE_EXCEEDED. Fails with the reason of a call that ends before.
 */
export function untilRead(stream: EventEmitter, { endpoint, deadline, clock, cancellation }: Unread): Promise<void> {
  const { idleMs, method } = endpoint;
  const leftMs = Math.min(deadline - clock.now(), idleMs);
  const late = () =>
    cancellation.cancel(new RpcError("DEADLINE_EXCEEDED", `the client of ${method.path} did not read in time`));
  const room = drained(stream, cancellation);
  return leftMs === Number.POSITIVE_INFINITY ? room : room.finally(clock.schedule(leftMs, late));
}

function drained(stream: EventEmitter, cancellation: Cancellation): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = cancellation.onCancel((reason) => {
      stream.off("drain", done).off("close", done);
      reject(reason);
    });
    function done() {
      stream.off("drain", done).off("close", done);
      leave();
      resolve();
    }
    if (!cancellation.reason) stream.on("drain", done).on("close", done);
  });
}
