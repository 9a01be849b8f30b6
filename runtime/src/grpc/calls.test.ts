import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, gate, overGrpc } from "../../test/over-grpc.ts";
import { Cancellation } from "../core/cancellation.ts";
import type { CallContext } from "../core/context.ts";
import { type Code, codes, RpcError } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";
import { ErrorInfo, RetryInfo } from "../messages/details.ts";
import { detail, findDetail } from "../messages/status.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };
const all = { count: 3, failAfter: 0 };

async function* dishes(count: number, size = 0) {
  for (let id = 1n; id <= BigInt(count); id++) yield Dish.create({ id, photo: Buffer.alloc(size) });
}

test("a unary call carries the request there and the reply back", async () => {
  const { kitchen } = await overGrpc();

  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup", id: 7n });
});

test("a server stream arrives whole and in order", async () => {
  const { kitchen } = await overGrpc();

  const got = await collect(kitchen.watchDishes({ count: 500, failAfter: 0 }));

  expect(got.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, index) => BigInt(index + 1)));
});

test("a stream without messages ends", async () => {
  const { kitchen } = await overGrpc();

  expect(await collect(kitchen.watchDishes({ count: 0, failAfter: 0 }))).toEqual([]);
  expect(await collect(kitchen.chat(emptyStream()))).toEqual([]);
  expect(await kitchen.uploadDishes(emptyStream())).toMatchObject({ count: 0 });
});

async function* emptyStream() {}

test("a client stream arrives whole", async () => {
  const { kitchen } = await overGrpc();

  expect(await kitchen.uploadDishes(dishes(500, 5_000))).toMatchObject({ count: 500 });
});

test("both sides of a bidi call talk in turns", async () => {
  const { kitchen } = await overGrpc();
  const heard = gate();
  async function* notes() {
    yield { text: "first" };
    await heard.promise; // comes only when the answer to the first note was read
    yield { text: "second" };
  }

  const got: string[] = [];
  for await (const { text } of kitchen.chat(notes())) {
    got.push(text);
    heard.open();
  }

  expect(got).toEqual(["first", "second"]);
});

test("many calls at once keep their replies apart", async () => {
  const { kitchen } = await overGrpc();

  const names = Array.from({ length: 200 }, (_, index) => `dish ${index}`);
  const got = await Promise.all(names.map((name) => kitchen.getDish({ ...soup, name })));

  expect(got.map(({ name }) => name)).toEqual(names);
});

test("metadata travels both ways, text and bytes, one and several values", async () => {
  let seen: Metadata | undefined;
  const { kitchen } = await overGrpc({
    async getDish(request, context) {
      seen = context.requestMetadata;
      context.responseHeaders.set("x-head", "h").set("x-head-bin", Uint8Array.of(0, 255));
      context.responseTrailers.set("x-tail", "t").append("x-tail", "u").set("x-tail-bin", Uint8Array.of(1, 2));
      return Dish.create(request);
    },
  });
  const heard: { headers?: Metadata; trailers?: Metadata } = {};

  await kitchen.getDish(soup, {
    metadata: { "x-text": "a, b", "x-raw-bin": [Uint8Array.of(0, 128), Uint8Array.of()] },
    onHeaders: (headers) => Object.assign(heard, { headers }),
    onTrailers: (trailers) => Object.assign(heard, { trailers }),
  });

  expect(seen?.get("x-text")).toBe("a, b");
  expect(seen?.all("x-raw-bin").map((value) => [...(value as Uint8Array)])).toEqual([[0, 128], []]);
  expect(heard.headers?.toJSON()).toEqual(["x-head", "x-head-bin"]);
  expect([...(heard.headers?.bytes("x-head-bin") ?? [])]).toEqual([0, 255]);
  expect(heard.trailers?.toJSON()).toEqual(["x-tail", "x-tail-bin"]);
  expect(heard.trailers?.get("x-tail")).toBe("t, u");
});

test("headers arrive before the first message of a stream, trailers after the last", async () => {
  const { kitchen } = await overGrpc({
    async *watchDishes(_request, context) {
      context.responseHeaders.set("x-head", "h");
      yield Dish.create();
      context.responseTrailers.set("x-tail", "t");
    },
  });
  const order: string[] = [];

  for await (const _ of kitchen.watchDishes(all, {
    onHeaders: (headers) => order.push(`headers ${headers.get("x-head")}`),
    onTrailers: (trailers) => order.push(`trailers ${trailers.get("x-tail")}`),
  }))
    order.push("message");

  expect(order).toEqual(["headers h", "message", "trailers t"]);
});

