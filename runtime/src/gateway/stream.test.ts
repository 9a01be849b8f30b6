import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { gate, type KitchenMethods } from "../../test/over-grpc.ts";
import { listen, open, overHttp, raw, rawGet, text } from "../../test/over-http.ts";
import { RpcError } from "../core/error.ts";
import type { Handler } from "../core/layer.ts";
import type { Target } from "../core/target.ts";
import type { TimeoutConfig } from "../policies/index.ts";
import { createGateway, type Gateway } from "./gateway.ts";

const dish = (id: number) => ({
  name: "",
  id: String(id),
  spice: "SPICE_UNSPECIFIED",
  ingredients: [],
  labels: {},
  photo: "",
});
const lines = (body: string) =>
  body
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);

/** Serves two dishes, then fails. */
const twoThenFail: Partial<KitchenMethods> = {
  async *watchDishes() {
    yield Dish.create({ id: 1n });
    yield Dish.create({ id: 2n });
    throw new RpcError("ABORTED", "burnt");
  },
};
const status = { code: 10, message: "burnt", details: [] };

/** Once nothing is made for so many turns of the event loop, all buffers on the way are full. */
async function allFull(made: () => number): Promise<void> {
  let before = -1;
  for (let turns = 0; turns < 500; turns += 1) {
    if (made() > 0 && made() !== before) turns = 0;
    before = made();
    await new Promise(setImmediate);
  }
}

