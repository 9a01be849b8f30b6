import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, overGrpc } from "../../test/over-grpc.ts";
import { RpcError } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };
const all = { count: 3, failAfter: 0 };

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

test("the server learns which attempt it serves", async () => {
  const attempts: number[] = [];
  const { target } = await overGrpc({
    async getDish(request, context) {
      attempts.push(context.attempt);
      return Dish.create(request);
    },
  });
  const method = Kitchen.methods.getDish as NonNullable<typeof Kitchen.methods.getDish>;
  const call = {
    method,
    request: soup,
    deadline: Number.POSITIVE_INFINITY,
    cancellation: undefined,
    retry: true,
    cache: true,
  };

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
