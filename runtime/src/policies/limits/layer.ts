import { Cancellation } from "../../core/cancellation.ts";
import { decided } from "../../core/decision.ts";
import type { RpcError } from "../../core/error.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { refusal } from "../../core/refusal.ts";
import { isStream } from "../../core/stream.ts";
import { supervise } from "../../core/supervise.ts";
import type { LimitsConfig } from "./config.ts";

/** Client: counts what the caller sends and what it gets. */
export const limitCalling = (config: LimitsConfig, site: Site): Layer | undefined => limitMessages(config, site, false);

/** Server: counts what arrives and what the implementation answers. */
export const limitServing = (config: LimitsConfig, site: Site): Layer | undefined => limitMessages(config, site, true);

/**
 * Ends a call in which one direction has more messages than it may. Each message passes before the next is asked for:
 * nothing is buffered, and nothing is read that the other end did not ask for.
 */
function limitMessages({ messages: max }: LimitsConfig, { method }: Site, ofServer: boolean): Layer | undefined {
  if (max === undefined || method.kind === "unary") return undefined;
  const { path } = method;
  const refuse = (direction: "requests" | "replies") => () => {
    decided("limits", "refused", path, { limit: "messages", direction, max });
    return refused[direction];
  };
  const refused = { requests: tooMany(path, "requests", max), replies: tooMany(path, "replies", max) };

  return (next) => (call) => {
    // A server's call is this layer's to end; on a client it is one call among those that a caller may cancel at once.
    const shared = ofServer ? call.cancellation : undefined;
    const cancellation = shared ?? new Cancellation();
    const unfollow = shared ? undefined : call.cancellation?.onCancel((reason) => cancellation.cancel(reason));
    const request = isStream(call.request) ? atMost(max, call.request, cancellation, refuse("requests")) : call.request;
    return supervise(
      (inner) =>
        next(inner).then((reply) => (isStream(reply) ? atMost(max, reply, cancellation, refuse("replies")) : reply)),
      { ...call, request, cancellation },
      cancellation,
      () => unfollow?.(),
    );
  };
}

const tooMany = (path: string, what: string, max: number): RpcError =>
  refusal("RESOURCE_EXHAUSTED", `${path} allows ${max} ${what} in a stream, by limits.messages: start another stream`, {
    refusedBy: "limits",
  });

/** Passes so many messages; one more stops its source and ends the call. */
function atMost<T>(
  max: number,
  stream: AsyncIterable<T>,
  cancellation: Cancellation,
  refuse: () => RpcError,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      let passed = 0;
      const check = (result: IteratorResult<T>): IteratorResult<T> => {
        if (result.done || passed < max) {
          passed += 1;
          return result;
        }
        const error = refuse();
        // Not awaited: a source that waits inside stops when that wait ends, and its late failure has no reader.
        source.return?.().catch(() => {});
        cancellation.cancel(error);
        throw error;
      };
      return {
        next: () => source.next().then(check),
        return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
      };
    },
  };
}
