/** What is answered instead of a failure, when, and how the caller learns of it. */
import { expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { type Kept, mountOnGetDish, plainCache } from "../../test/kept.ts";
import { Dish, GetDishRequest } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import type { Call } from "../core/call.ts";
import { type Code, codes, RpcError } from "../core/error.ts";
import type { Handler } from "../core/layer.ts";
import { Metadata } from "../core/metadata.ts";
import type { MethodFacts } from "../core/policy.ts";
import { siteFactory } from "../core/site.ts";
import { esCodec } from "../messages/codec.ts";
import { RetryInfo } from "../messages/details.ts";
import { FakeClock, mount, mountLayers, settled } from "../testing.ts";
import { cache } from "./cache.ts";
import { type FallbackConfig, fallback } from "./fallback.ts";

const on: readonly Code[] = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN"];
const leftovers = '{ "name": "leftovers", "id": "7", "labels": { "a": "b" }, "photo": "AQID" }';
const unavailable = new RpcError("UNAVAILABLE", "the oven is off", { metadata: new Metadata().set("x-why", "tired") });

const failing = (error: unknown) => () => {
  throw error;
};
const withFallback = (config: Partial<FallbackConfig>, options: Kept = {}) =>
  mountOnGetDish(fallback, { on, ...config }, { handler: failing(unavailable), ...options });

test("a reply in ProtoJSON stands in for a failure, each time as a message of its own", async () => {
  const { get, seen } = withFallback({ json: leftovers });
  for (let n = 0; n < 3; n++) {
    const reply = await get("soup");
    expect(reply).toMatchObject({ name: "leftovers", id: 7n, labels: { a: "b" } });
    expect([...reply.photo]).toEqual([1, 2, 3]);
    reply.photo.fill(0);
    reply.labels.a = "spoilt";
  }
  expect(seen).toHaveLength(3);
});

test("messages of protobuf-es need no service for their JSON", async () => {
  const site = siteFactory({})({ ...mount({ name: "x" }, {}).method, reply: esCodec(RetryInfo) });
  const layer = fallback.client?.({ on, json: '{"retryDelay": "3s"}' }, site);
  const reply = await layer?.(async () => failing(unavailable)())({ method: site.method } as Call);
  expect(reply).toMatchObject({ retryDelay: { seconds: 3n } });
});

test("an answer of the peer is passed on", async () => {
  const dish = Dish.create();
  const { get } = withFallback({ json: "{}" }, { handler: () => dish });
  expect(await get("soup")).toBe(dish);
  expect(await get("soup", { onTrailers: () => {} })).toBe(dish);
});

test("only the listed codes are replaced", async () => {
  for (const code of codes.slice(1) as Code[]) {
    const { get } = withFallback({ json: "{}" }, { handler: failing(new RpcError(code, "no")) });
    const got = await get("soup").then(
      () => "replaced",
      (error) => error.code,
    );
    expect(got).toBe(on.includes(code) ? "replaced" : code);
  }
});

test.each([
  ["UNAUTHENTICATED", {}],
  ["PERMISSION_DENIED", {}],
  ["INVALID_ARGUMENT", {}],
  ["UNAVAILABLE", { refusedBy: "auth" }],
  ["RESOURCE_EXHAUSTED", { refusedBy: "limits" }],
] as const)("%s %o is the caller's own, whatever the options say", async (code, options) => {
  const error = new RpcError(code, "no", options);
  const { get } = withFallback({ json: "{}", on: codes.slice(1) as Code[] }, { handler: failing(error) });
  await expect(get("soup")).rejects.toBe(error);
});

test("an open breaker is what fallbacks are for", async () => {
  const refused = new RpcError("UNAVAILABLE", "open", { refusedBy: "circuitBreaker" });
  const { get } = withFallback({ json: "{}" }, { handler: failing(refused) });
  expect(await get("soup")).toEqual(Dish.create());
});

test("nothing stands in for a call that its caller gave up", async () => {
  const { get } = withFallback(
    { json: "{}", on: ["CANCELLED", "UNAVAILABLE"] },
    { handler: () => new Promise(() => {}) },
  );
  const abort = new AbortController();
  const call = get("soup", { signal: abort.signal });
  await settled();
  abort.abort();
  await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
});

test("the caller hears of the failed call's trailers, with a mark, once", async () => {
  const { get } = withFallback({ json: "{}" });
  const told: Metadata[] = [];
  const decisions = await decisionsOf(() => get("soup", { onTrailers: (trailers) => told.push(trailers) }));
  expect(told.map((one) => [...one])).toEqual([
    [
      ["x-why", "tired"],
      ["x-mesh-fallback", "static"],
    ],
  ]);
  expect(unavailable.metadata?.has("x-mesh-fallback")).toBe(false);
  expect(decisions).toEqual([
    {
      policy: "fallback",
      outcome: "static",
      method: "/test.kitchen.v1.Kitchen/GetDish",
      detail: { code: "UNAVAILABLE" },
    },
  ]);
});

test("without a failure, or without a stand-in, the trailers come unmarked, once", async () => {
  const told: Metadata[] = [];
  const onTrailers = (trailers: Metadata) => told.push(trailers);
  await withFallback({ json: "{}" }, { handler: () => Dish.create() }).get("soup", { onTrailers });
  const error = new RpcError("NOT_FOUND", "no", { metadata: new Metadata().set("x-why", "gone") });
  await expect(withFallback({ json: "{}" }, { handler: failing(error) }).get("soup", { onTrailers })).rejects.toBe(
    error,
  );
  expect(told.map((one) => [...one])).toEqual([[], [["x-why", "gone"]]]);
});

test("a callback that throws ends its call", async () => {
  const thrown = new Error("mine");
  const onTrailers = failing(thrown);
  for (const handler of [failing(unavailable), failing(new RpcError("NOT_FOUND", "no")), () => Dish.create()])
    await expect(withFallback({ json: "{}" }, { handler }).get("soup", { onTrailers })).rejects.toMatchObject({
      code: "CANCELLED",
      cause: thrown,
    });
});

/** A fallback around the method's cache, and a peer that can fail. */
function withCache(options: { credentials?: () => string | Promise<string>; side?: "SERVER" } = {}) {
  const clock = new FakeClock();
  let error: unknown;
  let n = 0;
  const { getDish } = Kitchen.methods as { getDish: (typeof Kitchen.methods)[string] };
  const config = { ...plainCache, ...(options.side && { side: options.side }) };
  const site = siteFactory({ clock, ...options })({ ...getDish, policy: { cache: config } }, Kitchen);
  const { send } = mountLayers(
    () => [
      fallback.client?.({ on, stale: true }, site) ?? ((next: Handler) => next),
      cache.client?.(config, site) ?? ((next: Handler) => next),
    ],
    {
      clock,
      method: { path: getDish.path },
      handler: () => {
        if (error) throw error;
        return Dish.create({ name: `answer ${++n}` });
      },
    },
  );
  return {
    clock,
    get: (name: string, options?: Parameters<typeof send>[1]) =>
      send(GetDishRequest.create({ name }), options) as Promise<Dish>,
    fail: () => {
      error = unavailable;
    },
  };
}

test("the last good reply stands in, however old, for the same request and caller only", async () => {
  const { get, clock, fail } = withCache();
  const mine = { metadata: { authorization: "a" } };
  await get("soup", mine);
  fail();
  await clock.advance(365 * 24 * 3_600_000);
  const told: Metadata[] = [];
  const reply = await get("soup", { ...mine, onTrailers: (trailers) => told.push(trailers) });
  expect(reply.name).toBe("answer 1");
  expect(told.map((one) => one.get("x-mesh-fallback"))).toEqual(["stale"]);
  await expect(get("stew", mine)).rejects.toBe(unavailable);
  await expect(get("soup")).rejects.toBe(unavailable);
  await expect(get("soup", { metadata: { authorization: "b" } })).rejects.toBe(unavailable);
  await expect(get("soup", { ...mine, cache: false })).rejects.toBe(unavailable);
});

test.each(["at once", "later"])("credentials that a function gives %s count from before the call", async (when) => {
  let user = "ann";
  const { get, clock, fail } = withCache({
    credentials: () => (when === "at once" ? user : Promise.resolve(user)),
  });
  await get("soup");
  fail();
  await clock.advance(5000);
  expect((await get("soup")).name).toBe("answer 1");
  user = "bob";
  const bobs = get("soup");
  user = "ann";
  await expect(bobs).rejects.toBe(unavailable);
});

test.each<[string, string | undefined]>([
  ["SERVER", "SERVER"],
  ["no", undefined],
])("the last good reply with a cache on %s side cannot be built", (_, side) => {
  expect(() => withFallback({ stale: true }, { policy: side ? { cache: { ...plainCache, side } } : {} })).toThrow(
    "needs a cache on the client",
  );
});

/** A fallback to CreateDish, and that method. */
const withOther = (other: Handler, options: Kept = {}) =>
  withFallback({ method: "CreateDish" }, { ...options, sibling: () => other });

test("another method gets the same request and what is left of the time", async () => {
  const seen: Call[] = [];
  const reply = Dish.create({ name: "created" });
  const { get, clock } = withOther(
    async (call) => {
      seen.push(call);
      return reply;
    },
    { handler: () => new Promise((_, fail) => clock.schedule(100, () => fail(unavailable))) },
  );
  const request = GetDishRequest.create({ name: "soup" });
  const call = get(request.name, { timeoutMs: 300, metadata: { k: "v" }, onHeaders: () => {} });
  await clock.advance(100);
  expect(await call).toBe(reply);
  expect(seen[0]).toMatchObject({ request, deadline: 300, attempt: 1, substitute: true, onHeaders: undefined });
  expect(seen[0]?.method.path).toBe("/test.kitchen.v1.Kitchen/CreateDish");
  expect(seen[0]?.metadata.get("k")).toBe("v");
});

test("the trailers are those of the method that answered, with a mark", async () => {
  const told: Metadata[] = [];
  const { get } = withOther(async (call) => {
    call.onTrailers?.(new Metadata().set("x-other", "yes"));
    return Dish.create();
  });
  await get("soup", { onTrailers: (trailers) => told.push(trailers) });
  expect(told.map((one) => [...one])).toEqual([
    [
      ["x-other", "yes"],
      ["x-mesh-fallback", "method"],
    ],
  ]);
});

test("when the other method fails too, the caller gets the first failure and its trailers", async () => {
  const { get } = withOther(async () => failing(new RpcError("INTERNAL", "it too"))());
  const told: Metadata[] = [];
  const decisions = await decisionsOf(async () => {
    await expect(get("soup", { onTrailers: (trailers) => told.push(trailers) })).rejects.toBe(unavailable);
  });
  expect(told.map((one) => [...one])).toEqual([[["x-why", "tired"]]]);
  expect(decisions).toMatchObject([{ outcome: "failed", detail: { kind: "method", code: "INTERNAL" } }]);
});

test("the other method is not asked when no time is left, nor for a caller who left meanwhile", async () => {
  let asked = 0;
  const other: Handler = () => {
    asked++;
    return new Promise(() => {});
  };
  const late = withOther(other, { handler: () => new Promise(() => {}) });
  const call = late.get("soup", { timeoutMs: 50 });
  const failed = expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  await late.clock.advance(50);
  await failed;
  expect(asked).toBe(0);

  const abort = new AbortController();
  const { get } = withOther((call) => {
    abort.abort();
    return Promise.reject(call.cancellation?.reason);
  });
  await expect(get("soup", { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
});

test("two methods that stand in for each other end with the first failure", async () => {
  let runs = 0;
  const site = (name: string, sibling: (name: string) => Handler) =>
    siteFactory({ sibling })({ ...(Kitchen.methods[name] as (typeof Kitchen.methods)[string]) }, Kitchen);
  const handlers = new Map<string, Handler>();
  const sibling = (name: string) => handlers.get(name) as Handler;
  const peer: Handler = ({ method }) => {
    runs++;
    return Promise.reject(new RpcError("UNAVAILABLE", method.name));
  };
  for (const [key, name, other] of [
    ["getDish", "GetDish", "CreateDish"],
    ["createDish", "CreateDish", "GetDish"],
  ] as const)
    handlers.set(name, fallback.client?.({ on, method: other }, site(key, sibling))?.(peer) as Handler);
  const { getDish } = Kitchen.methods as { getDish: (typeof Kitchen.methods)[string] };
  const call = { method: getDish, deadline: Number.POSITIVE_INFINITY } as Call;
  await expect(sibling("GetDish")(call)).rejects.toMatchObject({ text: "GetDish" });
  expect(runs).toBe(2);
});

test("what the other method has instead of its own reply is given, and says both", async () => {
  const seen: string[] = [];
  const { getDish } = Kitchen.methods as { getDish: (typeof Kitchen.methods)[string] };
  const inner = fallback.client?.(
    { on, json: leftovers },
    siteFactory({})(getDish, Kitchen),
  )?.(async (call) => {
    seen.push(call.method.name);
    throw unavailable;
  }) as Handler;
  const told: Metadata[] = [];
  const { get } = withOther(inner);
  expect((await get("soup", { onTrailers: (trailers) => told.push(trailers) })).name).toBe("leftovers");
  expect(seen).toEqual(["CreateDish"]);
  expect(told.map((one) => one.all("x-mesh-fallback"))).toEqual([["static", "method"]]);
});

test.each<[string, Partial<FallbackConfig>, RegExp]>([
  ["no value", {}, /names 0 values: set one of/],
  ["stale: false", { stale: false }, /names 0 values/],
  ["two values", { json: "{}", method: "CreateDish" }, /names 2 values/],
  ["JSON of another message", { json: '{"nome": "x"}' }, /is no test\.kitchen\.v1\.Dish: .*nome/],
  ["no JSON", { json: "{" }, /is no test\.kitchen\.v1\.Dish/],
  ["an unknown method", { method: "Nothing" }, /is no other method of test\.kitchen\.v1\.Kitchen/],
  ["itself", { method: "GetDish" }, /is no other method/],
  ["no siblings", { method: "CreateDish" }, /needs a client of the whole service/],
])("%s cannot be built, and the error says why", (_, config, text) => {
  expect(() => withFallback(config)).toThrow(text);
});

test("streams have no layer", () => {
  const { method } = withFallback({ json: "{}" });
  const site = siteFactory({})({ ...method, kind: "serverStream" }, Kitchen);
  expect(fallback.client?.({ on, json: "{}" }, site)).toBeUndefined();
});

const facts: MethodFacts = {
  path: "/a.B/C",
  kind: "unary",
  idempotency: "NO_SIDE_EFFECTS",
  policy: { cache: plainCache },
  field: () => undefined,
  replyProblem: (json) => (json === "{}" ? undefined : "it is wrong"),
  sibling: (name) =>
    (
      ({
        Same: { kind: "unary", sameTypes: true },
        Other: { kind: "unary", sameTypes: false },
        Stream: { kind: "serverStream", sameTypes: true },
      }) as const
    )[name as "Same"],
};
const found = (config: Partial<FallbackConfig>, method: Partial<MethodFacts> = {}) =>
  fallback.rules?.filter(({ check }) => check({ on, ...config }, { ...facts, ...method })).map(({ id }) => id);

test.each<[string, Partial<FallbackConfig>, Partial<MethodFacts>]>([
  ["fallback/unary", { json: "{}" }, { kind: "clientStream" }],
  ["fallback/value", {}, {}],
  ["fallback/value", { stale: false }, {}],
  ["fallback/value", { json: "{}", stale: true }, {}],
  ["fallback/on-empty", { json: "{}", on: [] }, {}],
  ["fallback/callers-own", { json: "{}", on: ["UNAVAILABLE", "PERMISSION_DENIED"] }, {}],
  ["fallback/callers-own", { json: "{}", on: ["UNAUTHENTICATED"] }, {}],
  ["fallback/callers-own", { json: "{}", on: ["INVALID_ARGUMENT"] }, {}],
  ["fallback/json", { json: "[]" }, {}],
  ["fallback/static-after-side-effects", { json: "{}" }, { idempotency: "IDEMPOTENT" }],
  ["fallback/static-after-side-effects", { json: "{}" }, { idempotency: undefined }],
  ["fallback/stale-without-cache", { stale: true }, { policy: {} }],
  ["fallback/stale-without-cache", { stale: true }, { policy: { cache: { ...plainCache, side: "SERVER" } } }],
  ["fallback/method", { method: "None" }, {}],
  ["fallback/method", { method: "C" }, {}],
  ["fallback/method", { method: "Other" }, {}],
  ["fallback/method", { method: "Stream" }, {}],
])("rule %s finds %o", (id, config, method) => {
  expect(found(config, method)).toEqual([id]);
});

test.each<[Partial<FallbackConfig>, Partial<MethodFacts>]>([
  [{ json: "{}" }, {}],
  [{ stale: true }, {}],
  [{ method: "Same" }, { idempotency: undefined, policy: {} }],
])("the rules are content with %o", (config, method) => {
  expect(found(config, method)).toEqual([]);
});
