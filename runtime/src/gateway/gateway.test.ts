import type { Message } from "@bufbuild/protobuf";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Timestamp } from "../../test/google/protobuf/timestamp.ts";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook, gate } from "../../test/over-grpc.ts";
import { listen, overHttp, raw, rawGet } from "../../test/over-http.ts";
import { RpcError } from "../core/error.ts";
import type { MethodSpec, ServiceSpec } from "../core/spec.ts";
import { connect } from "../grpc/connect.ts";
import { inProcess } from "../in-process.ts";
import { describedCodec, registryOf } from "../messages/descriptors.ts";
import type { TimeoutConfig } from "../policies/index.ts";
import { implement } from "../server.ts";
import { createGateway } from "./gateway.ts";

const places = [{ through: "in-process" }, { through: "grpc" }] as const;

describe.each(places)("a kitchen $through", (place) => {
  test("is called by GET with the path and the query", async () => {
    const { get } = await overHttp(
      { getDish: async (request) => Dish.create({ name: JSON.stringify(request.withRecipe), id: request.id }) },
      place,
    );
    const response = await get("/v1/dishes/7?withRecipe=true");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({
      name: "true",
      id: "7",
      spice: "SPICE_UNSPECIFIED",
      ingredients: [],
      labels: {},
      photo: "",
    });
  });

  test("is called by POST with a body", async () => {
    const { post } = await overHttp({}, place);
    const dish = { name: "soup", spice: "HOT", createdAt: "2026-11-21T08:00:00Z", labels: { a: "b" }, photo: "AAE=" };
    expect(await (await post("/v1/dishes", dish)).json()).toMatchObject(dish);
  });

  test("replies with one field where the route says so", async () => {
    const { post } = await overHttp({}, place);
    const reply = await post("/v1/mirror/x/nested", { name: "a", numbers: [1] });
    expect(await reply.json()).toEqual({ name: "a", numbers: [1] });
    const empty = await overHttp({ mirror: async (request) => ({ ...request, nested: undefined }) }, place);
    expect(await (await empty.post("/v1/mirror/x/nested", { name: "a" })).text()).toBe("null");
  });

  test("replies with a well-known type", async () => {
    const { get } = await overHttp({ ping: async () => Timestamp.create({ seconds: 5n }) }, place);
    expect(await (await get("/v1/ping")).json()).toBe("1970-01-01T00:00:05Z");
  });

  test("keeps values that JSON numbers would lose", async () => {
    const { post } = await overHttp({}, place);
    const values = {
      large: "-9223372036854775808",
      largeUnsigned: "18446744073709551615",
      precise: "NaN",
      single: "-Infinity",
      raw: "-_8=",
      counts: { a: -1 },
      at: "0001-01-01T00:00:00Z",
      took: "-0.000000001s",
      mask: "aB.c",
      facts: { a: [null, { b: 1 }] },
      anything: null,
      right: 0,
      nothing: {},
    };
    expect(await (await post("/v1/mirror", values)).json()).toMatchObject({ ...values, raw: "+/8=" });
  });

  test("fails with the status of its code", async () => {
    const { get } = await overHttp(
      {
        getDish: async () => {
          throw new RpcError("NOT_FOUND", "no such dish", {
            details: [{ type: "acme.Unknown", value: Uint8Array.of(1) }],
          });
        },
      },
      place,
    );
    const response = await get("/v1/dishes/7");
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      code: 5,
      message: "no such dish",
      details: [{ "@type": "type.googleapis.com/acme.Unknown", value: "AQ==" }],
    });
  });

  test.each<TimeoutConfig>([{ totalMs: 50 }, { maxMs: 50 }])("is not waited for longer than %j", async (timeout) => {
    const { get } = await overHttp(
      { getDish: () => new Promise(() => {}) },
      { ...place, policy: { getDish: { timeout } } },
    );
    const response = await get("/v1/dishes/7");
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: 4 });
  });

  test("hides what it threw", async () => {
    const { get } = await overHttp(
      {
        getDish: async () => {
          throw new TypeError("secret");
        },
      },
      place,
    );
    const response = await get("/v1/dishes/7");
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({
      code: 13,
      message: expect.stringMatching(/^internal error [0-9a-f-]{36}$/),
      details: [],
    });
  });
});

