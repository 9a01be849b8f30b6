import type { Clock } from "../core/clock.ts";
import type { CallOptions } from "../core/context.ts";
import { RestError } from "./error.ts";

/** How long a call may take and why it ended before its time. */
export class Life {
  /** Of the method, for error messages. */
  readonly path: string;
  readonly #controller = new AbortController();
  readonly #stops: (() => void)[] = [];
  #reason: RestError | undefined;
  /** What the caller grants, in milliseconds; Infinity when nothing. */
  readonly timeoutMs: number;

  constructor(path: string, options: CallOptions, longestMs: number, clock: Clock) {
    this.path = path;
    const { timeoutMs = Number.POSITIVE_INFINITY, deadline = Number.POSITIVE_INFINITY, signal, cancellation } = options;
    if (!(timeoutMs > 0)) throw new TypeError(`timeoutMs is ${timeoutMs}: use a number of milliseconds above 0`);
    this.timeoutMs = Math.min(timeoutMs, longestMs, deadline - clock.now());
    const aborted = () => this.end("CANCELLED", `the caller cancelled ${path}`, signal?.reason);
    if (this.timeoutMs <= 0) this.#late();
    else if (signal?.aborted) aborted();
    else {
      if (this.timeoutMs < Number.POSITIVE_INFINITY) {
        this.#stops.push(clock.schedule(this.timeoutMs, () => this.#late()));
      }
      if (signal) {
        signal.addEventListener("abort", aborted);
        this.#stops.push(() => signal.removeEventListener("abort", aborted));
      }
      if (cancellation) {
        this.#stops.push(
          cancellation.onCancel((reason) => this.end("CANCELLED", `the caller cancelled ${path}`, reason)),
        );
      }
    }
  }

  /** Aborts when the call has to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the call had to end. */
  get reason(): RestError | undefined {
    return this.#reason;
  }

  /** Ends the call. Only the first reason counts. */
  end(code: "CANCELLED" | "DEADLINE_EXCEEDED", text: string, cause?: unknown): void {
    if (this.#reason) return;
    this.#reason = new RestError(code, text, { cause });
    this.release();
    this.#controller.abort(this.#reason);
  }

  /** Waits for work that knows nothing of the call's end, and no longer than until that: then it fails with the reason. */
  bounds<T>(work: Promise<T>): Promise<T> {
    const ended = new Promise<never>((_, reject) => {
      const fail = () => reject(this.#reason);
      if (this.#reason) fail();
      else this.signal.addEventListener("abort", fail, { once: true });
    });
    return Promise.race([work, ended]);
  }

  /** Lets go of timers and signals: the call is over. */
  release(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  /** What the caller of a failed call gets. */
  failure(error: unknown): RestError {
    if (this.#reason) return this.#reason;
    if (error instanceof RestError) return error;
    return new RestError("UNAVAILABLE", `${this.path} could not be reached, or the connection broke`, {
      origin: "transport",
      cause: error,
    });
  }

  #late(): void {
    this.end("DEADLINE_EXCEEDED", `${this.path} took longer than its time`);
  }
}

/** The time in the form of `Grpc-Timeout`: at most 8 digits and a unit. Source: gRPC over HTTP/2, "Timeout". */
export function grpcTimeout(ms: number): string | undefined {
  if (ms === Number.POSITIVE_INFINITY) return undefined;
  const whole = Math.max(1, Math.ceil(ms));
  return whole < 1e8 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`;
}
