import type { DescService } from "@bufbuild/protobuf";
import { Code, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, gate } from "../../test/over-grpc.ts";
import { kitchenWith, start, targetOf } from "../../test/serving.ts";
import { RpcError } from "../core/error.ts";
import type { RequestRecord } from "../gateway/access.ts";
import { registryOf } from "../messages/descriptors.ts";
import type { ServeOptions } from "../serve/options.ts";

const desc = registryOf(Kitchen).getService(Kitchen.name) as DescService;

// biome-ignore lint/suspicious/noExplicitAny: the kitchen has no code of protobuf-es
type Any = any;
const clientOf = (transport: Transport): Any => createClient(desc as Any, transport);
const failure = (call: Promise<unknown>): Promise<ConnectError> => call.then(Promise.reject, (error) => error);

async function* list<T>(...items: T[]): AsyncIterable<T> {
  yield* items;
}

test("a missing package fails the start, with the command that installs it, and leaves nothing listening", async () => {
  vi.resetModules();
  vi.doMock("@connectrpc/connect-node", () => {
    throw new Error("Cannot find package '@connectrpc/connect-node'");
  });
  onTestFinished(() => {
    vi.doUnmock("@connectrpc/connect-node");
    vi.resetModules();
  });
  const { start: startAnew } = await import("../../test/serving.ts");
  const first = await start({ grpc: 0 });
  const grpc = first.grpc?.port ?? 0;
  await first.stop({ force: true });
  const failed = startAnew({ grpc, http: { address: 0, connect: true } });
  await expect(failed).rejects.toThrow(
    "Connect and gRPC-Web need two packages: run npm install @connectrpc/connect@2.1 @connectrpc/connect-node@2.1",
  );
  // Who does not ask for it does not need it.
  expect((await startAnew({ grpc, http: 0 })).grpc?.port).toBe(grpc);
});

describe("Connect GET", () => {
  const served = async () => {
    const records: RequestRecord[] = [];
    const { http } = await start({
      http: { address: 0, connect: true },
      gateway: { onRequest: (record) => void records.push(record) },
    });
    return { url: http?.url ?? "", records };
  };
  const path = (method: string, message: string, more = "") =>
    `/${Kitchen.name}/${method}?connect=v1&encoding=json&message=${encodeURIComponent(message)}${more}`;

  test.each([true, false])("a client that prefers GET gets its answer, binary: %s", async (useBinaryFormat) => {
    const { url, records } = await served();
    const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", useHttpGet: true, useBinaryFormat });
    expect(await clientOf(transport).getDish({ id: 7n, name: "a&b=ä" })).toMatchObject({ id: 7n, name: "a&b=ä" });
    // Has side effects, so the client posts it.
    expect(await clientOf(transport).createDish({ dish: { name: "soup" } })).toMatchObject({ name: "soup" });
    await expect
      .poll(() => records.map(({ method, status }) => [method, status]))
      .toEqual([
        ["GET", 200],
        ["POST", 200],
      ]);
  });

  test("the message may be base64", async () => {
    const { url } = await served();
    const base64 = Buffer.from('{"id":"7"}').toString("base64url");
    const answer = await fetch(url + path("GetDish", base64, "&base64=1"));
    expect([answer.status, await answer.json()]).toMatchObject([200, { id: "7" }]);
  });

  test("a method with side effects is no GET, and what is wrong with the query is said", async () => {
    const { url } = await served();
    const refused = await fetch(url + path("CreateDish", "{}"));
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST"]);
    const deleted = await fetch(url + path("GetDish", "{}"), { method: "DELETE" });
    expect([deleted.status, deleted.headers.get("allow")]).toEqual([405, "GET, POST"]);
    const broken = await fetch(url + path("GetDish", "{"));
    expect([broken.status, await broken.json()]).toMatchObject([400, { code: "invalid_argument" }]);
    const codec = await fetch(url + path("GetDish", "{}").replace("json", "xml"));
    expect(codec.status).toBe(415);
  });
});

