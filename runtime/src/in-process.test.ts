import { expect, test } from "vitest";
import { Timestamp } from "../test/google/protobuf/timestamp.ts";
import { Dish } from "../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../test/kitchen/kitchen_mesh.ts";
import { policyOf } from "./client.ts";
import { type CallContext, detached } from "./core/context.ts";
import { RpcError } from "./core/error.ts";
import { Metadata } from "./core/metadata.ts";
import { inProcess } from "./in-process.ts";
import { type Implementation, implement, type ServerOptions } from "./server.ts";
import { FakeClock, settled } from "./testing.ts";

const soup = { name: "soup", id: 1n, withRecipe: false };

const cook: Kitchen = {
  async getDish(request, context: CallContext) {
    return Dish.create({ name: request.name, note: context.peer.address });
  },
  async createDish(request) {
    return request.dish ?? Dish.create();
  },
  async updateDish(request) {
    return request.dish ?? Dish.create();
  },
  async *watchDishes(request) {
    for (let id = 1n; id <= BigInt(request.count); id++) yield Dish.create({ id });
  },
  async uploadDishes(request) {
    let count = 0;
    for await (const _ of request) count++;
    return { count };
  },
  async *chat(notes) {
    for await (const { text } of notes) yield { text: text.toUpperCase() };
  },
  async ping() {
    return Timestamp.create({ seconds: 1n });
  },
  async mirror(request) {
    return request;
  },
};

/** A client of the kitchen with some of its methods replaced, and the clock it lives by. */
function open(methods: Partial<Kitchen> = {}, options: ServerOptions = {}) {
  const clock = new FakeClock();
  const target = inProcess(implement(Kitchen, { ...cook, ...methods }), { clock, ...options });
  return { clock, target, kitchen: createKitchenClient(target, { clock }) };
}

