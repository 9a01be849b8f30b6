import { RestError } from "./error.ts";

/**
 * A stream of requests as the body of one HTTP request, pulled as the network takes it. `failed` hears when the
 * source fails, which no response would tell.
 */
export function bodyOf<T>(
  first: IteratorResult<T>,
  source: AsyncIterator<T>,
  encode: (message: T) => Uint8Array,
  failed: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  let next: IteratorResult<T> | undefined = first;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const result = next ?? (await source.next());
        next = undefined;
        if (result.done) controller.close();
        else controller.enqueue(encode(result.value));
      } catch (error) {
        failed(error);
        controller.error(error);
      }
    },
    cancel() {
      leave(source);
    },
  });
}

/** Tells a source that nobody reads on. Not awaited: it may be waiting for something itself. */
export function leave(source: AsyncIterator<unknown>): void {
  source.return?.()?.catch(() => {});
}

/** Throws UNIMPLEMENTED where `fetch` would not stream a body. Source: the detection in MDN, "Request: duplex". */
export function checkStreamsBodies(path: string): void {
  let asked = false;
  const { headers } = new Request("http://localhost/", {
    method: "POST",
    body: new ReadableStream(),
    get duplex() {
      asked = true;
      return "half";
    },
  } as RequestInit);
  if (asked && !headers.has("content-type")) return;
  throw new RestError("UNIMPLEMENTED", `fetch cannot stream the requests of ${path} here: ${remedy}`);
}

/** What to do where a body cannot be streamed. */
export const remedy = 'set clientStreams: "websocket"';
