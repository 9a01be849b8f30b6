import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectSocket } from "node:net";
import { create } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { gate } from "../../test/over-grpc.ts";
import { get, kitchenOf, kitchenWith, start, targetOf } from "../../test/serving.ts";
import { createClient } from "../client.ts";
import type { CallContext } from "../core/context.ts";
import { HealthCheckRequestSchema } from "../services/gen/grpc/health/v1/health_pb.ts";
import { Health } from "../services/health-spec.ts";
import { FakeClock, settled } from "../testing.ts";

const dish = { name: "", id: 1n, withRecipe: false };

/** A getDish that tells when so many calls have arrived and answers when it may. */
function heldDish(calls = 1) {
  const arrived = gate();
  const answer = gate();
  const contexts: CallContext[] = [];
  const getDish = async ({ id }: { id: bigint }, context: CallContext) => {
    if (contexts.push(context) === calls) arrived.open();
    await answer.promise;
    return Dish.create({ id });
  };
  const cancelled = () => contexts.map(({ cancellation }) => cancellation.reason?.code);
  return { services: [kitchenWith({ getDish })], arrived: arrived.promise, answer: () => answer.open(), cancelled };
}

/** A watchDishes that sends one dish and then nothing. */
function silentStream() {
  let context: CallContext | undefined;
  async function* watchDishes(_: unknown, ctx: CallContext) {
    context = ctx;
    yield Dish.create({ id: 1n });
    await new Promise<void>((resolve) => ctx.cancellation.onCancel(() => resolve()));
  }
  return { watchDishes, cancelled: () => context?.cancellation.reason };
}