test("a reply that is not the message becomes 500, and the log knows why", async () => {
  const { get, errors } = await overHttp({ ping: async () => ({ seconds: "text" }) as never });
  const response = await get("/v1/ping");
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({
    code: 13,
    message: expect.stringMatching(/^internal error [0-9a-f-]{36}$/),
    details: [],
  });
  expect(errors).toHaveLength(1);
});

test("a listener that throws breaks nothing, and nothing is lost", async () => {
  const printed = vi.spyOn(console, "error").mockImplementation(() => {});
  onTestFinished(() => printed.mockRestore());
  const failure = new Error("from onError");
  const onError = () => {
    throw failure;
  };
  const { get } = await overHttp({ ping: async () => ({ seconds: "text" }) as never }, { gateway: { onError } });
  expect((await get("/v1/ping")).status).toBe(500);
  expect(printed.mock.calls).toEqual([
    [expect.stringContaining("/test.kitchen.v1.Kitchen/Ping failed behind the gateway"), expect.any(TypeError)],
    ["and onError itself failed:", failure],
  ]);
});

test("the address of a peer that is away stays inside", async () => {
  const errors: unknown[] = [];
  const target = connect("127.0.0.1:9");
  const { url } = await listen(
    createGateway([{ spec: Kitchen, target }], { onError: (error) => void errors.push(error) }),
  );
  const response = await fetch(`${url}/v1/ping`);
  expect(response.status).toBe(503);
  expect(await response.text()).not.toContain("127.0.0.1");
  expect(String(errors[0])).toContain("127.0.0.1:9");
  await target.close();
});

