import { type Call, ResponseMetadata } from "./core/call.ts";
import { Cancellation } from "./core/cancellation.ts";
import { type Clock, systemClock } from "./core/clock.ts";
import { RpcError } from "./core/error.ts";
import type { Handler } from "./core/layer.ts";
import { Metadata } from "./core/metadata.ts";
import type { MethodSpec } from "./core/spec.ts";
import { discard, isStream, onEnd, onFirst, untilCancelled } from "./core/stream.ts";
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
  const left = call.deadline === Number.POSITIVE_INFINITY ? call.deadline : call.deadline - clock.now();
  if (left <= 0) return Promise.reject(expired(call));
  if (call.cancellation?.reason) return Promise.reject(call.cancellation.reason);

  const cancellation = new Cancellation();
  const response = new ResponseMetadata();
  const stopTimer =
    left === Number.POSITIVE_INFINITY ? undefined : clock.schedule(left, () => cancellation.cancel(expired(call)));
  const unfollow = call.cancellation?.onCancel((reason) => cancellation.cancel(reason));
  let over = false;
  const finish = (error?: unknown) => {
    if (over) return;
    over = true;
    stopTimer?.();
    unfollow?.();
    if (call.onTrailers) tell(call.onTrailers, trailersOf(response, error), call, cancellation);
  };
  const tellHeaders = () => tell(call.onHeaders, response.headers ?? new Metadata(), call, cancellation);

  return new Promise((resolve, reject) => {
    const end = (error: unknown) => {
      finish(error);
      reject(error);
    };
    cancellation.onCancel(end);
    const request = isStream(call.request) ? untilCancelled(call.request, cancellation) : call.request;
    const inner = {
      ...call,
      request,
      cancellation,
      response,
      peer: call.peer ?? here,
      onHeaders: undefined,
      onTrailers: undefined,
    };
    handler(inner).then(
      (reply) => {
        if (over) return isStream(reply) ? discard(reply) : undefined;
        const set = response.headers !== undefined && !(isStream(reply) && response.headers.empty);
        if (set) tellHeaders();
        if (isStream(reply)) {
          // A reader that leaves before the end wants no more work done for it.
          const stop = () => cancellation.cancel(new RpcError("CANCELLED", `the caller left ${call.method.path}`));
          const messages = untilCancelled(reply, cancellation, stop);
          // A generator runs, and sets headers, when it is asked for its first message.
          const first = () => over || tellHeaders();
          resolve(onEnd(set ? messages : onFirst(messages, first), finish));
        } else {
          finish();
          // A callback that threw has rejected before.
          resolve(reply);
        }
      },
      (error) => {
        // Headers that were set before the failure arrive with it, as they do over gRPC, and commit the call.
        const committed = response.headers && !response.headers.empty ? true : undefined;
        if (!over && committed) tellHeaders();
        end(error instanceof RpcError && error.committed !== committed ? withCommitted(error, committed) : error);
        // Whatever else still works for the call can stop.
        cancellation.cancel(error);
      },
    );
  });
}

/** Runs a caller's callback. One that throws ends the call, not the process. */
function tell(
  listener: ((metadata: Metadata) => void) | undefined,
  metadata: Metadata,
  { method }: Call,
  cancellation: Cancellation,
): void {
  try {
    listener?.(metadata);
  } catch (error) {
    const text = `a callback of the call of ${method.path} threw`;
    cancellation.cancel(new RpcError("CANCELLED", text, { cause: error }));
  }
}

/** The same error for this call: one that an implementation passes on speaks of another call's headers. */
function withCommitted(error: RpcError, committed: true | undefined): RpcError {
  const { code, text, details, metadata, refusedBy, origin } = error;
  return new RpcError(code, text, { details, metadata, refusedBy, origin, committed, cause: error });
}

/** What the implementation set, and what its error brings. */
function trailersOf({ trailers }: ResponseMetadata, error: unknown): Metadata {
  const brought = error instanceof RpcError ? error.metadata : undefined;
  if (!brought || !trailers) return brought ?? trailers ?? new Metadata();
  const all = trailers.clone();
  for (const [key, value] of brought) all.append(key, value);
  return all;
}

const expired = (call: Call) => new RpcError("DEADLINE_EXCEEDED", `${call.method.path} did not answer in time`);