const transports = {
  "Connect by HTTP/1.1": (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "Connect by HTTP/2": (baseUrl: string) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "gRPC-Web by HTTP/2": (baseUrl: string) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
};

describe.each(Object.entries(transports))("%s, forwarded to another server", (name, transport) => {
  async function forwarded(
    changes: Parameters<typeof kitchenWith>[0] = {},
    gateway: ServeOptions["gateway"] = { trustedProxies: ["loopback"] },
  ) {
    const hidden: unknown[] = [];
    const backend = await start({ grpc: 0, services: [kitchenWith(changes)], onError: () => {} });
    const server = await start({
      listen: { address: 0, connect: true },
      forward: [{ spec: Kitchen, target: targetOf(backend) }],
      gateway,
      onError: (error) => void hidden.push(error),
    });
    return { kitchen: clientOf(transport(server.http?.url ?? "")), backend, hidden };
  }

  test("calls of every kind arrive", async () => {
    const { kitchen } = await forwarded();
    expect(await kitchen.getDish({ id: 7n })).toMatchObject({ id: 7n });
    expect(await collect(kitchen.watchDishes({ count: 2 }))).toMatchObject([{ id: 1n }, { id: 2n }]);
    expect(await kitchen.uploadDishes(list({ id: 1n }, { id: 2n }))).toMatchObject({ count: 2 });
    if (name.endsWith("HTTP/2"))
      expect(await collect(kitchen.chat(list({ text: "a" }, { text: "b" })))).toMatchObject([
        { text: "a" },
        { text: "b" },
      ]);
  });

  test("metadata, deadline, headers and trailers pass, and where the client is", async () => {
    const { kitchen } = await forwarded({
      async getDish(_, { requestMetadata, responseHeaders, responseTrailers, deadline }) {
        responseHeaders.append("got", `${requestMetadata.get("ask")} ${requestMetadata.get("x-forwarded-for")}`);
        responseTrailers.append("left", String(deadline - performance.now() < 5_000));
        return Dish.create();
      },
    });
    const got: { [name: string]: string | null } = {};
    await kitchen.getDish(
      {},
      {
        timeoutMs: 5_000,
        headers: { ask: "this", "x-forwarded-for": "203.0.113.7" },
        onHeader: (headers: Headers) => Object.assign(got, { got: headers.get("got") }),
        onTrailer: (trailers: Headers) => Object.assign(got, { left: trailers.get("left") }),
      },
    );
    expect(got).toEqual({ got: "this 203.0.113.7, 127.0.0.1", left: "true" });
  });

  test("where a client says that it comes from goes nowhere, unless a trusted proxy says it", async () => {
    const headers = {
      "x-forwarded-for": "6.6.6.6",
      "x-forwarded-host": "evil",
      "x-real-ip": "6.6.6.6",
      forwarded: "for=6.6.6.6",
    };
    const names = [...Object.keys(headers), "x-forwarded-proto"];
    const { kitchen } = await forwarded(
      {
        async getDish(_, { requestMetadata }) {
          return Dish.create({ name: names.filter((name) => requestMetadata.has(name)).join() });
        },
      },
      {},
    );
    expect(await kitchen.getDish({}, { headers: { ...headers, ask: "this" } })).toMatchObject({ name: "" });
  });

  test("failures keep code, text and details; a client that leaves cancels the call there", async () => {
    const [asked, cancelled] = [gate(), gate<string>()];
    const { kitchen } = await forwarded({
      async createDish() {
        throw new RpcError("ABORTED", "bürnt", { details: [{ type: "acme.v1.X", value: Uint8Array.of(8, 1) }] });
      },
      getDish(_, { cancellation }) {
        cancellation.onCancel(({ code }) => cancelled.open(code));
        asked.open();
        return new Promise(() => {});
      },
    });
    const failed = await failure(kitchen.createDish({}));
    expect([failed.code, failed.rawMessage]).toEqual([Code.Aborted, "bürnt"]);
    expect(failed.details).toMatchObject([{ type: "acme.v1.X", value: Uint8Array.of(8, 1) }]);
    const controller = new AbortController();
    const call = failure(kitchen.getDish({}, { signal: controller.signal }));
    await asked.promise;
    controller.abort();
    expect((await call).code).toBe(Code.Canceled);
    expect(await cancelled.promise).toBe("CANCELLED");
  });

  test("a server that is gone is UNAVAILABLE, and its address stays here", async () => {
    const { kitchen, backend, hidden } = await forwarded();
    await backend.stop({ force: true });
    const failed = await failure(kitchen.createDish({}));
    expect(failed.code).toBe(Code.Unavailable);
    expect(failed.rawMessage).not.toContain(String(backend.grpc?.port));
    expect(hidden).not.toEqual([]);
  });
});

test("a service with routes at two places is served once; at two targets it fails the start", async () => {
  const [one, other] = [targetOf(await start({ grpc: 0 })), targetOf(await start({ grpc: 0 }))];
  const places = (second: typeof one) => [
    { spec: Kitchen, target: one, prefix: "/k" },
    { spec: Kitchen, target: second, host: "kitchen.example" },
  ];
  const http = { address: 0, connect: true };
  const { http: at } = await start({ http, forward: places(one) });
  const kitchen = clientOf(createConnectTransport({ baseUrl: at?.url ?? "", httpVersion: "1.1" }));
  expect(await kitchen.getDish({ id: 7n })).toMatchObject({ id: 7n });
  await expect(start({ http, forward: places(other) })).rejects.toThrow(
    "connect: test.kitchen.v1.Kitchen is at two targets, and Connect and gRPC-Web know neither hosts nor prefixes",
  );
});

describe("pages of other origins", () => {
  const origin = "https://shop.example.com";
  const served = async () => {
    const { http } = await start({
      http: { address: 0, connect: true },
      gateway: { cors: { origins: [origin] } },
    });
    return `${http?.url}/${Kitchen.name}/`;
  };
  const listed = (response: Response, name: string) => response.headers.get(name)?.split(", ") ?? [];

  test.each([
    ["Connect", "POST", "connect-protocol-version,connect-timeout-ms,content-type"],
    ["Connect GET", "GET", "connect-timeout-ms"],
    ["gRPC-Web", "POST", "content-type,grpc-timeout,x-grpc-web,x-user-agent"],
  ])("may call by %s", async (_, method, headers) => {
    const answer = await fetch(`${await served()}GetDish`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": method, "access-control-request-headers": headers },
    });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([204, origin]);
    expect(listed(answer, "access-control-allow-methods")).toContain(method);
    expect(listed(answer, "access-control-allow-headers")).toEqual(expect.arrayContaining(headers.split(",")));
  });

  test("may read answers and failures, and what the protocols put in headers; others may not", async () => {
    const url = await served();
    const post = (from: string, path: string, type: string) =>
      fetch(url + path, { method: "POST", headers: { origin: from, "content-type": type }, body: "{}" });
    for (const [path, type, status] of [
      ["GetDish", "application/json", 200],
      ["GetDish", "text/plain", 415],
      ["Nothing", "application/json", 404],
    ] as const) {
      const answer = await post(origin, path, type);
      expect([answer.status, answer.headers.get("access-control-allow-origin")], path).toEqual([status, origin]);
      expect(listed(answer, "access-control-expose-headers")).toEqual(
        expect.arrayContaining(["grpc-status", "grpc-message", "connect-content-encoding"]),
      );
      expect(answer.headers.get("vary")).toMatch(/\borigin\b/);
    }
    const stranger = await post("https://elsewhere.example.com", "GetDish", "application/json");
    expect(stranger.headers.get("access-control-allow-origin")).toBeNull();
  });
});
