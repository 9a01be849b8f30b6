import type { Call } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import type { RpcError } from "../../core/error.ts";

/** Waits, but not beyond the call: fails with its reason when it is cancelled, with what `late` makes when its time is over. */
export function pause(ms: number, { cancellation, deadline }: Call, clock: Clock, late: () => RpcError): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = deadline - clock.now();
    const stop = clock.schedule(Math.min(ms, left), () => {
      leave?.();
      if (left <= ms) reject(late());
      else resolve();
    });
    const leave = cancellation?.onCancel((reason) => {
      stop();
      reject(reason);
    });
  });
}
