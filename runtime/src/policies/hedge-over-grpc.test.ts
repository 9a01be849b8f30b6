/** Hedging between a real client and a real server: what becomes of the requests that lose. */
import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, gate, overGrpc } from "../../test/over-grpc.ts";
import { createClient } from "../client.ts";
import type { CallContext } from "../core/context.ts";
import { RpcError } from "../core/error.ts";
import type { HedgeConfig } from "./hedge.ts";

/** The service, all methods hedged with this delay. */
function hedged(delayMs: number): typeof Kitchen {
  const hedge: HedgeConfig = {
    attempts: 3,
    delayMs,
    keepGoingOn: ["UNAVAILABLE"],
    budget: { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 },
  };
  const methods = Object.entries(Kitchen.methods).map(([key, method]) => [key, { ...method, policy: { hedge } }]);
  return { ...Kitchen, methods: Object.fromEntries(methods) };
}

const soon = hedged(20);
const onFailure = hedged(60_000);
const soup = { name: "soup", id: 7n, withRecipe: false };

/** Waits until its call is cancelled, and notes why. */
const untilCancelled = ({ cancellation, attempt }: CallContext, ended: (end: unknown) => void) =>
  new Promise<never>((_, reject) => {
    cancellation.onCancel((reason) => {
      ended([attempt, reason.code]);
      reject(reason);
    });
  });

test("the requests that lose are cancelled at the server, which knows the number of each", async () => {
  const ends: unknown[] = [];
  const { target } = await overGrpc({
    getDish: (request, context) =>
      context.attempt < 3 ? untilCancelled(context, (end) => ends.push(end)) : Dish.create({ name: request.name }),
  });

  expect(await createClient(soon, target).getDish(soup)).toMatchObject({ name: "soup" });

  await expect
    .poll(() => ends.toSorted())
    .toEqual([
      [1, "CANCELLED"],
      [2, "CANCELLED"],
    ]);
});

test("of several streams the first that begins is read, and goes on after the others are cancelled", async () => {
  const ended = gate<unknown>();
  const { target } = await overGrpc({
    async *watchDishes({ count }, context) {
      if (context.attempt === 1) await untilCancelled(context, ended.open);
      for (let id = 1n; id <= BigInt(count); id++) yield Dish.create({ id });
    },
  });

  const dishes = await collect(createClient(soon, target).watchDishes({ count: 100, failAfter: 0 }));

  expect(dishes).toHaveLength(100);
  expect(await ended.promise).toEqual([1, "CANCELLED"]);
});

test("a reader that leaves a hedged stream ends it at the server", async () => {
  const ended = gate<unknown>();
  const { target } = await overGrpc({
    async *watchDishes(_, context) {
      yield Dish.create();
      await untilCancelled(context, ended.open);
    },
  });

  for await (const _ of createClient(onFailure, target).watchDishes({ count: 1, failAfter: 0 })) break;

  expect(await ended.promise).toEqual([1, "CANCELLED"]);
});

test("a caller that gives up cancels all requests", async () => {
  const ends: unknown[] = [];
  const all = gate();
  let begun = 0;
  const { target } = await overGrpc({
    getDish: (_, context) => {
      if (++begun === 3) all.open();
      return untilCancelled(context, (end) => ends.push(end));
    },
  });
  const abort = new AbortController();

  const call = createClient(soon, target).getDish(soup, { signal: abort.signal });
  await all.promise;
  abort.abort();

  await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
  await expect.poll(() => ends.length).toBe(3);
});

test("the caller hears headers and trailers of the one that answers", async () => {
  const heard: unknown[] = [];
  const { target } = await overGrpc({
    async getDish(request, context) {
      context.responseTrailers.set("attempt", String(context.attempt));
      if (context.attempt === 1) throw new RpcError("UNAVAILABLE", "not now");
      context.responseHeaders.set("attempt", String(context.attempt));
      return Dish.create({ name: request.name });
    },
  });

  await createClient(onFailure, target).getDish(soup, {
    onHeaders: (headers) => heard.push(["headers", headers.get("attempt")]),
    onTrailers: (trailers) => heard.push(["trailers", trailers.get("attempt")]),
  });

  expect(heard).toEqual([
    ["headers", "2"],
    ["trailers", "2"],
  ]);
});
