import { describe, expect, test } from "vitest";
import { settled } from "../testing.ts";
import { Cancellation } from "./cancellation.ts";
import { RpcError } from "./error.ts";
import { untilCancelled } from "./stream.ts";

const end = { done: true, value: undefined } as const;

/** Answers so many messages, and is silent then. */
function silentAfter(messages: number): AsyncIterable<number> {
  let asked = 0;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => (asked++ < messages ? Promise.resolve({ done: false, value: asked }) : new Promise(() => {})),
      return: () => Promise.resolve(end),
    }),
  };
}

describe("a reader that asks for several messages at once", () => {
  const reason = new RpcError("CANCELLED", "enough");

  test.each([0, 1, 2])("hears of the cancellation for each that is not there yet, after %s", async (messages) => {
    const cancellation = new Cancellation();
    const reader = untilCancelled(silentAfter(messages), cancellation)[Symbol.asyncIterator]();
    const reads = Promise.allSettled([reader.next(), reader.next(), reader.next()]);
    await settled();
    cancellation.cancel(reason);
    const read = (n: number) => ({ status: "fulfilled", value: { done: false, value: n } });
    expect(await reads).toEqual([1, 2, 3].map((n) => (n <= messages ? read(n) : { status: "rejected", reason })));
  });

  test("hears of the end for each that is not there yet when it leaves", async () => {
    const cancellation = new Cancellation();
    const reader = untilCancelled(silentAfter(1), cancellation)[Symbol.asyncIterator]();
    const reads = Promise.all([reader.next(), reader.next(), reader.next()]);
    await settled();
    await reader.return?.();
    expect(await reads).toEqual([{ done: false, value: 1 }, end, end]);
    expect(cancellation.listening).toBe(0);
  });
});
