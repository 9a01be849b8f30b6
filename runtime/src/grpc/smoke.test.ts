import { expect, test } from "vitest";
import { Timestamp } from "../../test/google/protobuf/timestamp.ts";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { implement, serverHandlers } from "../server.ts";
import { connect } from "./connect.ts";
import { listenGrpc } from "./server.ts";

const cook: Kitchen = {
  async getDish(request) {
    return Dish.create({ name: request.name });
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
test("smoke", async () => {
  const server = await listenGrpc(serverHandlers([implement(Kitchen, cook)]), { address: "0" });
  const target = connect(`127.0.0.1:${server.port}`);
  const k = createKitchenClient(target);
  expect((await k.getDish({ name: "a", id: 1n, withRecipe: false })).name).toBe("a");
  const ids = [];
  for await (const d of k.watchDishes({ count: 100, failAfter: 0 })) ids.push(d.id);
  expect(ids.length).toBe(100);
  async function* up() {
    for (let i = 0; i < 1000; i++) yield Dish.create({ name: "x".repeat(1000) });
  }
  expect(await k.uploadDishes(up())).toMatchObject({ count: 1000 });
  const notes = [];
  for await (const n of k.chat(
    (async function* () {
      for (let i = 0; i < 50; i++) yield { text: String(i) };
    })(),
  ))
    notes.push(n.text);
  expect(notes.length).toBe(50);
  const empty = [];
  for await (const d of k.watchDishes({ count: 0, failAfter: 0 })) empty.push(d.id);
  await target.close();
  await server.drain();
});
