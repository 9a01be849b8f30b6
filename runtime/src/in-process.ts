import type { Call } from "./core/call.ts";
import { ResponseMetadata } from "./core/call.ts";
import { Cancellation } from "./core/cancellation.ts";
import { type Clock, systemClock } from "./core/clock.ts";
import { RpcError } from "./core/error.ts";
import type { Handler } from "./core/layer.ts";
import { Metadata } from "./core/metadata.ts";
import type { MethodSpec } from "./core/spec.ts";
import { isStream, onEnd } from "./core/stream.ts";
import type { Target } from "./core/target.ts";
import { type Implementation, type ServedMethod, type ServerOptions, serverHandlers } from "./server.ts";

const here = { address: "in-process" };

/**
 * Implementations in this process as a target: calls pass the server's policy, but no socket and no codec.
 * Messages are handed over as they are, not copied: both sides must leave them unchanged.
 */
export function inProcess(
  implementations: Implementation | readonly Implementation[],
  options: ServerOptions = {},
): Target {
  const list = "spec" in implementations ? [implementations] : implementations;
  return localTarget(serverHandlers(list, options), options.clock);
}

/** The target of methods that are already built. */
export function localTarget(served: ReadonlyMap<string, ServedMethod>, clock: Clock = systemClock): Target {
  let closed = false;
  return {
    name: "in-process",
    local: true,
    handler(method: MethodSpec): Handler {
      const handler = served.get(method.path)?.handler;
      if (!handler)
        throw new Error(`${method.path} has no implementation in this process: pass implement(...) of its service`);
      return (call) => {
        if (closed)
          return Promise.reject(new RpcError("UNAVAILABLE", `${method.path}: the in-process target is closed`));
        return deliver(handler, call, clock);
      };
    },
    async close() {
      closed = true;
    },
  };
}

/** Hands a client's call to a server's handler and bounds it by its deadline and cancellation. */
function deliver(handler: Handler, call: Call, clock: Clock): Promise<unknown> {
  const left = call.deadline - clock.now();
  if (left <= 0) return Promise.reject(expired(call));
  if (call.cancellation?.reason) return Promise.reject(call.cancellation.reason);

  const cancellation = new Cancellation();
  const response = new ResponseMetadata();
  const stopTimer =
    left === Number.POSITIVE_INFINITY ? undefined : clock.schedule(left, () => cancellation.cancel(expired(call)));
  const unfollow = call.cancellation?.onCancel((reason) => cancellation.cancel(reason));
  const finish = (error?: unknown) => {
    stopTimer?.();
    unfollow?.();
    if (error instanceof RpcError && error.metadata) call.onTrailers?.(error.metadata);
    else call.onTrailers?.(response.trailers ?? new Metadata());
    // Whoever still works for the call learns that it is over; a reader that left early cancels it this way.
    cancellation.cancel(error instanceof RpcError ? error : new RpcError("CANCELLED", `${call.method.path} has ended`));
  };

  const cut = new Promise<never>((_, reject) => {
    cancellation.onCancel(reject);
  });
  cut.catch(() => {});
  const served = handler({
    ...call,
    cancellation,
    response,
    peer: call.peer ?? here,
    onHeaders: undefined,
    onTrailers: undefined,
  });
  return Promise.race([served, cut]).then(
    (reply) => {
      if (!isStream(reply)) {
        if (response.headers) call.onHeaders?.(response.headers);
        finish();
        return reply;
      }
      call.onHeaders?.(response.headers ?? new Metadata());
      return onEnd(cutBy(reply, cut), finish);
    },
    (error) => {
      finish(error);
      throw error;
    },
  );
}

const expired = (call: Call) => new RpcError("DEADLINE_EXCEEDED", `${call.method.path} did not answer in time`);

/** A stream that fails as soon as `cut` does, even while its source is silent. */
function cutBy<T>(stream: AsyncIterable<T>, cut: Promise<never>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      return {
        next: () => Promise.race([source.next(), cut]),
        return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
      };
    },
  };
}