test("headers arrive also when no message follows them", async () => {
  const { kitchen } = await overGrpc({
    // biome-ignore lint/correctness/useYield: a stream without messages
    async *watchDishes(_request, context) {
      context.responseHeaders.set("x-head", "empty");
    },
    getDish(_request, context) {
      context.responseHeaders.set("x-head", "failed");
      throw new RpcError("ABORTED", "no");
    },
  });
  const got: (string | undefined)[] = [];
  const onHeaders = (headers: Metadata) => got.push(headers.get("x-head"));

  await collect(kitchen.watchDishes(all, { onHeaders }));
  await expect(kitchen.getDish(soup, { onHeaders })).rejects.toMatchObject({ code: "ABORTED" });

  expect(got).toEqual(["empty", "failed"]);
});

test("a call that fails before it has said anything has no headers", async () => {
  const { kitchen } = await overGrpc({
    getDish(_request, context) {
      context.responseHeaders.delete("x-looked-at-but-not-set");
      throw new RpcError("ABORTED", "no");
    },
  });
  let headers = 0;

  await expect(kitchen.getDish(soup, { onHeaders: () => (headers += 1) })).rejects.toMatchObject({ code: "ABORTED" });

  expect(headers).toBe(0);
});

test("metadata that HTTP/2 allows once is sent, and does not harm the server", async () => {
  const { kitchen } = await overGrpc({
    async getDish(request, context) {
      context.responseTrailers.append("retry-after", "1").append("retry-after", "2");
      context.responseTrailers.set("connection", "close").set("keep-alive", "1").set("content-length", "9");
      return Dish.create(request);
    },
  });
  let trailers: Metadata | undefined;

  await kitchen.getDish(soup, { onTrailers: (got) => (trailers = got) });

  expect([...(trailers ?? [])]).toEqual([["retry-after", "1, 2"]]);
});

test.each(codes.filter((code) => code !== "OK"))(
  "%s arrives with its text, details and trailers",
  async (code: Code) => {
    const fail = () => {
      throw new RpcError(code, "the oven — 100 % cold\nü", {
        details: [detail(ErrorInfo, { reason: "COLD" }), detail(RetryInfo, { retryDelay: { seconds: 2n } })],
        metadata: Metadata.from({ "x-why": "oven" }),
      });
    };
    const { kitchen } = await overGrpc({
      getDish: fail,
      async *watchDishes() {
        yield Dish.create();
        fail();
      },
    });

    const unary = await kitchen.getDish(soup).catch((error: unknown) => error);
    const streamed = await collect(kitchen.watchDishes(all)).catch((error: unknown) => error);

    for (const error of [unary, streamed]) {
      expect(error).toBeInstanceOf(RpcError);
      expect(error).toMatchObject({ code, text: "the oven — 100 % cold\nü", refusedBy: undefined });
      expect(findDetail(error, ErrorInfo)?.reason).toBe("COLD");
      expect(findDetail(error, RetryInfo)?.retryDelay?.seconds).toBe(2n);
      expect((error as RpcError).metadata?.get("x-why")).toBe("oven");
    }
  },
);

test("an error that claims success is UNKNOWN", async () => {
  const { kitchen } = await overGrpc({
    getDish() {
      throw new RpcError("OK", "fine");
    },
  });

  await expect(kitchen.getDish(soup)).rejects.toMatchObject({ code: "UNKNOWN", text: "fine" });
});

test("a text that has no UTF-8 still arrives, on every kind of answer", async () => {
  const fail = () => {
    throw new RpcError("ABORTED", "half \ud800 a pair");
  };
  const { kitchen } = await overGrpc({
    getDish: fail,
    async *watchDishes() {
      yield Dish.create();
      fail();
    },
  });

  const expected = { code: "ABORTED", text: "half \ufffd a pair" };
  await expect(kitchen.getDish(soup)).rejects.toMatchObject(expected);
  await expect(collect(kitchen.watchDishes(all))).rejects.toMatchObject(expected);
});

test("a deadline travels: each hop sees less than its caller", async () => {
  const left: number[] = [];
  const note = (context: CallContext) => left.push(context.deadline - performance.now());
  const second = await overGrpc({
    async getDish(request, context) {
      note(context);
      return Dish.create(request);
    },
  });
  const first = await overGrpc({
    getDish(request, context) {
      note(context);
      return second.kitchen.getDish(request, context);
    },
  });

  await first.kitchen.getDish(soup, { timeoutMs: 60_000 });

  const [atFirst = Number.NaN, atSecond = Number.NaN] = left;
  expect(atFirst).toBeLessThanOrEqual(60_001); // the wire counts whole milliseconds, rounded up
  expect(atFirst).toBeGreaterThan(30_000);
  expect(atSecond).toBeLessThanOrEqual(atFirst + 1);
});

