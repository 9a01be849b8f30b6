import type { Call } from "../../core/call.ts";
import type { Clock } from "../../core/clock.ts";
import type { RpcError } from "../../core/error.ts";
import type { Answer } from "./answer.ts";

/** What one who waited gets: the answer, or word that it is up to him to run the call. */
export type Turn = Answer | "run";

/** A call that runs, and those who came with the same key meanwhile. */
export class Run {
  /** Hash of the request. */
  readonly request: string;
  /** After this, a call that never ends stands in nobody's way any more. */
  readonly until: number;
  /** Made for the first who waits: hardly any call is repeated while it runs. */
  #waiting: Set<(turn: Turn) => void> | undefined;

  constructor(request: string, until: number) {
    this.request = request;
    this.until = until;
  }

  /** Waits for the answer: no longer than the caller does, and no longer than to its deadline, which fails with `late`. */
  wait({ deadline, cancellation }: Call, clock: Clock, late: RpcError): Promise<Turn> {
    this.#waiting ??= new Set();
    const waiting = this.#waiting;
    return new Promise((resolve, reject) => {
      const end = () => {
        waiting.delete(turn);
        stop?.();
        leave?.();
      };
      const turn = (turn: Turn) => {
        end();
        resolve(turn);
      };
      const fail = (error: unknown) => {
        end();
        reject(error);
      };
      waiting.add(turn);
      const left = deadline - clock.now();
      const stop = left === Number.POSITIVE_INFINITY ? undefined : clock.schedule(left, () => fail(late));
      // Last, because it calls back at once when the call is cancelled already.
      let leave: (() => void) | undefined;
      leave = cancellation?.onCancel(fail);
    });
  }

  /** Gives all who wait the answer. */
  done(answer: Answer): void {
    for (const turn of [...(this.#waiting ?? [])]) turn(answer);
  }

  /** Gives the call to the one who waits for longest. False when nobody does. */
  pass(): boolean {
    for (const turn of this.#waiting ?? []) {
      turn("run");
      return true;
    }
    return false;
  }
}
