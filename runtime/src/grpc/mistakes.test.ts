/** What an implementation gets wrong ends its own call: no call hangs, and the server goes on. */
import { expect, onTestFinished, test, vi } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, cook, overGrpc } from "../../test/over-grpc.ts";
import { implement, serverHandlers } from "../server.ts";
import { connect } from "./connect.ts";
import { listenGrpc } from "./server.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };
const next = { dish: Dish.create({ name: "next" }), requestId: "", updateMask: undefined };
const three = { count: 3, failAfter: 0 };
const unsendable = { id: "not a number" };

async function* dishes(count: number) {
  for (let id = 1n; id <= BigInt(count); id++) yield Dish.create({ id });
}

test.each([0, 1, 2])("a unary method that returns a stream of %i messages fails its call", async (count) => {
  const { kitchen, errors } = await overGrpc({
    getDish: () => dishes(count) as never,
    uploadDishes: () => dishes(count) as never,
  });

  await expect(kitchen.getDish(soup)).rejects.toMatchObject({ code: "INTERNAL" });
  await expect(kitchen.uploadDishes(dishes(1))).rejects.toMatchObject({ code: "INTERNAL" });
  expect(errors.map(String)).toEqual([
    expect.stringContaining("GetDish returned a stream"),
    expect.stringContaining("UploadDishes returned a stream"),
  ]);
  expect(await kitchen.createDish(next)).toMatchObject({ name: "next" });
});

test("an onError that throws changes nothing for callers, wherever the failure arises", async () => {
  const printed = vi.spyOn(console, "error").mockReturnValue();
  onTestFinished(() => printed.mockRestore());
  let asked = 0;
  const onError = () => {
    asked += 1;
    throw new Error("the log is down");
  };
  const methods = {
    ...cook,
    getDish: () => Promise.reject(new Error("a bug")),
    createDish: async () => unsendable,
    async *watchDishes() {
      yield Dish.create();
      throw new Error("a bug after the first message");
    },
    async *chat() {
      yield null;
    },
    async ping() {
      return 5;
    },
  };
  const served = serverHandlers([implement(Kitchen, methods as unknown as Kitchen)], { onError });
  const server = await listenGrpc(served, { address: "127.0.0.1:0", onError });
  const target = connect(`127.0.0.1:${server.port}`);
  const kitchen = createKitchenClient(target);
  onTestFinished(async () => {
    await target.close();
    await server.drain();
  });
  const calls = [
    () => kitchen.getDish(soup),
    () => kitchen.createDish(next),
    () => collect(kitchen.watchDishes(three)),
    () => collect(kitchen.chat((async function* () {})())),
    () => kitchen.ping({}),
  ];

  for (const call of calls)
    await expect(call()).rejects.toMatchObject({ code: "INTERNAL", text: expect.stringMatching(/^internal error/) });
  expect(asked).toBe(calls.length);
  expect(printed).toHaveBeenCalledWith(expect.any(String), expect.objectContaining({ message: "the log is down" }));
  expect(await kitchen.updateDish(next)).toMatchObject({ name: "next" });
});
