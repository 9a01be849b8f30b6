import type { Cancellation } from "./cancellation.ts";

/** True for what a streaming method replies with. */
export const isStream = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === "object" && value !== null && Symbol.asyncIterator in value;

/**
 * Passes a stream through and runs `end` once when it is over: read to its end, failed (with the error), or left
 * by its reader. A stream that is never read ends when its call does, so transports and not readers must bound it.
 */
export function onEnd<T>(stream: AsyncIterable<T>, end: (error?: unknown) => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      let over = false;
      const finish = (error?: unknown) => {
        if (over) return;
        over = true;
        end(error);
      };
      return {
        next: () =>
          source.next().then(
            (result) => {
              if (result.done) finish();
              return result;
            },
            (error) => {
              finish(error);
              throw error;
            },
          ),
        async return() {
          try {
            await source.return?.();
          } finally {
            finish();
          }
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** Passes a stream through and runs `first` before its reader gets the first message, or hears that there is none. */
export function onFirst<T>(stream: AsyncIterable<T>, first: () => void): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      let run: (() => void) | undefined = first;
      const once = () => {
        run?.();
        run = undefined;
      };
      return {
        next: () =>
          source.next().then(
            (result) => {
              once();
              return result;
            },
            (error) => {
              once();
              throw error;
            },
          ),
        return: async () => (await source.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}

/**
 * Passes a call's reply through and runs `end` once when the call is over: answered, failed (with the error), or its
 * streamed reply read to the end, failed or left.
 */
export const whenOver = (reply: Promise<unknown>, end: (error?: unknown) => void): Promise<unknown> =>
  reply.then(
    (value) => {
      if (isStream(value)) return onEnd(value, end);
      end();
      return value;
    },
    (error) => {
      end(error);
      throw error;
    },
  );

/** Passes a stream through and replaces the error it may fail with. */
export function mapError<T>(stream: AsyncIterable<T>, replace: (error: unknown) => unknown): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      const fail = (error: unknown): never => {
        throw replace(error);
      };
      return {
        next: () => source.next().catch(fail),
        return: async () => (await source.return?.().catch(fail)) ?? { done: true, value: undefined },
      };
    },
  };
}

/** A message that its reader waits for. */
interface Read<T> {
  readonly settle: (result: IteratorResult<T>) => void;
  readonly fail: (reason: unknown) => void;
  /** The one that was asked for before, if that is not there yet. */
  before: Read<T> | undefined;
}

/**
 * Passes a stream through until the cancellation fires; then it fails at once with the reason, even while its
 * source is silent, and the source is told to stop. `onLeave` runs when the reader leaves before the end.
 */
export function untilCancelled<T>(
  stream: AsyncIterable<T>,
  cancellation: Cancellation,
  onLeave?: () => void,
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      // Readers may ask for several messages at once.
      let newest: Read<T> | undefined;
      // Not awaited: a generator that waits inside stops when that wait ends, and nobody should wait for it. Its late
      // failure has no reader; the server's guard has reported it.
      const stop = () => void source.return?.().catch(() => {});
      const leave = cancellation.onCancel((reason) => {
        for (let read = newest; read; read = read.before) read.fail(reason);
        stop();
      });
      const next = () =>
        new Promise<IteratorResult<T>>((settle, fail) => {
          if (cancellation.reason) return fail(cancellation.reason);
          const read: Read<T> = { settle, fail, before: newest };
          newest = read;
          const done = () => {
            if (newest === read) newest = read.before;
            read.before = undefined;
          };
          source.next().then(
            (result) => {
              done();
              if (result.done) leave();
              settle(result);
            },
            (error) => {
              done();
              leave();
              fail(error);
            },
          );
        });
      return {
        next,
        return() {
          const end = { done: true as const, value: undefined };
          leave();
          stop();
          for (let read = newest; read; read = read.before) read.settle(end);
          onLeave?.();
          return Promise.resolve(end);
        },
      };
    },
  };
}

/** Ends a stream that came too late for anybody to read. Its failure would be news to nobody. */
export function discard(stream: AsyncIterable<unknown>): void {
  stream[Symbol.asyncIterator]()
    .return?.()
    .catch(() => {});
}
