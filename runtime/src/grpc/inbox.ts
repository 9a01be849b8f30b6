/** How many messages may wait for their reader: enough to hide the wire's latency, few enough to bound memory. */
const ahead = 16;

/** What a reader does to the wire. */
export interface InboxWire {
  /** Asks for one more message, or for the end. */
  pull(): void;
  /** The reader left before the end. */
  left(): void;
}

interface Reader {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: unknown): void;
}

/** Messages on their way from the wire to one reader. It asks for more only while few wait, so a slow reader slows the peer. */
export class Inbox implements AsyncIterableIterator<unknown> {
  readonly #wire: InboxWire;
  readonly #unread: unknown[] = [];
  readonly #readers: Reader[] = [];
  /** The wire was asked and has not answered. Whoever makes an inbox asks for the first message. */
  #pulling = true;
  #over = false;
  #left = false;
  #error: unknown;

  constructor(wire: InboxWire) {
    this.#wire = wire;
  }

  /** A message arrived. */
  push(message: unknown): void {
    this.#pulling = false;
    if (this.#over) return;
    const reader = this.#readers.shift();
    if (reader) reader.resolve({ done: false, value: message });
    else this.#unread.push(message);
    if (this.#unread.length < ahead) this.#pull();
  }

  /** No more will come. What waits can still be read; then the stream ends, or fails with the error. */
  end(error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    if (this.#readers.length > 0) this.#settle();
  }

  /** Fails at once; what waits is dropped, so that nobody takes a part for the whole. */
  fail(error: unknown): void {
    if (this.#left) return;
    this.#unread.length = 0;
    if (this.#over) this.#error ??= error;
    this.end(error);
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#unread.length > 0) {
      const value = this.#unread.shift();
      if (!this.#over) this.#pull();
      return Promise.resolve({ done: false, value });
    }
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
      if (this.#over) this.#settle();
    });
  }

  return(): Promise<IteratorResult<unknown>> {
    const early = !this.#over;
    this.#left = true;
    this.#unread.length = 0;
    this.#error = undefined;
    this.end();
    if (early) this.#wire.left();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #pull(): void {
    if (this.#pulling) return;
    this.#pulling = true;
    this.#wire.pull();
  }

  /** The first reader after the end learns of the error, as with a generator that throws. */
  #settle(): void {
    for (const { resolve, reject } of this.#readers.splice(0)) {
      const error = this.#error;
      this.#error = undefined;
      if (error === undefined) resolve({ done: true, value: undefined });
      else reject(error);
    }
  }
}