describe.each(["in-process", "grpc"] as const)("a stream %s", (through) => {
  test("is a line with a result for each message", async () => {
    const { get } = await overHttp({}, { through });
    const response = await get("/v1/dishes:watch?count=2");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(lines(await response.text())).toEqual([{ result: dish(1) }, { result: dish(2) }]);
  });

  test("that fails later ends in a line with the error", async () => {
    const { get } = await overHttp(twoThenFail, { through });
    expect(lines(await (await get("/v1/dishes:watch")).text())).toEqual([
      { result: dish(1) },
      { result: dish(2) },
      { error: status },
    ]);
  });

  test("that fails at once is an HTTP status", async () => {
    const { get } = await overHttp(
      {
        // biome-ignore lint/correctness/useYield: it fails before it could
        async *watchDishes() {
          throw new RpcError("ABORTED", "burnt");
        },
      },
      { through },
    );
    const response = await get("/v1/dishes:watch");
    expect(response.status).toBe(409);
    expect(await response.json()).toEqual(status);
  });

  test("that is empty has an empty body", async () => {
    const { get } = await overHttp({}, { through });
    const response = await get("/v1/dishes:watch?count=0");
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
    expect(await (await get("/v1/dishes:watch?count=0", { accept: "application/json" })).text()).toBe("[]");
  });

  test("is plain lines for application/x-ndjson", async () => {
    const { get } = await overHttp(twoThenFail, { through });
    const response = await get("/v1/dishes:watch", { accept: "application/x-ndjson" });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(lines(await response.text())).toEqual([dish(1), dish(2), { error: status }]);
  });

  test("is an array for application/json, cut where it fails", async () => {
    const { get } = await overHttp({}, { through });
    const response = await get("/v1/dishes:watch?count=3", { accept: "application/json, text/plain, */*" });
    expect(await response.json()).toEqual([dish(1), dish(2), dish(3)]);
    const failing = await overHttp(twoThenFail, { through });
    const cut = await failing.get("/v1/dishes:watch", { accept: "application/json" });
    expect(cut.status).toBe(200);
    await expect(cut.text()).rejects.toThrow("terminated");
  });

  test("arrives message by message, and has headers and trailers", async () => {
    const second = gate();
    const { url } = await overHttp(
      {
        async *watchDishes(_request, { responseHeaders, responseTrailers }) {
          responseHeaders.set("tenant", "t");
          responseTrailers.set("cost", "5");
          yield Dish.create({ id: 1n });
          await second.promise;
          yield Dish.create({ id: 2n });
        },
      },
      { through },
    );
    const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
      request(`${url}/v1/dishes:watch`, { headers: { te: "trailers" } }, resolve)
        .on("error", reject)
        .end();
    });
    expect(response.headers["grpc-metadata-tenant"]).toBe("t");
    const first = await new Promise<Buffer>((resolve) => response.once("data", resolve));
    expect(lines(first.toString())).toEqual([{ result: dish(1) }]);
    second.open();
    expect(lines(await text(response))).toEqual([{ result: dish(2) }]);
    expect(response.trailers).toEqual({ "grpc-trailer-cost": "5" });
  });

  test("waits for a client that does not read", async () => {
    let made = 0;
    const stopped = gate<string>();
    const { port, gateway } = await overHttp(
      {
        async *watchDishes(_request, { cancellation }) {
          cancellation.onCancel(({ code }) => stopped.open(code));
          const name = "x".repeat(64 * 1024);
          for (;;) {
            made += 1;
            yield Dish.create({ name });
          }
        },
      },
      { through },
    );
    const socket = await open(port);
    socket.pause();
    socket.write("GET /v1/dishes:watch HTTP/1.1\r\nhost: x\r\n\r\n");
    await allFull(() => made);
    expect(made).toBeLessThan(500);
    socket.destroy();
    expect(await stopped.promise).toBe("CANCELLED");
    await gateway.idle();
  });

  test.each<{ what: string; headers?: string; timeout?: TimeoutConfig; end?: boolean }>([
    { what: "its deadline", headers: "grpc-timeout: 300m\r\n" },
    { what: "timeout.total", timeout: { totalMs: 300 } },
    { what: "timeout.idle", timeout: { idleMs: 300 } },
    { what: "the shutdown of the server", end: true },
  ])("does not outlast $what when the client does not read", async ({ headers = "", timeout = {}, end }) => {
    let made = 0;
    const { port, gateway } = await overHttp(
      {
        async *watchDishes() {
          const name = "x".repeat(64 * 1024);
          for (;;) {
            made += 1;
            yield Dish.create({ name });
          }
        },
      },
      { through, policy: { watchDishes: { timeout } } },
    );
    const socket = await open(port);
    socket.pause();
    socket.write(`GET /v1/dishes:watch HTTP/1.1\r\nhost: x\r\n${headers}\r\n`);
    await allFull(() => made);
    if (end) gateway.end("streams");
    await gateway.idle();
  });

  test("ends when the client leaves, even while it is silent", async () => {
    const stopped = gate<string>();
    const { url, gateway, errors } = await overHttp(
      {
        async *watchDishes(_request, { cancellation }) {
          cancellation.onCancel(({ code }) => stopped.open(code));
          yield Dish.create({ id: 1n });
          await new Promise(() => {});
        },
      },
      { through },
    );
    const controller = new AbortController();
    const response = await fetch(`${url}/v1/dishes:watch`, { signal: controller.signal });
    await response.body?.getReader().read();
    controller.abort();
    expect(await stopped.promise).toBe("CANCELLED");
    await gateway.idle();
    expect(errors).toEqual([]);
  });

  test("that misses its deadline ends in an error", async () => {
    const { get } = await overHttp(
      {
        async *watchDishes() {
          yield Dish.create({ id: 1n });
          await new Promise(() => {});
        },
      },
      { through },
    );
    const response = await get("/v1/dishes:watch", { "grpc-timeout": "200m" });
    expect(lines(await response.text())).toMatchObject([{ result: {} }, { error: { code: 4 } }]);
  });

  test("is not read for HEAD", async () => {
    const stopped = gate();
    const { url, gateway } = await overHttp(
      {
        async *watchDishes(_request, { cancellation }) {
          cancellation.onCancel(() => stopped.open());
          for (let id = 1n; ; id++) yield Dish.create({ id });
        },
      },
      { through },
    );
    expect((await fetch(`${url}/v1/dishes:watch`, { method: "HEAD" })).status).toBe(200);
    await stopped.promise;
    await gateway.idle();
  });
});

test("a message that cannot be printed ends the stream with an error", async () => {
  const { get, errors } = await overHttp({
    async *watchDishes() {
      yield Dish.create({ id: 1n });
      yield { ...Dish.create(), id: "text" } as never;
    },
  });
  expect(lines(await (await get("/v1/dishes:watch")).text())).toEqual([
    { result: dish(1) },
    { error: { code: 13, message: expect.stringMatching(/^internal error /), details: [] } },
  ]);
  expect(errors).toHaveLength(1);
});

