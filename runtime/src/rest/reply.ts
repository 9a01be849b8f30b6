import type { RestError } from "./error.ts";
import type { Life } from "./life.ts";

const end = { done: true as const, value: undefined };

/**
 * A streamed reply: the call starts when it is first read and ends at once when its reader leaves. Not a generator:
 * a generator's `return` waits for a `next` under way, which on a silent stream would never end the call.
 */
export class Reply implements AsyncIterableIterator<unknown> {
  readonly #begin: () => Life;
  readonly #open: (life: Life) => AsyncIterator<unknown>;
  #life: Life | undefined;
  #source: AsyncIterator<unknown> | undefined;
  #over = false;

  constructor(begin: () => Life, open: (life: Life) => AsyncIterator<unknown>) {
    this.#begin = begin;
    this.#open = open;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    if (this.#over) return end;
    try {
      this.#life ??= this.#begin();
      if (this.#life.reason) throw this.#life.reason;
      this.#source ??= this.#open(this.#life);
      const result = await this.#source.next();
      // A reader that left hears no more, not even of the end that it made itself.
      if (this.#over) return end;
      if (result.done) this.#finish();
      return result;
    } catch (error) {
      if (this.#over) return end;
      this.#finish();
      throw this.#life?.failure(error) ?? error;
    }
  }

  async return(): Promise<IteratorResult<unknown>> {
    if (!this.#over) {
      this.#finish();
      this.#life?.end("CANCELLED", "the reader left");
      // Not awaited: the call has ended, and what is under way ends with it.
      this.#source?.return?.().catch(() => {});
    }
    return end;
  }

  #finish(): void {
    this.#over = true;
    this.#life?.release();
  }
}

/** A reply that fails when it is read. */
export const failedReply = (error: RestError): Reply =>
  new Reply(
    () => {
      throw error;
    },
    () => {
      throw error;
    },
  );
