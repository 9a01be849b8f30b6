import { Cancellation } from "../../core/cancellation.ts";
import { RpcError } from "../../core/error.ts";
import type { Layer } from "../../core/layer.ts";
import type { Site } from "../../core/policy.ts";
import { discard, isStream, mapError, onEnd, untilCancelled } from "../../core/stream.ts";
import { type Check, compileCheck } from "./check.ts";
import type { ValidationConfig } from "./config.ts";

/** Refuses requests that break the rules of their messages; of a stream, at the message that does. */
export function checkRequests(_: ValidationConfig, site: Site): Layer {
  const check = compileCheck(site);
  return site.method.kind === "unary" || site.method.kind === "serverStream" ? checkOne(check) : checkStream(check);
}

const checkOne =
  (check: Check): Layer =>
  (next) =>
  (call) => {
    let objection: unknown;
    try {
      objection = check(call.request);
    } catch (error) {
      return Promise.reject(error);
    }
    return objection ? Promise.reject(objection) : next(call);
  };

/** A message that breaks a rule ends the call, whatever the implementation makes of the error that it reads. */
const checkStream =
  (check: Check): Layer =>
  (next) =>
  (call) =>
    new Promise((resolve, reject) => {
      const ended = new Cancellation();
      const unfollow = call.cancellation?.onCancel((reason) => ended.cancel(reason));
      let failure: unknown;
      const fail = (error: unknown) => {
        failure = error;
        ended.cancel(error instanceof RpcError ? error : new RpcError("INTERNAL", "a rule failed", { cause: error }));
      };
      const told = (error: unknown) => (error === ended.reason ? (failure ?? error) : error);
      let over = false;
      const leave = ended.onCancel((reason) => {
        over = true;
        unfollow?.();
        reject(told(reason));
      });
      if (over) return;
      const request = checked(call.request as AsyncIterable<unknown>, check, fail);
      next({ ...call, request, cancellation: ended }).then(
        (reply) => {
          if (over) {
            if (isStream(reply)) discard(reply);
            return;
          }
          leave();
          if (isStream(reply)) {
            resolve(onEnd(mapError(untilCancelled(reply, ended), told), () => unfollow?.()));
            return;
          }
          unfollow?.();
          resolve(reply);
        },
        (error) => {
          leave();
          unfollow?.();
          reject(told(error));
        },
      );
    });

/** Passes a stream on, message by message, up to one that breaks a rule. */
function checked(stream: AsyncIterable<unknown>, check: Check, fail: (error: unknown) => void): AsyncIterable<unknown> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      const end = { done: true as const, value: undefined };
      const pass = (result: IteratorResult<unknown>) => {
        if (result.done) return result;
        let objection: unknown;
        try {
          objection = check(result.value);
        } catch (error) {
          objection = error;
        }
        if (objection === undefined) return result;
        fail(objection);
        // Not awaited, because the call has ended; what is left of the stream has no reader.
        source.return?.().catch(() => {});
        throw objection;
      };
      return {
        next: () => source.next().then(pass),
        return: () => source.return?.() ?? Promise.resolve(end),
      };
    },
  };
}