test.each([
  ["*/*", "lines"],
  ["", "lines"],
  ["application/json;q=0.5, application/x-ndjson", "ndjson"],
  ["application/x-ndjson;q=0, */*;q=0.1", "lines"],
  ["text/html, application/*;q=0.2", "array"],
  ["APPLICATION/X-NDJSON", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["text/event-stream", "sse"],
  ["text/*, application/json;q=0.9", "sse"],
  ["*/*, application/json", "array"],
  ["*/*, application/json;q=0.9", "ndjson"],
  ["*/*;q=0.9, text/html", "lines"],
  ["application/json;q=0.1, application/*", "ndjson"],
  ["application/json, text/event-stream", "array"],
  ["text/event-stream, application/json", "sse"],
  ["application/*, text/event-stream", "sse"],
  ["application/json;q=0, application/*", "ndjson"],
  ["application/*;q=0, */*", "sse"],
  ["text/*;q=0, text/event-stream", "sse"],
  ["application/json;q=0, */*", "ndjson"],
  ["text/html", "406"],
  ["text/event-stream;q=0", "406"],
  ["application/json;q=0", "406"],
  ["application/json;q=x", "406"],
  ["application/json;q=2", "406"],
  [",;,", "406"],
])("Accept %j gets %s", async (accept, form) => {
  const { get } = await overHttp();
  const response = await get("/v1/dishes:watch?count=1", { accept });
  const body = await response.text();
  const start = { lines: '{"result"', array: "[{", ndjson: '{"name"', sse: "data: {", "406": '{"code":3' }[form];
  expect(body.slice(0, start?.length)).toBe(start);
  expect(response.status).toBe(form === "406" ? 406 : 200);
  if (form !== "406") expect(response.headers.get("vary")).toMatch(/^Accept(?:, Accept-Encoding)?$/);
});

test("Accept does not matter to a single reply", async () => {
  const { get } = await overHttp();
  expect((await get("/v1/ping", { accept: "text/html" })).status).toBe(200);
});

test("a client of HTTP/1.0 gets the stream until the connection ends", async () => {
  const { port } = await overHttp();
  const response = await raw(port, "GET /v1/dishes:watch?count=2 HTTP/1.0\r\nte: trailers\r\n\r\n");
  expect(response.split("\r\n\r\n")[1]).toMatch(/^\{"result":.*\}\n\{"result":.*\}\n$/);
});

/** A gateway in front of a target that is a function. */
async function before(handler: Handler): Promise<{ port: number; gateway: Gateway; errors: unknown[] }> {
  const errors: unknown[] = [];
  const target: Target = { name: "here", local: true, handler: () => handler, close: async () => {} };
  const gateway = createGateway([{ spec: Kitchen, target }], { onError: (error) => void errors.push(error) });
  const { port } = await listen(gateway);
  return { port, gateway, errors };
}

test("a stream that does not watch its call is told when the client leaves without reading", async () => {
  const [full, left] = [gate(), gate()];
  const dishes = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        setImmediate(full.open);
        return { done: false as const, value: Dish.create({ name: "x".repeat(16 * 1024 * 1024) }) };
      },
      async return() {
        left.open();
        return { done: true as const, value: undefined };
      },
    }),
  };
  const { port } = await before(async () => dishes);
  const socket = await open(port);
  socket.pause();
  socket.write("GET /v1/dishes:watch HTTP/1.1\r\nhost: x\r\n\r\n");
  await full.promise;
  socket.destroy();
  await left.promise;
});

test("a stream in reply to a unary call is a 500 that the log explains, and is left", async () => {
  const left = gate();
  const dishes = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => {}),
      async return() {
        left.open();
        return { done: true as const, value: undefined };
      },
    }),
  };
  const { port, errors } = await before(async () => dishes);
  const { status, body } = await rawGet(port, "/v1/ping");
  expect(status).toBe(500);
  expect(JSON.parse(body)).toEqual({ code: 13, message: expect.stringMatching(/^internal error /), details: [] });
  expect(String(errors)).toMatch(/Ping replied with a stream, and is unary/);
  await left.promise;
});

test("an error that only says that the call was cancelled is not reported", async () => {
  const asked = gate();
  const { port, gateway, errors } = await before(({ cancellation }) => {
    asked.open();
    return new Promise((_, reject) =>
      cancellation?.signal.addEventListener("abort", () => reject(new Error("AbortError"))),
    );
  });
  const answer = rawGet(port, "/v1/ping");
  await asked.promise;
  gateway.end("all");
  expect(await answer).toMatchObject({ status: 503, body: expect.stringContaining("shutting down") });
  expect(errors).toEqual([]);
});