test("a call without a deadline, or with one beyond what timers can hold, has none", async () => {
  const left: number[] = [];
  const { kitchen } = await overGrpc({
    async getDish(request, context) {
      left.push(context.deadline);
      return Dish.create(request);
    },
  });

  await kitchen.getDish(soup);
  await kitchen.getDish(soup, { timeoutMs: 1e12 });

  expect(left).toEqual([Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
});

test("a deadline ends a call that gets no answer, on both sides", async () => {
  const ended = gate<unknown>();
  const { kitchen } = await overGrpc({
    getDish: (_request, { cancellation }) =>
      new Promise((_, reject) => {
        cancellation.onCancel((reason) => {
          ended.open(reason);
          reject(reason);
        });
      }),
  });

  await kitchen.ping({}); // connected, so that the call reaches the server in time
  await expect(kitchen.getDish(soup, { timeoutMs: 500 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(await ended.promise).toMatchObject({ code: "DEADLINE_EXCEEDED" });
});

test("a call whose deadline has passed is not sent", async () => {
  let calls = 0;
  const { kitchen } = await overGrpc({
    async getDish(request) {
      calls += 1;
      return Dish.create(request);
    },
  });

  await expect(kitchen.getDish(soup, { deadline: performance.now() - 1 })).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    text: expect.stringContaining(Kitchen.methods.getDish?.path ?? ""),
  });
  expect(calls).toBe(0);
});

test("aborting a call cancels the work at the server", async () => {
  const begun = gate();
  const ended = gate<unknown>();
  const { kitchen } = await overGrpc({
    getDish: (_request, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          ended.open(signal.reason);
          reject(signal.reason);
        });
        begun.open();
      }),
  });
  const abort = new AbortController();

  const call = kitchen.getDish(soup, { signal: abort.signal });
  await begun.promise;
  abort.abort();

  await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
  expect(await ended.promise).toMatchObject({ code: "CANCELLED" });
});

test("the end of a call cancels the calls that it made", async () => {
  const begun = gate();
  const ended = gate<unknown>();
  const second = await overGrpc({
    getDish: (_request, { cancellation }) =>
      new Promise((_, reject) => {
        cancellation.onCancel((reason) => {
          ended.open(reason);
          reject(reason);
        });
        begun.open();
      }),
  });
  const first = await overGrpc({ getDish: (request, context) => second.kitchen.getDish(request, context) });
  const abort = new AbortController();

  const call = first.kitchen.getDish(soup, { signal: abort.signal });
  await begun.promise;
  abort.abort();

  await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
  expect(await ended.promise).toMatchObject({ code: "CANCELLED" });
});

test("a call that was cancelled before it began is not sent", async () => {
  const { kitchen } = await overGrpc();

  await expect(kitchen.getDish(soup, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  await expect(collect(kitchen.watchDishes(all, { signal: AbortSignal.abort() }))).rejects.toMatchObject({
    code: "CANCELLED",
  });
});

test("nobody listens to a cancellation after the call", async () => {
  const { kitchen } = await overGrpc({
    updateDish() {
      throw new RpcError("ABORTED", "no");
    },
  });
  const cancellation = new Cancellation();

  await kitchen.getDish(soup, { cancellation });
  await kitchen.updateDish({ dish: undefined, updateMask: undefined }, { cancellation }).catch(() => {});
  await collect(kitchen.watchDishes(all, { cancellation }));
  await kitchen.uploadDishes(dishes(3), { cancellation });
  for await (const _ of kitchen.watchDishes({ count: 1000, failAfter: 0 }, { cancellation })) break;

  await expect.poll(() => cancellation.listening).toBe(0);
});

test("the server learns which attempt it serves", async () => {
  const attempts: number[] = [];
  const { target } = await overGrpc({
    async getDish(request, context) {
      attempts.push(context.attempt);
      return Dish.create(request);
    },
  });
  const method = Kitchen.methods.getDish as NonNullable<typeof Kitchen.methods.getDish>;
  const call = { method, request: soup, deadline: Number.POSITIVE_INFINITY, cancellation: undefined, retry: true };

  for (const attempt of [1, 3]) await target.handler(method)({ ...call, metadata: new Metadata(), attempt });

  expect(attempts).toEqual([1, 3]);
});

test("a caller's callback that throws fails its call and nothing else", async () => {
  const { kitchen } = await overGrpc();
  const boom = () => {
    throw new Error("boom");
  };

  for (const callback of ["onHeaders", "onTrailers"]) {
    await expect(kitchen.getDish(soup, { [callback]: boom })).rejects.toMatchObject({
      code: "CANCELLED",
      cause: { message: "boom" },
    });
  }
  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup" });
});

test("a request that is no message fails before it is sent", async () => {
  const { kitchen } = await overGrpc();

  await expect(kitchen.getDish({ ...soup, id: "seven" } as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(kitchen.getDish(undefined as never)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(kitchen.uploadDishes({} as never)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    text: expect.stringContaining("AsyncIterable"),
  });
});

test("the implementation sees its peer without the port", async () => {
  let address: string | undefined;
  const { kitchen } = await overGrpc({
    async getDish(request, context) {
      address = context.peer.address;
      return Dish.create(request);
    },
  });

  await kitchen.getDish(soup);

  expect(address).toBe("127.0.0.1");
});