describe("a request that no route takes", () => {
  test.each([
    ["/nope", 404],
    ["/v1/shelves/a/dishes/", 404],
    ["/v1/shelves//dishes/b", 404],
    ["//v1/ping", 404],
    ["/v1/ping//", 404],
    ["/V1/ping", 404],
    ["/v1/ping:x", 404],
    ["/v1/./ping", 404],
    ["/v1/x/../ping", 404],
    ["/v1/%2e%2e/v1/ping", 404],
    ["/v1%2Fping", 404],
    ["*", 404],
    ["/v1/dishes/%zz", 400],
    ["/v1/dishes/%ff", 400],
    ["/nope/%zz", 400],
    [`/${"a/".repeat(1025)}`, 400],
    ["/", 404],
  ])("%s is answered with %i", async (target, status) => {
    const { port } = await overHttp();
    const answer = await rawGet(port, target);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toEqual({ code: status === 404 ? 5 : 3, message: expect.any(String), details: [] });
  });

  test("64,000 slashes are answered like any other path", async () => {
    const { port } = await overHttp();
    expect((await rawGet(port, "/".repeat(12_000))).status).toBe(404);
    expect((await rawGet(port, "/a".repeat(6_000))).status).toBe(400);
  });

  test.each([
    ["/v1/ping/", 200],
    ["/v1/p%69ng", 200],
    ["http://elsewhere/v1/ping", 200],
    ["/v1/ping?", 200],
    ["/v1/dishes:watch", 200],
    ["/v1/dishes%3Awatch", 404],
    ["/v1/dishes/7:watch", 400],
  ])("%s is another spelling: %i", async (target, status) => {
    const { port } = await overHttp();
    expect((await rawGet(port, target)).status).toBe(status);
  });

  test("a method that the path does not have is 405, with those it has", async () => {
    const { url } = await overHttp();
    const response = await fetch(`${url}/v1/mirror`, { method: "DELETE" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, HEAD, OPTIONS, POST");
    expect(await response.json()).toEqual({
      code: 12,
      message: expect.stringContaining("GET, HEAD, OPTIONS, POST"),
      details: [],
    });
  });

  test("OPTIONS tells the methods", async () => {
    const { url } = await overHttp();
    const response = await fetch(`${url}/v1/dishes`, { method: "OPTIONS" });
    expect(response.status).toBe(204);
    expect(response.headers.get("allow")).toBe("OPTIONS, POST");
    expect((await fetch(`${url}/nope`, { method: "OPTIONS" })).status).toBe(404);
  });

  test("HEAD is GET without the body", async () => {
    const { url } = await overHttp();
    const full = await fetch(`${url}/v1/ping`);
    const head = await fetch(`${url}/v1/ping`, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe(String((await full.text()).length));
    expect(await head.text()).toBe("");
    expect((await fetch(`${url}/v1/dishes/x`, { method: "HEAD" })).status).toBe(400);
  });

  test("is passed on where there is somebody to pass it to", async () => {
    const { gateway } = await overHttp();
    const { port } = await listen((req, res) => gateway(req, res, () => res.end("next")));
    for (const target of ["/nope", "/%zz", "/v1/ping//"]) expect((await rawGet(port, target)).body).toContain("next");
    expect((await rawGet(port, "/v1/mirror", "DELETE")).body).toContain("next");
    expect((await rawGet(port, "/v1/dishes/%zz")).body).toContain("next");
    expect((await rawGet(port, "/v1/ping")).status).toBe(200);
  });
});

test("a method that streams both ways has a route that answers 501 over HTTP/1.1", async () => {
  const route = { method: "POST", template: "/v1/chat", segments: ["v1", "chat"], variables: [], body: "*" };
  const spec = {
    ...Kitchen,
    methods: { ...Kitchen.methods, chat: { ...Kitchen.methods.chat, routes: [route] } },
  } as typeof Kitchen;
  const { url } = await listen(createGateway([{ spec, target: inProcess(implement(spec, cook as Kitchen)) }]));
  const response = await fetch(`${url}/v1/chat`, { method: "POST", body: "{}" });
  expect(response.status).toBe(501);
  expect(await response.json()).toMatchObject({ code: 12, message: expect.stringContaining("over WebSocket, HTTP/2") });
});

describe("what a method's policy says", () => {
  test("about the status of success", async () => {
    const { post } = await overHttp({}, { policy: { createDish: { http: { successStatus: 201 } } } });
    expect((await post("/v1/dishes", {})).status).toBe(201);
    expect((await post("/v1/dishes", "{")).status).toBe(400);
    const quiet = await overHttp({}, { policy: { createDish: { http: { successStatus: 204 } } } });
    const response = await quiet.post("/v1/dishes", {});
    expect(response.status).toBe(204);
    expect(await response.text()).toBe("");
  });

  test("about unknown names", async () => {
    const http = { unknownQuery: "REJECT", unknownJson: "IGNORE" } as const;
    const { get, post } = await overHttp({}, { policy: { mirror: { http } } });
    expect(await (await get("/v1/mirror?nope=1")).json()).toMatchObject({
      code: 3,
      details: [
        {
          "@type": "type.googleapis.com/google.rpc.BadRequest",
          fieldViolations: [{ field: "nope", description: "is no field of the request: remove it from the query" }],
        },
      ],
    });
    expect((await post("/v1/mirror", { nope: 1 })).status).toBe(200);
    const plain = await overHttp();
    expect((await plain.get("/v1/mirror?nope=1")).status).toBe(200);
    expect((await plain.post("/v1/mirror", { nope: 1 })).status).toBe(400);
  });

  test("is applied once to calls in this process", async () => {
    let calls = 0;
    const limit = {
      name: "one",
      perSecond: 0.001,
      burst: 2,
      by: [],
      cost: "1",
      shared: false,
      failClosed: false,
      shadow: false,
      scope: "method",
    } as const;
    const { get } = await overHttp(
      {
        ping: async () => {
          calls += 1;
          return Timestamp.create();
        },
      },
      { policy: { ping: { rateLimit: [limit] } } },
    );
    expect((await get("/v1/ping")).status).toBe(200);
    expect((await get("/v1/ping")).status).toBe(200);
    const refused = await get("/v1/ping");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(refused.headers.get("ratelimit-policy")).toBe('"one";q=1;w=1000');
    expect(refused.headers.get("ratelimit")).toBe(`"one";r=0;t=${refused.headers.get("retry-after")}`);
    expect(calls).toBe(2);
  });
});

test.each([
  ["in-process", 1],
  ["grpc", 3],
] as const)(
  "a retry policy belongs to clients: %s an implementation that fails is asked %i times",
  async (through, times) => {
    let calls = 0;
    const retry = {
      attempts: 3,
      on: ["UNAVAILABLE"],
      initialMs: 1,
      maxMs: 1,
      multiplier: 1,
      jitter: "NONE",
      attemptTimeout: false,
      budget: { ratio: 1, floorPerSecond: 100, windowMs: 1000 },
    } as const;
    const { get } = await overHttp(
      {
        async getDish() {
          calls += 1;
          throw new RpcError("UNAVAILABLE", "closed");
        },
      },
      { through, policy: { getDish: { retry } } },
    );
    expect((await get("/v1/dishes/1")).status).toBe(503);
    expect(calls).toBe(times);
  },
);

test("two routes that match the same requests are an error when the gateway is made", () => {
  const target = inProcess(implement(Kitchen, cook as Kitchen));
  expect(() =>
    createGateway([
      { spec: Kitchen, target },
      { spec: { ...Kitchen, name: "other" }, target },
    ]),
  ).toThrow("matches the same requests as GET /v1/{name=shelves/*/dishes/*} of /test.kitchen.v1.Kitchen/GetDish");
});

test.each([0, -1, 1.5, Number.NaN])("maxRequestBytes %d is refused", (maxRequestBytes) => {
  expect(() => createGateway([], { maxRequestBytes })).toThrow("use a whole number of bytes above 0");
});

test("serves messages of protobuf-es as they are", async () => {
  const registry = registryOf(Kitchen);
  const mirror = Kitchen.methods.mirror as MethodSpec;
  const codec = describedCodec(mirror.request, registry);
  const spec: ServiceSpec<{ mirror(request: Message): Promise<Message> }> = {
    name: Kitchen.name,
    descriptors: Kitchen.descriptors,
    methods: { mirror: { ...mirror, request: codec, reply: codec } },
  };
  const seen: string[] = [];
  const target = inProcess(
    implement(spec, {
      async mirror(request) {
        seen.push(request.$typeName);
        return request;
      },
    }),
  );
  const { url } = await listen(createGateway([{ spec, target }]));
  expect(await (await fetch(`${url}/v1/mirror?large=5`)).json()).toMatchObject({ large: "5" });
  expect(seen).toEqual(["test.kitchen.v1.AllKinds"]);
});

test("a gateway without services serves nothing", async () => {
  const { url } = await listen(createGateway([]));
  expect((await fetch(url)).status).toBe(404);
});

describe("a shutdown", () => {
  test("ends what streams, lets the rest finish, and is idle then", async () => {
    const [asked, answer] = [gate(), gate()];
    const { get, gateway } = await overHttp({
      async *watchDishes() {
        yield Dish.create({ id: 1n });
        await new Promise(() => {});
      },
      async ping() {
        asked.open();
        await answer.promise;
        return Timestamp.create();
      },
    });
    const watch = await get("/v1/dishes:watch");
    const ping = get("/v1/ping");
    await asked.promise;
    gateway.end("streams");
    const lines = (await watch.text()).trim().split("\n");
    expect(JSON.parse(lines[1] ?? "")).toEqual({
      error: { code: 14, message: "the server is shutting down", details: [] },
    });
    let idle = false;
    const done = gateway.idle().then(() => {
      idle = true;
    });
    await new Promise(setImmediate);
    expect(idle).toBe(false);
    answer.open();
    expect((await ping).status).toBe(200);
    await done;
    await gateway.idle();
  });

  test("can end all, uploads that hang included", async () => {
    const { get, gateway, port, server } = await overHttp({ ping: () => new Promise(() => {}) });
    let requests = 0;
    server.on("request", () => {
      requests += 1;
    });
    const upload = raw(
      port,
      "POST /v1/dishes HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{",
    );
    const ping = get("/v1/ping");
    await expect.poll(() => requests).toBe(2);
    gateway.end("all");
    expect((await ping).status).toBe(503);
    expect(await upload).toMatch(/^HTTP\/1.1 503 /);
    await gateway.idle();
  });
});

test("a pipelined pair of requests gets two answers in order", async () => {
  const { port } = await overHttp();
  const request = (path: string, close: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n${close}\r\n`;
  const both = await raw(port, request("/v1/dishes/1", "") + request("/nope", "connection: close\r\n"));
  expect(both.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 404"]);
});

test("what is no service, and an option that nobody reads, is refused", () => {
  const own = implement(Kitchen, cook as Kitchen);
  expect(() => createGateway([own] as never)).toThrow(
    /\{ spec, target \}: for an implementation, inProcess\(implement/,
  );
  expect(() => createGateway([], { maxRequestByte: 1 } as never)).toThrow(/did you mean maxRequestBytes\?/);
});
