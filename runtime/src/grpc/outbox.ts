/** What an outbox writes to. */
export interface OutboxWire {
  /** Sends a message and returns its size in bytes; `written` runs when the wire has taken it. May throw: the message is wrong. */
  write(message: unknown, written: () => void): number;
  /** The source has ended; with an error when it, or a message of it, failed. */
  finished(error?: unknown): void;
}

/** How much may be written before the wire has taken it. */
export interface Window {
  readonly messages: number;
  readonly bytes: number;
}

/** Sends what an iterable yields, as fast as the wire takes it and no faster. */
export class Outbox {
  readonly #source: AsyncIterator<unknown>;
  readonly #wire: OutboxWire;
  readonly #window: Window;
  #messages = 0;
  #bytes = 0;
  #waiting = false;
  #over = false;

  constructor(source: AsyncIterable<unknown>, window: Window, wire: OutboxWire) {
    this.#source = source[Symbol.asyncIterator]();
    this.#window = window;
    this.#wire = wire;
  }

  /** Asks the source for its next message. */
  readonly advance = (): void => {
    this.#waiting = false;
    try {
      this.#source.next().then(this.#send, this.#fail);
    } catch (error) {
      this.#fail(error); // An iterator written by hand may throw where a generator rejects.
    }
  };

  /** The call has ended: the source is told to stop. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#leave();
  }

  readonly #send = (result: IteratorResult<unknown>): void => {
    if (this.#over) return;
    if (result.done) {
      this.#over = true;
      this.#wire.finished();
      return;
    }
    let size = 0;
    try {
      size = this.#wire.write(result.value, () => this.#written(size));
    } catch (error) {
      this.#over = true;
      this.#leave();
      this.#wire.finished(error);
      return;
    }
    this.#messages += 1;
    this.#bytes += size;
    if (this.#open) this.advance();
    else this.#waiting = true;
  };

  readonly #fail = (error: unknown): void => {
    if (this.#over) return;
    this.#over = true;
    this.#wire.finished(error);
  };

  #written(size: number): void {
    this.#messages -= 1;
    this.#bytes -= size;
    if (this.#waiting && !this.#over && this.#open) this.advance();
  }

  get #open(): boolean {
    return this.#messages < this.#window.messages && this.#bytes < this.#window.bytes;
  }

  /** Nobody waits for the source: a generator busy inside stops when that wait ends, and how it stops changes nothing. */
  #leave(): void {
    try {
      this.#source.return?.().catch(() => {});
    } catch {
      // The same for an iterator written by hand.
    }
  }
}