async function* dishes(count: number) {
  for (let i = 0; i < count; i++) yield Dish.create();
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

const never = () => new Promise<never>(() => {});

test("all four kinds reach the implementation", async () => {
  const { kitchen } = open();
  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup", note: "in-process" });
  expect((await collect(kitchen.watchDishes({ count: 3, failAfter: 0 }))).map(({ id }) => id)).toEqual([1n, 2n, 3n]);
  expect(await kitchen.uploadDishes(dishes(4))).toEqual({ count: 4 });
  const notes = (async function* () {
    yield { text: "a" };
    yield { text: "b" };
  })();
  expect(await collect(kitchen.chat(notes))).toEqual([{ text: "A" }, { text: "B" }]);
});

test("messages are handed over, not copied", async () => {
  const dish = Dish.create({ name: "soup" });
  expect(await open().kitchen.createDish({ dish, requestId: "" })).toBe(dish);
});

test("metadata goes both ways, also when the call fails", async () => {
  const { kitchen } = open({
    async getDish(_, context: CallContext) {
      context.responseHeaders.set("x-cook", "ada");
      context.responseTrailers.set("cost-bin", new Uint8Array([1]));
      return Dish.create({ name: context.requestMetadata.get("x-table") ?? "" });
    },
    async ping() {
      throw new RpcError("NOT_FOUND", "no clock", { metadata: new Metadata().set("x-why", "lost") });
    },
  });
  let headers: Metadata | undefined;
  let trailers: Metadata | undefined;
  const options = {
    metadata: { "x-table": "7" },
    onHeaders(got: Metadata) {
      headers = got;
    },
    onTrailers(got: Metadata) {
      trailers = got;
    },
  };
  expect((await kitchen.getDish(soup, options)).name).toBe("7");
  expect(headers?.get("x-cook")).toBe("ada");
  expect(trailers?.bytes("cost-bin")).toEqual(new Uint8Array([1]));

  await expect(kitchen.ping({}, options)).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(trailers?.get("x-why")).toBe("lost");
});

test("an error says whether this call's headers had arrived, and is itself otherwise", async () => {
  const error = new RpcError("UNAVAILABLE", "no oven", { metadata: new Metadata().set("x-why", "lost") });
  const fails = open({
    async getDish(_, context: CallContext) {
      context.responseHeaders.set("x-cook", "ada");
      throw error;
    },
    async ping() {
      throw error;
    },
  }).kitchen;
  const committed = await fails.getDish(soup).catch((error) => error);
  expect(committed).toMatchObject({ code: "UNAVAILABLE", text: "no oven", committed: true, cause: error });
  expect(committed.metadata).toBe(error.metadata);
  await expect(fails.ping({})).rejects.toBe(error);

  const passesOn = open({ ping: (_, context) => fails.getDish(soup, context) as never }).kitchen;
  await expect(passesOn.ping({})).rejects.toMatchObject({ text: "no oven", committed: undefined });
});

test("a call that takes longer than its deadline fails, and its work is cancelled", async () => {
  let context: CallContext | undefined;
  const { kitchen, clock } = open({
    getDish(_, given: CallContext) {
      context = given;
      return never();
    },
  });
  const call = kitchen.getDish(soup, { timeoutMs: 100 });
  const failed = expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(context?.deadline).toBe(100);

  await clock.advance(99);
  expect(context?.cancellation.reason).toBeUndefined();
  await clock.advance(1);

  await failed;
  expect(context?.signal.aborted).toBe(true);
  expect(clock.pending).toBe(0);
});

test("aborting the caller's signal ends the call at once and leaves nothing behind", async () => {
  const { kitchen, clock } = open({ getDish: never });
  const controller = new AbortController();
  const call = kitchen.getDish(soup, { signal: controller.signal, timeoutMs: 1000 });
  controller.abort(new Error("changed my mind"));
  await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
  expect(clock.pending).toBe(0);
});

test("a signal that is already aborted keeps the call from starting", async () => {
  let started = false;
  const { kitchen } = open({
    async getDish() {
      started = true;
      return Dish.create();
    },
  });
  await expect(kitchen.getDish(soup, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  expect(started).toBe(false);
});

test("a context passed on shares its deadline, its cancellation and its trace, and nothing else", async () => {
  const seen: CallContext[] = [];
  const inner = open({
    getDish(_, context: CallContext) {
      seen.push(context);
      return never();
    },
  });
  const outer = open(
    { getDish: (request, context: CallContext) => inner.kitchen.getDish(request, { ...context, timeoutMs: 9999 }) },
    { clock: inner.clock },
  );
  const metadata = { traceparent: "00-1-2-01", authorization: "Bearer x" };
  const kitchen = createKitchenClient(outer.target, { clock: inner.clock });
  const call = kitchen.getDish(soup, { timeoutMs: 100, metadata });
  const failed = expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  await settled();

  expect(seen[0]?.deadline).toBe(100);
  expect(seen[0]?.requestMetadata.get("traceparent")).toBe("00-1-2-01");
  expect(seen[0]?.requestMetadata.has("authorization")).toBe(false);

  await inner.clock.advance(100);
  await failed;
  expect(seen[0]?.signal.aborted).toBe(true);
});

test("detached work keeps the trace and outlives the call", () => {
  const requestMetadata = new Metadata().set("traceparent", "00-1-2-01");
  expect(detached({ requestMetadata, deadline: 5, timeoutMs: 5 })).toEqual({ requestMetadata });
});

test.each<[string, () => never]>([
  [
    "a foreign error",
    () => {
      throw new Error("password is hunter2");
    },
  ],
  [
    "a thrown string",
    () => {
      throw "hunter2";
    },
  ],
])("%s becomes INTERNAL with an id, whether thrown at once or later", async (_, fail) => {
  const reported: { error: unknown; id: string }[] = [];
  const { kitchen } = open(
    { getDish: fail, ping: async () => fail() },
    { onError: (error, id) => reported.push({ error, id }) },
  );
  for (const call of [() => kitchen.getDish(soup), () => kitchen.ping({})]) {
    const error = await call().catch((error: unknown) => error as RpcError);
    expect(error).toMatchObject({ code: "INTERNAL" });
    expect((error as RpcError).message).toContain(reported.at(-1)?.id);
    expect((error as RpcError).message).not.toContain("hunter2");
  }
  expect(reported).toHaveLength(2);
});

test("a reply of the wrong kind is INTERNAL, and the log says what came back", async () => {
  const reported: unknown[] = [];
  const wrong = { getDish: async () => undefined, watchDishes: () => "no stream" } as unknown as Partial<Kitchen>;
  const { kitchen } = open(wrong, { onError: (error) => reported.push(error) });
  await expect(kitchen.getDish(soup)).rejects.toMatchObject({ code: "INTERNAL" });
  await expect(collect(kitchen.watchDishes({ count: 1, failAfter: 0 }))).rejects.toMatchObject({ code: "INTERNAL" });
  expect(reported.map(String)).toEqual([
    "TypeError: /test.kitchen.v1.Kitchen/GetDish returned undefined instead of a message",
    "TypeError: /test.kitchen.v1.Kitchen/WatchDishes returned string instead of an AsyncIterable",
  ]);
});

test("a stream that fails midway delivers what came before, then the error", async () => {
  const { kitchen } = open({
    async *watchDishes() {
      yield Dish.create({ id: 1n });
      throw new RpcError("ABORTED", "out of soup");
    },
  });
  const got: bigint[] = [];
  const read = async () => {
    for await (const { id } of kitchen.watchDishes({ count: 2, failAfter: 0 })) got.push(id);
  };
  await expect(read()).rejects.toMatchObject({ code: "ABORTED", text: "out of soup" });
  expect(got).toEqual([1n]);
});

test("a reader that leaves early cancels the work, even while it waits", async () => {
  let context: CallContext | undefined;
  const { kitchen, clock } = open({
    async *watchDishes(_, given: CallContext) {
      context = given;
      yield Dish.create();
      await never();
    },
  });
  for await (const _ of kitchen.watchDishes({ count: 2, failAfter: 0 }, { timeoutMs: 1000 })) break;
  expect(context?.cancellation.reason?.code).toBe("CANCELLED");
  expect(clock.pending).toBe(0);
});

test("a deadline ends a silent stream and a silent upload", async () => {
  const { kitchen, clock } = open({
    async *watchDishes() {
      yield Dish.create();
      await never();
    },
  });
  const watching = expect(
    collect(kitchen.watchDishes({ count: 1, failAfter: 0 }, { timeoutMs: 50 })),
  ).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  const silent = { [Symbol.asyncIterator]: () => ({ next: never }) };
  const uploading = expect(kitchen.uploadDishes(silent, { timeoutMs: 50 })).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
  });
  await clock.advance(50);
  await watching;
  await uploading;
  expect(clock.pending).toBe(0);
});

test("a closed target refuses with UNAVAILABLE", async () => {
  const { kitchen, target } = open();
  await target.close();
  await expect(kitchen.getDish(soup)).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test("an implementation without one of the methods is refused by name", () => {
  const { ping: _, ...rest } = cook;
  // @ts-expect-error ping is missing: the compiler says so too
  expect(() => implement(Kitchen, rest)).toThrow(/Kitchen has no method ping/);
  expect(() => inProcess([implement(Kitchen, cook), implement(Kitchen, cook)] satisfies Implementation[])).toThrow(
    /two implementations/,
  );
});

test("a wrong timeoutMs is a rejected promise that says what to write", async () => {
  await expect(open().kitchen.getDish(soup, { timeoutMs: 0 })).rejects.toThrow(
    /timeoutMs of .*GetDish is 0: use milliseconds above 0/,
  );
});

test("the policy of each method can be read back", () => {
  const { kitchen } = open();
  expect(policyOf(kitchen).getDish.auth?.access).toBe("PUBLIC");
  expect(Object.isFrozen(policyOf(kitchen).getDish.auth)).toBe(true);
  expect(() => policyOf({})).toThrow(/createClient/);
});

test("a callback that throws ends the call, not the process", async () => {
  const { kitchen, clock } = open();
  const broken = () => {
    throw new Error("callback");
  };
  const failed = { code: "CANCELLED", cause: expect.objectContaining({ message: "callback" }) };
  await expect(kitchen.getDish(soup, { onTrailers: broken, timeoutMs: 9 })).rejects.toMatchObject(failed);
  await expect(
    collect(kitchen.watchDishes({ count: 1, failAfter: 0 }, { onHeaders: broken, timeoutMs: 9 })),
  ).rejects.toMatchObject(failed);
  expect(clock.pending).toBe(0);
});

test("trailers set before a failure arrive with those of the error, and the failure cancels what is left of the work", async () => {
  let context: CallContext | undefined;
  const { kitchen } = open({
    async getDish(_, given: CallContext) {
      context = given;
      given.responseTrailers.set("x-set", "before");
      throw new RpcError("ABORTED", "no", { metadata: new Metadata().set("x-brought", "along") });
    },
  });
  let trailers: Metadata | undefined;
  const onTrailers = (got: Metadata) => {
    trailers = got;
  };
  await expect(kitchen.getDish(soup, { onTrailers })).rejects.toMatchObject({ code: "ABORTED" });
  expect(trailers?.toJSON()).toEqual(["x-set", "x-brought"]);
  expect(context?.signal.aborted).toBe(true);
});

test("a stream that comes after its call has ended, and fails to stop, is news to nobody", async () => {
  let answer: (stream: AsyncIterable<Dish>) => void = () => {};
  const late = new Promise<AsyncIterable<Dish>>((resolve) => {
    answer = resolve;
  });
  const unhandled: unknown[] = [];
  const listen = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", listen);
  const { kitchen, clock } = open({ watchDishes: () => late as never }, { onError: () => {} });
  const call = collect(kitchen.watchDishes({ count: 1, failAfter: 0 }, { timeoutMs: 5 }));
  const failed = expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  await clock.advance(5);
  await failed;

  let stopped = 0;
  const stop = () => {
    stopped++;
    return Promise.reject(new Error("cannot stop"));
  };
  answer({ [Symbol.asyncIterator]: () => ({ next: never, return: stop }) });
  await settled();
  await settled();
  process.off("unhandledRejection", listen);
  expect(stopped).toBe(1);
  expect(unhandled).toEqual([]);
});

test("headers that a generator sets before its first message arrive before that one", async () => {
  const { kitchen } = open({
    async *watchDishes(_, { responseHeaders }: CallContext) {
      responseHeaders.append("menu", "today");
      yield Dish.create({ id: 1n });
    },
  });
  let menu: string | undefined;
  const onHeaders = (headers: Metadata) => {
    menu = headers.get("menu");
  };
  for await (const _ of kitchen.watchDishes({ count: 1, failAfter: 0 }, { onHeaders })) expect(menu).toBe("today");
});
