import { expect, test } from "vitest";
import { Timestamp } from "../test/google/protobuf/timestamp.ts";
import { Dish } from "../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../test/kitchen/kitchen_mesh.ts";
import type { CallContext } from "./core/context.ts";
import { inProcess } from "./in-process.ts";
import { implement } from "./server.ts";

const cook: Kitchen = {
  async getDish(request, ctx: CallContext) {
    return Dish.create({ name: request.name, note: ctx.peer.address });
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
    yield* notes;
  },
  async ping() {
    return Timestamp.create();
  },
  async mirror(request) {
    return request;
  },
};

test("a call reaches the implementation with its context", async () => {
  const kitchen = createKitchenClient(inProcess(implement(Kitchen, cook)));
  expect(await kitchen.getDish({ name: "soup", id: 1n, withRecipe: false })).toMatchObject({
    name: "soup",
    note: "in-process",
  });
});
