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
