import type { Call } from "./call.ts";
import type { Cancellation } from "./cancellation.ts";
import type { Handler } from "./layer.ts";
import { discard, isStream, onEnd, untilCancelled } from "./stream.ts";

/**
 * Runs a call that somebody else may have to end: it fails with the cancellation's reason as soon as there is one,
 * whether or not the work below listens. `over` runs once, in whichever way the call ends.
 */
export function supervise(next: Handler, call: Call, cancellation: Cancellation, over: () => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let ended = false;
    let leave: (() => void) | undefined;
    const end = () => {
      if (ended) return;
      ended = true;
      leave?.();
      over();
    };
    leave = cancellation.onCancel((reason) => {
      end();
      reject(reason);
    });
    if (ended) return;
    next(call).then(
      (reply) => {
        if (!isStream(reply)) {
          end();
          resolve(reply);
        } else if (ended) discard(reply);
        else resolve(onEnd(untilCancelled(reply, cancellation), end));
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}

/** Passes a stream through and runs the function at each message. */
export function onMessage<T>(stream: AsyncIterable<T>, run: () => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      return {
        next: () =>
          source.next().then((result) => {
            run();
            return result;
          }),
        return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
      };
    },
  };
}
