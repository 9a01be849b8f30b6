import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, gate, overGrpc } from "../../test/over-grpc.ts";
import { RpcError } from "../core/error.ts";

const endless = { count: 1_000_000_000, failAfter: 0 };
const soup = { name: "soup", id: 7n, withRecipe: false };
const heavy = Dish.create({ photo: Buffer.alloc(16 * 1024) });

/** Makes calls on the same connection until a count no longer grows: what was going to move has moved. */
async function settledCount(kitchen: Kitchen, count: () => number): Promise<number> {
  for (let before = -1; before !== count(); ) {
    before = count();
    for (let turn = 0; turn < 50; turn++) await kitchen.getDish(soup);
  }
  return count();
}

test("a slow reader bounds what the server produces", async () => {
  let produced = 0;
  const { kitchen } = await overGrpc({
    async *watchDishes() {
      for (; produced < 100_000; produced++) yield heavy;
    },
  });
  const reader = kitchen.watchDishes(endless)[Symbol.asyncIterator]();

  await reader.next();
  const first = await settledCount(kitchen, () => produced);
  for (let index = 0; index < 50; index++) await reader.next();
  const second = await settledCount(kitchen, () => produced);
  await reader.return?.();

  expect(first).toBeLessThan(100); // 1.6 MB of 1.6 GB
  expect(second).toBeGreaterThan(first);
  expect(second).toBeLessThan(first + 100);
});

test("a slow server bounds what the caller's request stream produces", async () => {
  let produced = 0;
  const read = gate();
  const { kitchen } = await overGrpc({
    async uploadDishes(dishes) {
      let count = 0;
      for await (const _ of dishes) {
        count += 1;
        if (count === 1) await read.promise;
      }
      return { count };
    },
  });
  async function* dishes() {
    for (; produced < 1_000; produced++) yield heavy;
  }

  const call = kitchen.uploadDishes(dishes());
  const held = await settledCount(kitchen, () => produced);
  read.open();

  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThan(200);
  expect(await call).toMatchObject({ count: 1_000 });
});

test("a reader that leaves stops the implementation", async () => {
  const stopped = gate();
  const cancelled = gate<unknown>();
  const { kitchen } = await overGrpc({
    async *watchDishes(_request, { cancellation }) {
      cancellation.onCancel(cancelled.open);
      try {
        for (let id = 1n; ; id++) yield Dish.create({ id });
      } finally {
        stopped.open();
      }
    },
  });

  for await (const { id } of kitchen.watchDishes(endless)) if (id === 3n) break;

  await stopped.promise;
  expect(await cancelled.promise).toMatchObject({ code: "CANCELLED" });
});

test("a reader that leaves a silent stream stops the implementation", async () => {
  const cancelled = gate<unknown>();
  const { kitchen } = await overGrpc({
    async *watchDishes(_request, { cancellation }) {
      yield Dish.create();
      await new Promise<void>((resolve) => {
        cancellation.onCancel((reason) => {
          cancelled.open(reason);
          resolve();
        });
      });
    },
  });
  for await (const _ of kitchen.watchDishes(endless)) break;

  expect(await cancelled.promise).toMatchObject({ code: "CANCELLED" });
});

test("a failure before the first message rejects, one after it comes after the messages", async () => {
  const { kitchen } = await overGrpc({
    async *watchDishes({ failAfter }) {
      for (let id = 1; id <= failAfter; id++) yield Dish.create({ id: BigInt(id) });
      throw new RpcError("ABORTED", `after ${failAfter}`);
    },
  });

  for (const failAfter of [0, 1, 40]) {
    const got: bigint[] = [];
    const call = (async () => {
      for await (const { id } of kitchen.watchDishes({ count: 0, failAfter })) got.push(id);
    })();
    await expect(call).rejects.toMatchObject({ code: "ABORTED", text: `after ${failAfter}` });
    expect(got.length).toBe(failAfter);
  }
});

test("a foreign error in a stream is INTERNAL with an id, and reported", async () => {
  const { kitchen, errors } = await overGrpc({
    // biome-ignore lint/correctness/useYield: it fails before it yields
    async *watchDishes() {
      throw new Error("secret");
    },
  });

  await expect(collect(kitchen.watchDishes(endless))).rejects.toMatchObject({
    code: "INTERNAL",
    text: expect.stringMatching(/^internal error [0-9a-f-]{36}$/),
  });
  expect(errors).toMatchObject([{ message: "secret" }]);
});

test("a request stream that throws ends the call with its error, and the server learns", async () => {
  const begun = gate();
  const seen = gate<unknown>();
  const { kitchen } = await overGrpc({
    async uploadDishes(dishes, { cancellation }) {
      begun.open();
      cancellation.onCancel(seen.open);
      // node:http2 sends the end of the stream before its reset, so the end may come first.
      const count = (await collect(dishes)).length;
      await seen.promise;
      return { count };
    },
  });
  const cause = new Error("the shelf fell");
  async function* dishes() {
    yield Dish.create();
    await begun.promise;
    throw cause;
  }

  await expect(kitchen.uploadDishes(dishes())).rejects.toMatchObject({
    code: "CANCELLED",
    text: expect.stringContaining("the shelf fell"),
    cause,
  });
  expect(await seen.promise).toMatchObject({ code: "CANCELLED" });
});

