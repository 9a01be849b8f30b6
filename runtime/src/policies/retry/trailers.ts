import type { Call } from "../../core/call.ts";
import type { Metadata } from "../../core/metadata.ts";
import { tellTrailers } from "../../messages/replies-trailers.ts";

interface Attempt {
  /** Those that came before it was known whether the caller should hear them. */
  came: Metadata | undefined;
}

/** The trailers of one call's attempts. Its caller hears of one call: those of the attempt that the outcome comes from. */
export class Trailers {
  readonly #call: Call;
  #before: Attempt | undefined;
  #last: Attempt | undefined;
  /** The attempt that the outcome comes from, once there is one. */
  #final: Attempt | undefined;

  constructor(call: Call) {
    this.#call = call;
  }

  /** Listens to the trailers of the next attempt. */
  ofNext(): (trailers: Metadata) => void {
    const attempt: Attempt = { came: undefined };
    this.#before = this.#last;
    this.#last = attempt;
    return (trailers) => {
      // Whoever calls back knows what to do when the caller's callback throws.
      if (this.#final === attempt) this.#call.onTrailers?.(trailers);
      else attempt.came = trailers;
    };
  }

  /** The last attempt was none, so the outcome comes from the one before. */
  dropLast(): void {
    this.#last = this.#before;
  }

  /** The outcome is known. Throws what the call fails with when the caller's callback throws. */
  settle(): void {
    this.#final = this.#last;
    const failed = this.#final?.came && tellTrailers(this.#call, this.#final.came);
    if (failed) throw failed;
  }
}