test("a call under way finishes, new ones are refused, and then the server has stopped", async () => {
  const held = heldDish(2);
  const server = await start({ services: held.services, grpc: 0, http: 0 });
  const [byGrpc, byHttp] = [kitchenOf(server).getDish(dish), get(`${server.http?.url}/v1/dishes/2`)];
  await held.arrived;

  const stopped = server.stop();
  await settled();
  expect(server.state).toBe("draining");
  await expect(kitchenOf(server).getDish(dish)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(get(`${server.http?.url}/v1/dishes/2`)).rejects.toMatchObject({ code: "ECONNREFUSED" });

  held.answer();
  expect(await byGrpc).toMatchObject({ id: 1n });
  const { response } = await byHttp;
  expect(response.statusCode).toBe(200);
  expect(response.headers.connection, "so that the client uses another one next time").toBe("close");
  await stopped;
  expect(server.state).toBe("stopped");
});

test("open streams end with UNAVAILABLE and their work is cancelled", async () => {
  const stream = silentStream();
  const server = await start({ services: [kitchenWith(stream)], grpc: 0 });
  const dishes = kitchenOf(server).watchDishes({ count: 1, failAfter: 0 })[Symbol.asyncIterator]();
  await dishes.next();

  const ended = expect(dishes.next()).rejects.toMatchObject({
    code: "UNAVAILABLE",
    text: expect.stringContaining("the server is shutting down"),
  });
  await server.stop();
  await ended;
  expect(stream.cancelled()).toMatchObject({ code: "UNAVAILABLE" });
});

test("a stream over HTTP ends with a line that says UNAVAILABLE", async () => {
  const stream = silentStream();
  const server = await start({ services: [kitchenWith(stream)], http: 0 });
  const response = await fetch(`${server.http?.url}/v1/dishes:watch`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect(JSON.parse((await reader?.read())?.value ?? "")).toMatchObject({ result: { id: "1" } });

  const stopped = server.stop();
  expect((await reader?.read())?.value).toContain('"code":14');
  await stopped;
  expect(stream.cancelled()).toMatchObject({ code: "UNAVAILABLE" });
});

test("what does not finish within the limit is ended with UNAVAILABLE, even work that ignores its cancellation", async () => {
  const clock = new FakeClock();
  const held = heldDish(2);
  const server = await start({ services: held.services, grpc: 0, http: 0, drain: { limitMs: 3_000 }, clock });
  const byGrpc = expect(kitchenOf(server).getDish(dish)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    text: expect.stringContaining("the server is shutting down"),
  });
  const byHttp = get(`${server.http?.url}/v1/dishes/2`);
  await held.arrived;

  const stopped = server.stop();
  await clock.advance(2_999);
  expect(server.state).toBe("draining");
  expect(held.cancelled()).toEqual([undefined, undefined]);

  await clock.advance(1);
  await byGrpc;
  expect((await byHttp).response.statusCode).toBe(503);
  await stopped;
  expect(held.cancelled()).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
});

test("a client that reads nothing does not hold the server up", async () => {
  const clock = new FakeClock();
  const began = gate();
  const server = await start({
    services: [
      kitchenWith({
        async getDish() {
          began.open();
          return Dish.create({ name: "x".repeat(20_000_000) });
        },
      }),
    ],
    http: 0,
    drain: { limitMs: 1_000 },
    clock,
  });
  const socket = connectSocket(server.http?.port as number, "127.0.0.1").pause();
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  socket.write("GET /v1/dishes/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  await began.promise;

  const stopped = server.stop();
  await clock.advance(1_000);
  expect(server.state).toBe("draining");
  await clock.advance(250);
  await stopped;
});

test("health flips first, while calls are still served", async () => {
  const clock = new FakeClock();
  const states: string[] = [];
  const server = await start({
    grpc: 0,
    http: 0,
    drain: { lameDuckMs: 5_000 },
    clock,
    onState: (state) => void states.push(state),
  });
  const kitchen = kitchenOf(server);
  const health = createClient(Health, targetOf(server));
  const watch = health.watch(create(HealthCheckRequestSchema, { service: "test.kitchen.v1.Kitchen" }));
  const told = watch[Symbol.asyncIterator]();
  expect((await told.next()).value.status).toBe(1);
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  expect((await get(`${server.http?.url}/healthz`, agent)).response.headers.connection).toBe("keep-alive");

  const stopped = server.stop();
  expect(server.state).toBe("lameDuck");
  expect((await told.next()).value.status).toBe(2);
  const probe = await get(`${server.http?.url}/healthz?service=test.kitchen.v1.Kitchen`, agent);
  expect(probe.response.statusCode).toBe(503);
  expect(probe.response.headers.connection, "clients are asked to go elsewhere").toBe("close");
  expect(await kitchen.getDish(dish)).toMatchObject({ id: 1n });
  expect((await get(`${server.http?.url}/v1/dishes/3`)).response.statusCode).toBe(200);

  const ended = expect(told.next()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await clock.advance(5_000);
  await ended;
  await stopped;
  expect(states).toEqual(["lameDuck", "draining", "stopped"]);
});

test("stopping twice is stopping once", async () => {
  const states: string[] = [];
  const held = heldDish();
  const server = await start({ services: held.services, grpc: 0, onState: (state) => void states.push(state) });
  const call = kitchenOf(server).getDish(dish);
  await held.arrived;

  const both = [server.stop(), server.stop()];
  await settled();
  expect(server.state).toBe("draining");
  held.answer();
  await Promise.all([...both, call, server.stopped]);
  await server.stop();
  expect(states).toEqual(["lameDuck", "draining", "stopped"]);
});

test("force ends the lame duck's wait and the calls under way at once", async () => {
  const clock = new FakeClock();
  const held = heldDish();
  const server = await start({ services: held.services, grpc: 0, drain: { lameDuckMs: 60_000 }, clock });
  const failed = expect(kitchenOf(server).getDish(dish)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await held.arrived;

  const stopped = server.stop();
  expect(server.state).toBe("lameDuck");
  void server.stop({ force: true });
  await failed;
  await stopped;
  expect(clock.now(), "no time has passed").toBe(0);
});

test("idle connections are closed, and an answer that is still being read is not cut", async () => {
  const text = "x".repeat(3_000_000);
  const server = await start({
    services: [kitchenWith({ getDish: async () => Dish.create({ name: text }) })],
    http: 0,
  });
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  await get(`${server.http?.url}/healthz`, agent);
  const idle = connectSocket(server.http?.port as number, "127.0.0.1");
  await once(idle, "connect");

  const request = httpRequest(`${server.http?.url}/v1/dishes/1`).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const stopped = server.stop();
  await once(idle, "end");
  let length = 0;
  for await (const chunk of response) length += chunk.length;
  expect(length).toBeGreaterThan(text.length);
  await stopped;
});

test("an onState that throws does not stop the stopping", async () => {
  const errors: string[] = [];
  const server = await start({
    grpc: 0,
    onState() {
      throw new Error("mine");
    },
    logger: { info() {}, warn() {}, error: (line) => void errors.push(line) },
  });
  await server.stop();
  expect(server.state).toBe("stopped");
  expect(errors).toHaveLength(3);
  expect(errors[0]).toMatch(/^while stopping: Error: mine/);
});