test("a request stream keeps the code of the RpcError it throws", async () => {
  const { kitchen } = await overGrpc();
  // biome-ignore lint/correctness/useYield: it fails before it yields
  async function* dishes(): AsyncGenerator<Dish> {
    throw new RpcError("NOT_FOUND", "no dishes");
  }

  await expect(kitchen.uploadDishes(dishes())).rejects.toMatchObject({ code: "NOT_FOUND", text: "no dishes" });
});

test("a request stream with a wrong message ends the call", async () => {
  const { kitchen } = await overGrpc();
  let returned = false;
  async function* dishes() {
    try {
      yield Dish.create();
      yield { id: "seven" } as never;
      yield Dish.create();
    } finally {
      returned = true;
    }
  }

  await expect(kitchen.uploadDishes(dishes())).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(returned).toBe(true);
});

test("an iterator written by hand may throw at once", async () => {
  const { kitchen } = await overGrpc();
  const dishes: AsyncIterable<Dish> = {
    [Symbol.asyncIterator]: () => ({
      next() {
        throw new Error("at once");
      },
      return() {
        throw new Error("again");
      },
    }),
  };

  await expect(kitchen.uploadDishes(dishes)).rejects.toMatchObject({ cause: { message: "at once" } });
});

test("a request stream is returned when the server answers early", async () => {
  const returned = gate();
  const { kitchen } = await overGrpc({
    async uploadDishes(dishes) {
      for await (const _ of dishes) break;
      return { count: 1 };
    },
  });
  async function* dishes() {
    try {
      for (;;) yield heavy;
    } finally {
      returned.open();
    }
  }

  expect(await kitchen.uploadDishes(dishes())).toMatchObject({ count: 1 });
  await returned.promise;
});

test("a server may end a bidi call while requests still come", async () => {
  const { kitchen } = await overGrpc({
    async *chat(notes) {
      let count = 0;
      for await (const note of notes) {
        yield note;
        count += 1;
        if (count === 10) return;
      }
    },
  });

  for (let round = 0; round < 50; round++) {
    let returned = false;
    async function* notes() {
      try {
        for (let index = 0; ; index++) yield { text: String(index) };
      } finally {
        returned = true;
      }
    }
    expect((await collect(kitchen.chat(notes()))).length).toBe(10);
    await expect.poll(() => returned).toBe(true);
  }
});

test("a request stream is returned when the call is aborted", async () => {
  const returned = gate();
  const begun = gate();
  const { kitchen } = await overGrpc();
  const abort = new AbortController();
  async function* dishes() {
    try {
      begun.open();
      for (;;) yield heavy;
    } finally {
      returned.open();
    }
  }

  const call = kitchen.uploadDishes(dishes(), { signal: abort.signal });
  await begun.promise;
  abort.abort();

  await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
  await returned.promise;
});

test("a stream that nobody reads ends with its deadline", async () => {
  const cancelled = gate<unknown>();
  const { kitchen } = await overGrpc({
    async *watchDishes(_request, { cancellation }) {
      cancellation.onCancel(cancelled.open);
      for (;;) yield heavy;
    },
  });
  await kitchen.ping({}); // connected, so that the first message comes in time
  const reader = kitchen.watchDishes(endless, { timeoutMs: 500 })[Symbol.asyncIterator]();
  await reader.next();

  expect(await cancelled.promise).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  await expect(collect({ [Symbol.asyncIterator]: () => reader })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
});

test("an abort ends a stream at once, even while messages wait for their reader", async () => {
  const { kitchen } = await overGrpc();
  const abort = new AbortController();
  const reader = kitchen.watchDishes(endless, { signal: abort.signal })[Symbol.asyncIterator]();
  await reader.next();
  for (let turn = 0; turn < 5; turn++) await kitchen.getDish(soup); // the next messages have arrived by now

  abort.abort();
  await kitchen.getDish(soup);

  await expect(reader.next()).rejects.toMatchObject({ code: "CANCELLED" });
});

test("a reply stream with a wrong message is INTERNAL, reported, and stops the implementation", async () => {
  const stopped = gate();
  const { kitchen, errors } = await overGrpc({
    async *watchDishes() {
      try {
        yield Dish.create({ id: 1n });
        yield { id: "two" } as never;
      } finally {
        stopped.open();
      }
    },
  });

  await expect(collect(kitchen.watchDishes(endless))).rejects.toMatchObject({
    code: "INTERNAL",
    text: expect.stringMatching(/^internal error/),
  });
  await stopped.promise;
  expect(errors.length).toBe(1);
});

test("reads that were asked for in advance are answered in order", async () => {
  const { target } = await overGrpc();
  const method = Kitchen.methods.watchDishes as NonNullable<typeof Kitchen.methods.watchDishes>;
  const stream = (await target.handler(method)({
    method,
    request: { count: 2, failAfter: 0 },
    metadata: new (await import("../core/metadata.ts")).Metadata(),
    deadline: Number.POSITIVE_INFINITY,
    attempt: 1,
    cancellation: undefined,
    retry: true,
    cache: true,
  })) as AsyncIterable<Dish>;
  const reader = stream[Symbol.asyncIterator]();

  const results = await Promise.all([reader.next(), reader.next(), reader.next(), reader.next()]);

  expect(results.map(({ done, value }) => (done ? "end" : (value as Dish).id))).toEqual([1n, 2n, "end", "end"]);
});
