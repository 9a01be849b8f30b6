import type { Call } from "./call.ts";
import type { Clock } from "./clock.ts";
import { RpcError } from "./error.ts";

/** Waits for work that knows nothing of the call it is for: fails when the call's time is over or nobody waits for it. */
export function within<T>(work: Promise<T>, { method, deadline, cancellation }: Call, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const left = deadline - clock.now();
    const end = () => {
      stop?.();
      leave?.();
    };
    const fail = (error: unknown) => {
      end();
      reject(error);
    };
    const late = () => fail(new RpcError("DEADLINE_EXCEEDED", `${method.path} was not sent in time`));
    const stop = left === Number.POSITIVE_INFINITY ? undefined : clock.schedule(left, late);
    // Last, because it calls back at once when the call is cancelled already.
    let leave: (() => void) | undefined;
    leave = cancellation?.onCancel(fail);
    work.then((value) => {
      end();
      resolve(value);
    }, fail);
  });
}
