/** The breaker, and faults that it must take for real, between a real client and a real server. */
import { expect, test } from "vitest";
import { WatchDishesRequest } from "../../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../../test/kitchen/kitchen_mesh.ts";
import { cook, type KitchenMethods } from "../../../test/over-grpc.ts";
import { start, targetOf } from "../../../test/serving.ts";
import { createClient } from "../../client.ts";
import { RpcError } from "../../core/error.ts";
import type { MethodSpec } from "../../core/spec.ts";
import { implement } from "../../server.ts";
import { FakeClock } from "../../testing.ts";
import type { FaultConfig } from "../fault.ts";
import type { CircuitBreakerConfig } from "./config.ts";

const config: CircuitBreakerConfig = {
  adaptive: false,
  ratio: 0.5,
  minCalls: 3,
  windowMs: 10_000,
  openMs: 1000,
  probes: 1,
  on: ["UNAVAILABLE"],
  force: "NONE",
};
const open = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
const soup = { name: "soup", id: 1n, withRecipe: false };
const refused = { code: "UNAVAILABLE", refusedBy: "circuitBreaker" };
const down = { code: "UNAVAILABLE", refusedBy: undefined };

const withPolicy = (policy: MethodSpec["policy"]): typeof Kitchen => ({
  ...Kitchen,
  methods: Object.fromEntries(Object.entries(Kitchen.methods).map(([key, method]) => [key, { ...method, policy }])),
});

/** A client with a breaker whose clock stands still, of a server that may have faults. */
async function kitchen(methods: Partial<KitchenMethods> = {}, fault?: FaultConfig) {
  const spec = withPolicy({ auth: open, ...(fault && { fault }) });
  const server = await start({
    services: [implement(spec, { ...cook, ...methods } as Kitchen)],
    grpc: "127.0.0.1:0",
  });
  const clock = new FakeClock();
  const client = createClient(withPolicy({ circuitBreaker: config }), targetOf(server), { clock, random: () => 0.5 });
  return { client, clock, server };
}

test("a method that fails is not called any more, the others are; and it comes back", async () => {
  let broken = true;
  let calls = 0;
  const { client, clock } = await kitchen({
    async getDish(request, context) {
      calls++;
      if (broken) throw new RpcError("UNAVAILABLE", "the oven is off");
      return cook.getDish(request, context);
    },
  });
  for (let n = 0; n < 3; n++) await expect(client.getDish(soup)).rejects.toMatchObject(down);
  await expect(client.getDish(soup)).rejects.toMatchObject(refused);
  expect(calls).toBe(3);
  await client.ping({});
  broken = false;
  await clock.advance(1000);
  expect(await client.getDish(soup)).toMatchObject({ name: "soup" });
  expect(await client.getDish(soup)).toMatchObject({ name: "soup" });
});

test("a stream that breaks in the middle counts", async () => {
  const { client } = await kitchen({
    async *watchDishes(request, context) {
      yield* cook.watchDishes(request, context) as AsyncIterable<never>;
      throw new RpcError("UNAVAILABLE", "the oven is off");
    },
  });
  const watch = async () => {
    let read = 0;
    try {
      for await (const _ of client.watchDishes(WatchDishesRequest.create({ count: 2 }))) read++;
      return read;
    } catch (error) {
      return [read, (error as RpcError).refusedBy];
    }
  };
  for (let n = 0; n < 3; n++) expect(await watch()).toEqual([2, undefined]);
  expect(await watch()).toEqual([0, "circuitBreaker"]);
});

test("a server that is gone counts", async () => {
  const { client, server } = await kitchen();
  await client.ping({});
  await server.stop({ force: true });
  for (let n = 0; n < 3; n++) await client.ping({}).catch(() => {});
  await expect(client.ping({})).rejects.toMatchObject(refused);
});

test("faults of a server reach the client with their code, and count", async () => {
  const { client } = await kitchen({}, { side: "SERVER", abort: { code: "UNAVAILABLE", percent: 100 } });
  for (let n = 0; n < 3; n++) {
    await expect(client.getDish(soup)).rejects.toMatchObject({
      ...down,
      text: expect.stringMatching(/injected fault/),
    });
  }
  await expect(client.getDish(soup)).rejects.toMatchObject(refused);
});
