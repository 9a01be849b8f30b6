import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, gate, overGrpc } from "../../test/over-grpc.ts";
import { Cancellation } from "../core/cancellation.ts";
import type { CallContext } from "../core/context.ts";
import { RpcError } from "../core/error.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };
const all = { count: 3, failAfter: 0 };

async function* dishes(count: number, size = 0) {
  for (let id = 1n; id <= BigInt(count); id++) yield Dish.create({ id, photo: Buffer.alloc(size) });
}

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
  // The server counts from when it got the call, so the client's word may come first.
  expect(await ended.promise).toMatchObject({ code: expect.stringMatching(/^(?:DEADLINE_EXCEEDED|CANCELLED)$/) });
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
