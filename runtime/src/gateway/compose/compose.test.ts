import { once } from "node:events";
import { expect, test } from "vitest";
import { AllKinds, Dish } from "../../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../../test/kitchen/kitchen_mesh.ts";
import { cook, type KitchenMethods } from "../../../test/over-grpc.ts";
import { type OverHttp, open, overHttp } from "../../../test/over-http.ts";
import type { Cancellation } from "../../core/cancellation.ts";
import { RpcError } from "../../core/error.ts";
import { inProcess } from "../../in-process.ts";
import { implement } from "../../server.ts";
import { createGateway } from "../gateway.ts";
import { type Composition, compose } from "./options.ts";

const dish = "test.kitchen.v1.Kitchen/GetDish";
const mirror = "test.kitchen.v1.Kitchen/Mirror";
const page = compose({
  get: "/v1/page/{id}",
  parts: {
    product: { method: dish, request: { id: "{id}", name: "dishes/{id}" } },
    reviews: {
      method: mirror,
      request: {
        small: "{query.n}",
        large: "{id}",
        text: "{query.q}!",
        yes: "{query.yes}",
        nested: { name: "{id}", numbers: ["{query.n}", 7] },
      },
      optional: true,
      default: { text: "none" },
    },
  },
});

const behind = (composition: Composition, changes: Partial<KitchenMethods> = {}, options: OverHttp = {}) =>
  overHttp(changes, { ...options, gateway: { ...options.gateway, compose: [composition] } });

test.each(["in-process", "grpc"] as const)(
  "parts are called with what the request gave, and merged (%s)",
  async (through) => {
    const { get } = await behind(page, {}, { through });
    const response = await get("/v1/page/42?n=3&q=a%20b&yes=1");
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    const body = (await response.json()) as object;
    expect(Object.keys(body)).toEqual(["product", "reviews"]);
    expect(body).toMatchObject({
      product: { id: "42", name: "dishes/42" },
      reviews: { small: 3, large: "42", text: "a b!", yes: true, nested: { name: "42", numbers: [3, 7] } },
    });
    // A parameter that is missing leaves its field unset.
    expect(await (await get("/v1/page/42")).json()).toMatchObject({
      reviews: { small: 0, text: "", nested: { numbers: [7] } },
    });
  },
);

test("all parts are under way at the same time", async () => {
  const arrived: (() => void)[] = [];
  const both = (value: unknown) =>
    new Promise((resolve) => {
      arrived.push(() => resolve(value));
      if (arrived.length === 2) for (const go of arrived) go();
    });
  const { get } = await behind(page, {
    getDish: () => both(Dish.create()) as never,
    mirror: (request) => both(request) as never,
  });
  expect((await get("/v1/page/1")).status).toBe(200);
});

test("values that their fields cannot hold are 400 and name the variable", async () => {
  const { get } = await behind(page);
  for (const [path, text] of [
    ["/v1/page/x", /^id: /],
    ["/v1/page/1?n=many", /^n: /],
    ["/v1/page/99999999999999999999", /id/],
    ["/v1/page/1?n=1&n=2", /^n: is given twice/],
    ["/v1/page/1?n=%zz", /^n: has a malformed/],
    ["/v1/page/%zz", /malformed/],
  ] as const) {
    const response = await get(path);
    expect([path, response.status]).toEqual([path, 400]);
    expect(await response.json()).toMatchObject({ message: expect.stringMatching(text) });
  }
  const { status, headers } = await get("/v1/page/1/2");
  expect([status, headers.get("allow")]).toEqual([404, null]);
});

test("a required part that fails fails the whole with its status, and the others are cancelled", async () => {
  let other: Cancellation | undefined;
  const { get, errors } = await behind(page, {
    getDish: async () => {
      throw new RpcError("NOT_FOUND", "no such dish");
    },
    mirror: (_request, { cancellation }) => {
      other = cancellation;
      return new Promise(() => {});
    },
  });
  const response = await get("/v1/page/1");
  expect([response.status, await response.json()]).toEqual([404, { code: 5, message: "no such dish", details: [] }]);
  expect(other?.reason).toMatchObject({ code: "CANCELLED" });
  expect(errors).toEqual([]);
});

test("an optional part that fails gives its default, and its status among the errors", async () => {
  const { get, serverErrors } = await behind(page, {
    mirror: async ({ text }) => {
      if (text === "boom!") throw new Error("secret");
      throw new RpcError("UNAVAILABLE", "closed");
    },
  });
  const response = await get("/v1/page/1");
  expect([response.status, await response.json()]).toMatchObject([
    200,
    {
      product: { id: "1" },
      reviews: { text: "none" },
      errors: { reviews: { code: 14, message: "closed", details: [] } },
    },
  ]);
  const hidden = await (await get("/v1/page/1?q=boom")).text();
  expect(JSON.parse(hidden).errors.reviews).toMatchObject({
    code: 13,
    message: expect.stringMatching(/^internal error /),
  });
  expect(hidden).not.toContain("secret");
  expect(serverErrors).toMatchObject([{ message: "secret" }]);
});

test("without a default an optional part that fails is null", async () => {
  const { get } = await behind(
    { get: "/page", parts: { a: { method: dish, optional: true } } },
    { getDish: async () => Promise.reject(new RpcError("ABORTED", "no")) },
  );
  expect(await (await get("/page")).json()).toMatchObject({ a: null, errors: { a: { code: 10 } } });
});

