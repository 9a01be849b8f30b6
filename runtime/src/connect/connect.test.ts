import type { DescService } from "@bufbuild/protobuf";
import { Code, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { gate } from "../../test/over-grpc.ts";
import { kitchenWith, start } from "../../test/serving.ts";
import { RpcError } from "../core/error.ts";
import { registryOf } from "../messages/descriptors.ts";
import type { RunningServer } from "../serve/serve.ts";

const desc = registryOf(Kitchen).getService(Kitchen.name) as DescService;

// biome-ignore lint/suspicious/noExplicitAny: the kitchen has no code of protobuf-es
type Any = any;
const clientOf = (transport: Transport): Any => createClient(desc as Any, transport);

const transports = {
  "Connect by HTTP/1.1": (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect by HTTP/2": (baseUrl: string) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  "gRPC-Web by HTTP/1.1": (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-Web by HTTP/2": (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
};

async function collect(stream: AsyncIterable<Any>): Promise<Any[]> {
  const all: Any[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

async function* list<T>(...items: T[]): AsyncIterable<T> {
  yield* items;
}

describe.each(Object.entries(transports))("%s", (name, transport) => {
  const client = (server: RunningServer) => clientOf(transport(server.http?.url as string));

  test("calls of every kind reach the handlers that gRPC reaches", async () => {
    const server = await start({ listen: { address: 0, connect: true } });
    const kitchen = client(server);
    expect(await kitchen.getDish({ id: 7n })).toMatchObject({ id: 7n });
    expect(await collect(kitchen.watchDishes({ count: 2 }))).toMatchObject([{ id: 1n }, { id: 2n }]);
    expect(await kitchen.uploadDishes(list({ id: 1n }, { id: 2n }))).toMatchObject({ count: 2 });
    const chat = () => collect(kitchen.chat(list({ text: "a" }, { text: "b" })));
    if (name.endsWith("HTTP/2")) expect(await chat()).toMatchObject([{ text: "a" }, { text: "b" }]);
    else await expect(chat()).rejects.toThrow();
  });

  test("metadata, headers, trailers, peer and deadline", async () => {
    let leftMs = 0;
    const server = await start({
      services: [
        kitchenWith({
          async getDish(_, context) {
            leftMs = context.deadline - performance.now();
            const { requestMetadata, responseHeaders, responseTrailers, peer } = context;
            responseHeaders.append("got", requestMetadata.get("ask") ?? "").append("raw-bin", Uint8Array.of(1, 255));
            responseTrailers.append("cost", "3");
            const bytes = requestMetadata.bytes("key-bin") ?? [];
            return Dish.create({ name: `${peer.address} ${[...bytes]} ${requestMetadata.has("content-type")}` });
          },
        }),
      ],
      listen: { address: 0, connect: true },
    });
    const got: { [name: string]: string | null } = {};
    const dish = await client(server).getDish(
      {},
      {
        timeoutMs: 5_000,
        headers: { ask: "this", "key-bin": "AQI" },
        onHeader: (headers: Headers) => Object.assign(got, { got: headers.get("got"), raw: headers.get("raw-bin") }),
        onTrailer: (trailers: Headers) => Object.assign(got, { cost: trailers.get("cost") }),
      },
    );
    expect(dish.name).toBe("127.0.0.1 1,2 false");
    expect(got).toEqual({ got: "this", raw: "Af8", cost: "3" });
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(5_000);
  });

  test("failures keep code, text and details, also unknown ones; what callers must not see stays hidden", async () => {
    const errors: unknown[] = [];
    const server = await start({
      services: [
        kitchenWith({
          async getDish() {
            const details = [{ type: "acme.v1.Unknown", value: Uint8Array.of(8, 1) }];
            throw new RpcError("ABORTED", "bürnt", { details });
          },
          async *watchDishes() {
            yield Dish.create({ id: 1n });
            throw new Error("password 123");
          },
        }),
      ],
      onError: (error) => void errors.push(error),
      listen: { address: 0, connect: true },
    });
    const kitchen = client(server);
    const failed: ConnectError = await kitchen.getDish({}).catch((error: unknown) => error);
    expect([failed.code, failed.rawMessage]).toEqual([Code.Aborted, "bürnt"]);
    expect(failed.details).toMatchObject([{ type: "acme.v1.Unknown", value: Uint8Array.of(8, 1) }]);
    const hidden: ConnectError = (await collect(kitchen.watchDishes({})).catch(
      (error: unknown) => error as Any,
    )) as Any;
    expect([hidden.code, hidden.rawMessage]).toEqual([
      Code.Internal,
      expect.stringMatching(/^internal error [-0-9a-f]{36}$/),
    ]);
    expect(errors).toMatchObject([{ message: "password 123" }]);
  });

  test("a client that leaves, and one whose time is up, cancel the call", async () => {
    const asked = [gate(), gate()];
    const cancelled = [gate<string>(), gate<string>()];
    let calls = 0;
    const server = await start({
      services: [
        kitchenWith({
          getDish(_, { cancellation }) {
            const at = calls++;
            cancellation.onCancel(({ code }) => cancelled[at]?.open(code));
            asked[at]?.open();
            return new Promise(() => {});
          },
        }),
      ],
      listen: { address: 0, connect: true },
    });
    const kitchen = client(server);
    const controller = new AbortController();
    const call = kitchen.getDish({}, { signal: controller.signal }).catch((error: ConnectError) => error.code);
    await asked[0]?.promise;
    controller.abort();
    expect(await call).toBe(Code.Canceled);
    expect(await cancelled[0]?.promise).toBe("CANCELLED");
    const late = kitchen.getDish({}, { timeoutMs: 50 }).catch((error: ConnectError) => error.code);
    expect(await late).toBe(Code.DeadlineExceeded);
    expect(["DEADLINE_EXCEEDED", "CANCELLED"]).toContain(await cancelled[1]?.promise);
  });

  test("a message over the limit is refused, also one that is inflated", async () => {
    const server = await start({ listen: { address: 0, connect: true }, maxRequestBytes: 1_000 });
    const kitchen = client(server);
    const error: ConnectError = await kitchen
      .createDish({ dish: { name: "x".repeat(2_000) } })
      .catch((e: unknown) => e);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(await kitchen.createDish({ dish: { name: "soup" } })).toMatchObject({ name: "soup" });
  });

  test("draining ends streams with UNAVAILABLE and lets calls finish", async () => {
    const [asked, go] = [gate(), gate()];
    const server = await start({
      services: [
        kitchenWith({
          async getDish() {
            asked.open();
            await go.promise;
            return Dish.create({ id: 7n });
          },
          async *watchDishes(_, { cancellation }) {
            yield Dish.create({ id: 1n });
            await new Promise<void>((resolve) => void cancellation.onCancel(() => resolve()));
          },
        }),
      ],
      listen: { address: 0, connect: true },
    });
    const kitchen = client(server);
    const stream = kitchen.watchDishes({})[Symbol.asyncIterator]();
    expect((await stream.next()).value).toMatchObject({ id: 1n });
    const call = kitchen.getDish({});
    await asked.promise;
    const ended = stream.next().catch((error: ConnectError) => error.code);
    const stopped = server.stop();
    expect(await ended).toBe(Code.Unavailable);
    go.open();
    expect(await call).toMatchObject({ id: 7n });
    await stopped;
  });
});

test.each([
  { "content-type": "application/json", "connect-protocol-version": "1" },
  { "content-type": "application/grpc-web+proto" },
  { "content-type": "application/connect+json" },
])(
  "a service that is not there is a 404 without a body that the client would take for its own: %j",
  async (headers) => {
    const server = await start({ listen: { address: 0, connect: true } });
    const post = (path: string) => fetch(`${server.http?.url}${path}`, { method: "POST", headers, body: "{}" });
    const answer = await post("/acme.v1.Unknown/Method");
    expect([answer.status, await answer.text()]).toEqual([404, ""]);
    const method = await post(`/${Kitchen.name}/Unknown`);
    expect([method.status, await method.text()]).toEqual([404, ""]);
  },
);

test.each([
  ["no message", { "content-type": "application/proto" }, Buffer.of(0xff, 0xff), /^parse binary: /],
  ["not compressed", { "content-type": "application/json", "content-encoding": "gzip" }, "{}", /^decompression failed/],
  ["no JSON", { "content-type": "application/json" }, "{", /./],
])("a request that is %s is its caller's fault", async (_, headers, body, text) => {
  const server = await start({ listen: { address: 0, connect: true } });
  const answer = await fetch(`${server.http?.url}/${Kitchen.name}/GetDish`, { method: "POST", headers, body });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ code: "invalid_argument", message: expect.stringMatching(text) });
});

test("what an implementation fails with stays its own", async () => {
  const services = [kitchenWith({ getDish: () => Promise.reject(new RpcError("INTERNAL", "the oven is broken")) })];
  const server = await start({ services, listen: { address: 0, connect: true } });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${server.http?.url}/${Kitchen.name}/GetDish`, { method: "POST", headers, body: "{}" });
  expect([answer.status, await answer.json()]).toMatchObject([500, { code: "internal" }]);
});
