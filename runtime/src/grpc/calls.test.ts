import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { collect, gate, overGrpc } from "../../test/over-grpc.ts";
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

test("an error that claims success is a mistake of the implementation, and fails the call", async () => {
  const { kitchen, errors } = await overGrpc({
    getDish() {
      throw new RpcError("OK", "fine");
    },
  });

  await expect(kitchen.getDish(soup)).rejects.toMatchObject({ code: "INTERNAL" });
  expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining('"OK" is not a code') })]);
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