test("every part has its own policy, and credentials reach all of them", async () => {
  const auth = { access: "DENY", providers: [], scopes: [], audiences: [] } as const;
  const denied = await behind(page, {}, { policy: { getDish: { auth } } });
  expect((await denied.get("/v1/page/1")).status).toBe(403);
  const partly = await behind(page, {}, { policy: { mirror: { auth } } });
  expect(await (await partly.get("/v1/page/1")).json()).toMatchObject({
    product: { id: "1" },
    errors: { reviews: { code: 7 } },
  });
  const seen: unknown[] = [];
  const { get } = await behind(page, {
    getDish: (_request, { requestMetadata }) => {
      seen.push(requestMetadata.get("authorization"));
      return Dish.create();
    },
    mirror: (request, { requestMetadata }) => {
      seen.push(requestMetadata.get("authorization"));
      return AllKinds.create(request);
    },
  });
  await get("/v1/page/1", { authorization: "Bearer x" });
  expect(seen).toEqual(["Bearer x", "Bearer x"]);
});

test("the parts share one deadline", async () => {
  const deadlines: number[] = [];
  const { get } = await behind(page, {
    getDish: (_request, { deadline }) => {
      deadlines.push(deadline);
      return Dish.create();
    },
    mirror: (request, { deadline }) => {
      deadlines.push(deadline);
      return AllKinds.create(request);
    },
  });
  await get("/v1/page/1", { "grpc-timeout": "1H" });
  expect(new Set(deadlines).size).toBe(1);
  const late = await behind(page, { getDish: () => new Promise(() => {}) });
  expect((await late.get("/v1/page/1", { "grpc-timeout": "1m" })).status).toBe(504);
});

test("a client that leaves cancels all parts", async () => {
  const cancelled: Promise<unknown>[] = [];
  let begun: (() => void) | undefined;
  const started = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const stuck = ((_request: unknown, { signal }: { signal: AbortSignal }) => {
    cancelled.push(once(signal, "abort"));
    if (cancelled.length === 2) begun?.();
    return new Promise(() => {});
  }) as never;
  const { port, gateway } = await behind(page, { getDish: stuck, mirror: stuck });
  const socket = await open(port);
  socket.write("GET /v1/page/1 HTTP/1.1\r\nhost: x\r\n\r\n");
  await started;
  socket.destroy();
  await Promise.all(cancelled);
  await gateway.idle();
});

test.each<[string, Composition, RegExp]>([
  [
    "a method that is not there",
    { get: "/p", parts: { a: { method: "test.kitchen.v1.Kitchen/GetDihs" } } },
    /compose\[0\]\.parts\.a\.method: .*did you mean test\.kitchen\.v1\.Kitchen\/GetDish/,
  ],
  [
    "a method that streams",
    { get: "/p", parts: { a: { method: "test.kitchen.v1.Kitchen/WatchDishes" } } },
    /streams, and only unary/,
  ],
  [
    "a field that is not there",
    { get: "/p", parts: { a: { method: mirror, request: { nested: { nam: "x" } } } } },
    /parts\.a\.request\.nested: test\.kitchen\.v1\.AllKinds\.Nested: unknown key "nam", did you mean name/,
  ],
  [
    "a constant that does not fit",
    { get: "/p", parts: { a: { method: dish, request: { id: true } } } },
    /parts\.a\.request: /,
  ],
  [
    "a variable that the path has not",
    { get: "/p/{id}", parts: { a: { method: dish, request: { id: "{ids}" } } } },
    /parts\.a\.request\.id: \{ids\} is no variable of the path: write \{id\} or/,
  ],
  [
    "a text for a message",
    { get: "/p/{id}", parts: { a: { method: mirror, request: { nested: "{id}" } } } },
    /request\.nested: the field holds a message/,
  ],
  ["a member called errors", { get: "/p", parts: { errors: { method: dish } } }, /"errors" is where/],
  ["a default that is never used", { get: "/p", parts: { a: { method: dish, default: 1 } } }, /default is never used/],
  ["no parts", { get: "/p", parts: {} }, /parts is empty/],
  ["no path", { get: "p", parts: { a: { method: dish } } }, /get is "p"/],
  ["a variable twice", { get: "/{a}/{a}", parts: { a: { method: dish } } }, /\{a\} twice/],
  ["a pattern", { get: "/{a=**}", parts: { a: { method: dish } } }, /get is/],
  [
    "an unknown key",
    { get: "/p", parts: { a: { method: dish, optionl: true } as never } },
    /unknown key "optionl", did you mean optional/,
  ],
  [
    "a path that is taken",
    { get: "/v1/dishes/{x}", parts: { a: { method: dish } } },
    /matches the same requests as GET \/v1\/dishes\/\{id\}/,
  ],
  [
    "by the name it was given",
    { get: "/p", where: "mesh.yaml:7", parts: { a: { method: "x" } } },
    /^mesh\.yaml:7\.parts\.a\.method: /,
  ],
])("refuses %s", (_name, composition, text) => {
  const target = inProcess(implement(Kitchen, cook as Kitchen));
  expect(() => createGateway([{ spec: Kitchen, target }], { compose: [composition] })).toThrow(text);
});
