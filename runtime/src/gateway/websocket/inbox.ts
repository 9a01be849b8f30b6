import type { Incoming } from "./protocol.ts";

/** What an inbox asks of the connection. */
export interface Flow {
  /** Enough is waiting. */
  pause(): void;
  /** There is room again. */
  resume(): void;
}

/** So much may wait for its reader before the connection is paused, in bytes: small calls then still hear of a close at once. */
const highWater = 64 * 1024;
/** What a frame takes besides its bytes; without it a flood of empty ones would be free. */
const perFrame = 128;

interface Read {
  readonly settle: (result: IteratorResult<unknown>) => void;
  readonly fail: (reason: unknown) => void;
}

const end = { done: true as const, value: undefined };

/** The messages of a client as the request stream of a call. It can be read once. */
export class Inbox implements AsyncIterableIterator<unknown> {
  readonly #decode: (frame: Incoming) => unknown;
  readonly #onPull: () => void;
  readonly #flow: Flow;
  #frames: { readonly frame: Incoming; readonly size: number }[] = [];
  #reads: Read[] = [];
  #size = 0;
  #paused = false;
  #state: "open" | "ended" | "over" = "open";
  #failure: { readonly reason: unknown } | undefined;

  /** `decode` makes a message of a frame, or throws what the reader gets; `onPull` runs each time the reader wants one. */
  constructor(decode: (frame: Incoming) => unknown, onPull: () => void, flow: Flow) {
    this.#decode = decode;
    this.#onPull = onPull;
    this.#flow = flow;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** True when the client has sent its last message. */
  get ended(): boolean {
    return this.#state !== "open";
  }

  /** A message arrived, of so many bytes. Without a reader it is dropped. */
  push(frame: Incoming, bytes: number): void {
    if (this.#state !== "open") return;
    const read = this.#reads.shift();
    if (read) {
      this.#deliver(read, frame);
      return;
    }
    const size = bytes + perFrame;
    this.#frames.push({ frame, size });
    this.#size += size;
    if (this.#size < highWater || this.#paused) return;
    this.#paused = true;
    this.#flow.pause();
  }

  /** No message will follow. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    for (const read of this.#reads.splice(0)) read.settle(end);
  }

  /** Nothing will be read any more; whoever waits gets the reason. */
  fail(reason: unknown): void {
    if (this.#state === "over") return;
    this.#failure = { reason };
    this.#close();
    for (const read of this.#reads.splice(0)) read.fail(reason);
  }

  next(): Promise<IteratorResult<unknown>> {
    return new Promise((settle, fail) => {
      const read = { settle, fail };
      // Into the queue first: the connection may be opened by this very pull.
      const taken = this.#frames.shift();
      if (taken) {
        this.#size -= taken.size;
        this.#deliver(read, taken.frame);
        if (this.#size < highWater) this.#unpause();
      } else if (this.#failure) fail(this.#failure.reason);
      else if (this.#state !== "open") settle(end);
      else this.#reads.push(read);
      this.#onPull();
    });
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#close();
    for (const read of this.#reads.splice(0)) read.settle(end);
    return Promise.resolve(end);
  }

  #deliver({ settle, fail }: Read, frame: Incoming): void {
    let value: unknown;
    try {
      value = this.#decode(frame);
    } catch (error) {
      this.fail(error);
      fail(error);
      return;
    }
    settle({ done: false, value });
  }

  #close(): void {
    this.#state = "over";
    this.#frames = [];
    this.#size = 0;
    this.#unpause();
  }

  #unpause(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#flow.resume();
  }
}
