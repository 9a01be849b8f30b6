import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { AllKinds, WatchDishesRequest } from "../../test/kitchen/kitchen.ts";
import type { Principal } from "../core/call.ts";
import { RpcError } from "../core/error.ts";
import type { FieldFacts, MethodFacts } from "../core/policy.ts";
import { siteFactory } from "../core/site.ts";
import { tsProtoCodec } from "../messages/codec.ts";
import { QuotaFailure, RetryInfo } from "../messages/details.ts";
import { detail, findDetail } from "../messages/status.ts";
import { FakeClock, mount } from "../testing.ts";
import { Buckets, Gcra } from "./rate-limit/bucket.ts";
import { quotaFields, quotaOf, quotasOf } from "./rate-limit/quota.ts";
import { type RateLimitConfig, rateLimit } from "./rate-limit.ts";

const limit = (part: Partial<RateLimitConfig> = {}): RateLimitConfig => ({
  name: "tenant",
  perSecond: 10,
  burst: 2,
  by: [],
  cost: "1",
  shared: false,
  failClosed: false,
  shadow: false,
  scope: "method",
  ...part,
});

const refused = { code: "RESOURCE_EXHAUSTED", refusedBy: "rateLimit" };
const caught = async (call: Promise<unknown>): Promise<RpcError> => {
  const error: unknown = await call.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(RpcError);
  return error as RpcError;
};
const principal = (subject: string, claims = {}): Principal => ({
  subject,
  provider: "jwt",
  scopes: [],
  audiences: [],
  claims,
});

test.each(["method", "service"] as const)(
  "a bucket of a %s outlives a change of the method's policy",
  async (scope) => {
    const clock = new FakeClock();
    const site = siteFactory({ clock });
    const built = () => mount(rateLimit, [limit({ scope, burst: 1 })], { clock, site });
    await built().send();
    await expect(built().send()).rejects.toMatchObject(refused);
  },
);

test("admits the burst, refuses the next call, admits again after refill", async () => {
  const { send, seen, clock } = mount(rateLimit, [limit()]);
  await send();
  await send();
  await expect(send()).rejects.toMatchObject(refused);
  expect(seen).toHaveLength(2);

  await clock.advance(99);
  await expect(send()).rejects.toMatchObject(refused);
  await clock.advance(1);
  await send();
  await expect(send()).rejects.toMatchObject(refused);
});

test("a refusal says how long to wait, to people, to gRPC and to programs", async () => {
  const { send, clock } = mount(rateLimit, [limit({ perSecond: 0.4, burst: 1 })]);
  await send();
  await clock.advance(200);
  const error = await caught(send());
  expect(error.text).toBe('/test.v1.Test/Call: limit "tenant" admits 24 per minute, 1 at once: wait 2300 ms');
  expect(error.metadata?.all("grpc-retry-pushback-ms")).toEqual(["2300"]);
  expect(findDetail(error, RetryInfo)?.retryDelay).toMatchObject({ seconds: 2n, nanos: 300_000_000 });
  expect(findDetail(error, QuotaFailure)?.violations).toMatchObject([
    { subject: "rate_limit:tenant", description: 'limit "tenant" admits 24 per minute, 1 at once' },
  ]);
  expect(quotasOf(error)).toEqual([{ name: "tenant", amount: 24, windowSeconds: 60 }]);
});

test.each([
  [200, 200, 1],
  [1.5, 90, 60],
  [1 / 3, 20, 60],
  [5 / 3600, 5, 3600],
  [7 / 86_400, 7, 86_400],
  [Math.PI, 3, 1],
  [1e-7, 1, 10_000_000],
  [1e30, 999_999_999_999_999, 1],
])("callers see %d per second as whole numbers: %d in %d s", async (perSecond, amount, windowSeconds) => {
  expect(quotaOf(limit({ perSecond }))).toEqual({ name: "tenant", amount, windowSeconds });
});

test.each([
  ["another metric", { quotaMetric: "cpus" }],
  ["no window", { quotaDimensions: {} }],
  ["a window that is no number", { quotaDimensions: { window: "1m" } }],
  ["nothing", { quotaValue: 0n }],
  ["more than headers hold", { quotaValue: 2n ** 60n }],
])("a quota failure that has %s is no rate limit", (_, change) => {
  const fields = { ...quotaFields({ name: "a", amount: 1, windowSeconds: 1 }), ...change };
  const details = [detail(QuotaFailure, { violations: [fields] })];
  expect(quotasOf(new RpcError("RESOURCE_EXHAUSTED", "", { details }))).toEqual([]);
});

describe("keys", () => {
  const one = (by: string[], part = {}) => mount(rateLimit, [limit({ by, burst: 1, perSecond: 1 })], part).send;

  test.each([
    ["principal", { principal: principal("ann") }, { principal: principal("bob") }],
    ["claim:tenant", { principal: principal("x", { tenant: "a" }) }, { principal: principal("x", { tenant: "b" }) }],
    ["claim:n", { principal: principal("x", { n: 1 }) }, { principal: principal("x", { n: 2 }) }],
    ["metadata:X-Key", { metadata: { "x-key": "a" } }, { metadata: { "x-key": "b" } }],
    ["metadata:k-bin", { metadata: { "k-bin": Uint8Array.of(1) } }, { metadata: { "k-bin": Uint8Array.of(2) } }],
    ["peer", { peer: { address: "10.0.0.1" } }, { peer: { address: "10.0.0.2" } }],
  ])("%s gives each value its own bucket", async (key, a, b) => {
    const send = one([key]);
    await send({}, a);
    await send({}, b);
    await expect(send({}, a)).rejects.toMatchObject(refused);
    await expect(send({}, b)).rejects.toMatchObject(refused);
  });

  test.each([
    ["field:text", { text: "a" }, { text: "b" }],
    ["field:nested.name", { nested: { name: "a" } }, {}],
  ])("%s gives each value its own bucket", async (key, a, b) => {
    const send = one([key], { method: { request: tsProtoCodec("test.kitchen.v1.AllKinds", AllKinds) } });
    await send(AllKinds.create(a));
    await send(AllKinds.create(b));
    await expect(send(AllKinds.create(a))).rejects.toMatchObject(refused);
  });

  test.each([["all"], ["method"]])("%s is one bucket for the method", async (key) => {
    const send = one([key]);
    await send({}, { principal: principal("ann") });
    await expect(send({}, { principal: principal("bob") })).rejects.toMatchObject(refused);
  });

  test("callers without the value share a bucket, which an empty value is not", async () => {
    const send = one(["metadata:k"]);
    await send();
    await expect(send()).rejects.toMatchObject(refused);
    await send({}, { metadata: { k: "" } });
  });

  test("the same subject of two providers is two callers", async () => {
    const send = one(["principal"]);
    await send({}, { principal: principal("ann") });
    await send({}, { principal: { ...principal("ann"), provider: "mtls" } });
  });

  test("a claim that every object has is not one that the caller has", async () => {
    const send = one(["claim:constructor"]);
    await send({}, { principal: principal("ann") });
    await expect(send()).rejects.toMatchObject(refused);
  });

  test("combined keys cannot be shifted into each other", async () => {
    const send = one(["metadata:a", "metadata:b"]);
    await send({}, { metadata: { a: "xy", b: "z" } });
    await send({}, { metadata: { a: "x", b: "yz" } });
    await send({}, { metadata: { a: "1=x" } });
    await send({}, { metadata: { b: "1=x" } });
    await expect(send({}, { metadata: { a: "xy", b: "z" } })).rejects.toMatchObject(refused);
  });

  test("long values count in full", async () => {
    const send = one(["metadata:a"]);
    const long = "x".repeat(5000);
    await send({}, { metadata: { a: `${long}1` } });
    await send({}, { metadata: { a: `${long}2` } });
    await expect(send({}, { metadata: { a: `${long}1` } })).rejects.toMatchObject(refused);
  });

  test("beyond 10,000 keys those unused for longest are forgotten, those in use never", () => {
    const buckets = new Buckets();
    const unused = buckets.of("unused");
    const used = buckets.of("used");
    for (let n = 0; n < 30_000; n++) {
      buckets.of(`key ${n}`);
      if (n % 4_000 === 0) expect(buckets.of("used")).toBe(used);
      expect(buckets.size).toBeLessThanOrEqual(10_000);
    }
    expect(buckets.of("unused")).not.toBe(unused);
  });
});

describe("cost", () => {
  const request = tsProtoCodec("test.kitchen.v1.WatchDishesRequest", WatchDishesRequest);
  const counted = () => mount(rateLimit, [limit({ cost: "field:count", burst: 10 })], { method: { request } });
  const ask = (count: number) => WatchDishesRequest.create({ count });

  test("is what a field says", async () => {
    const { send } = counted();
    await send(ask(7));
    await expect(send(ask(4))).rejects.toMatchObject(refused);
    await send(ask(3));
  });

  test.each([0, -5, undefined])("of %s counts as 1", async (count) => {
    const { send } = counted();
    for (let n = 0; n < 10; n++) await send(count === undefined ? {} : ask(count));
    await expect(send(ask(1))).rejects.toMatchObject(refused);
  });

  test("above the burst can never fit, takes nothing, and the refusal says what would", async () => {
    const { send } = counted();
    const error = await caught(send(ask(11)));
    expect(error).toMatchObject(refused);
    expect(error.text).toContain("this call costs 11, ask for 10 or less");
    expect(error.metadata?.get("grpc-retry-pushback-ms")).toBe("-1");
    expect(findDetail(error, RetryInfo)).toBeUndefined();
    await send(ask(10));
  });

  test("may be the length of a repeated field, or a fixed number", async () => {
    const codec = tsProtoCodec("test.kitchen.v1.AllKinds", AllKinds);
    const texts = mount(rateLimit, [limit({ cost: "field:texts", burst: 3 })], { method: { request: codec } });
    await texts.send(AllKinds.create({ texts: ["a", "b"] }));
    await expect(texts.send(AllKinds.create({ texts: ["a", "b"] }))).rejects.toMatchObject(refused);

    const fixed = mount(rateLimit, [limit({ cost: "2", burst: 3 })]);
    await fixed.send();
    await expect(fixed.send()).rejects.toMatchObject(refused);
  });
});

test("several limits take from all or from none, and the refusal names all that were exceeded", async () => {
  const wide = limit({ name: "wide", burst: 3, perSecond: 1 });
  const narrow = limit({ name: "narrow", burst: 1, perSecond: 1, by: ["metadata:k"] });
  const { send } = mount(rateLimit, [wide, narrow]);
  const as = (k: string) => send({}, { metadata: { k } });
  await as("a");
  for (let n = 0; n < 5; n++) await expect(as("a")).rejects.toMatchObject(refused);
  await as("b");
  await as("c"); // had the refused calls taken from `wide`, this would be refused

  const error = await caught(as("c"));
  expect(
    findDetail(error, QuotaFailure)
      ?.violations.map(({ subject }) => subject)
      .sort(),
  ).toEqual(["rate_limit:narrow", "rate_limit:wide"]);
});

test("a shadow limit reports and admits; a real one beside it still refuses", async () => {
  const { send, seen } = mount(rateLimit, [limit({ name: "try", burst: 1, shadow: true }), limit({ burst: 2 })]);
  const decisions = await decisionsOf(async () => {
    await send();
    await send();
    await expect(send()).rejects.toMatchObject(refused);
  });
  expect(seen).toHaveLength(2);
  const method = "/test.v1.Test/Call";
  const tried = { policy: "rateLimit", outcome: "shadow", method, detail: { limit: "try", cost: 1, waitMs: 100 } };
  const refusal = {
    policy: "rateLimit",
    outcome: "refused",
    method,
    detail: { limit: "tenant", cost: 1, waitMs: 100 },
  };
  expect(decisions).toEqual([tried, tried, refusal]);
});

test("a refusal speaks of the limits that refuse, not of shadows that are over as well", async () => {
  const shadow = limit({ name: "try", burst: 1, perSecond: 0.001, shadow: true });
  const { send } = mount(rateLimit, [shadow, limit({ burst: 1 })]);
  await send();
  const error = await caught(send());
  expect(error.text).toContain('limit "tenant"');
  expect(findDetail(error, QuotaFailure)?.violations).toHaveLength(1);
});

describe("a limit of the service", () => {
  const pair = (by: string[], scope: "method" | "service") => {
    const clock = new FakeClock();
    const site = siteFactory({ clock });
    const at = (path: string) =>
      mount(rateLimit, [limit({ scope, by, burst: 1 })], { side: "server", clock, site, method: { path } }).send;
    return { a: at("/shop.Shop/A"), b: at("/shop.Shop/B"), other: at("/shop.Other/A") };
  };

  test("is shared by its methods and by no other service", async () => {
    const { a, b, other } = pair(["metadata:k"], "service");
    await a();
    await expect(b()).rejects.toMatchObject(refused);
    await b({}, { metadata: { k: "1" } });
    await other();
  });

  test("without keys is shared too", async () => {
    const { a, b } = pair([], "service");
    await a();
    await expect(b()).rejects.toMatchObject(refused);
  });

  test.each([
    ["with the key method", ["method"], "service"],
    ["when it is the method's", [], "method"],
  ] as const)("is each method's own %s", async (_, by, scope) => {
    const { a, b } = pair([...by], scope);
    await a();
    await b();
    await expect(b()).rejects.toMatchObject(refused);
  });
});

test.each([
  ["shared", { shared: true }, {}, /"tenant" is shared between replicas, which needs a store/],
  ["a field key on a client stream", { by: ["field:name"] }, { kind: "clientStream" }, /stream of requests/],
  ["a cost field on a bidi stream", { cost: "field:n" }, { kind: "bidi" }, /stream of requests/],
  ["a cost above the burst", { cost: "3" }, {}, /costs 3 per call and holds 2/],
] as const)("%s fails when the server is built", (_, part, method, message) => {
  expect(() => mount(rateLimit, [limit(part)], { method })).toThrow(message);
});

test("no limit, no layer", () => {
  const clock = new FakeClock();
  expect(rateLimit.server?.([], siteFactory({ clock })(mount(rateLimit, []).method))).toBeUndefined();
});

test("never admits more than burst + rate * t in any span t, nor less than it could", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 5000, noNaN: true }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(
        fc.record({
          gapMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 500, noNaN: true })),
          cost: fc.integer({ min: 1, max: 10 }),
        }),
        {
          maxLength: 150,
        },
      ),
      (perSecond, burst, script) => {
        const gcra = new Gcra(perSecond, burst);
        const bucket = { fullAt: Number.NEGATIVE_INFINITY };
        const admitted: { at: number; cost: number }[] = [];
        let tokens = burst;
        let now = 1e6;
        for (const { gapMs, cost } of script) {
          now += gapMs;
          tokens = Math.min(burst, tokens + (gapMs * perSecond) / 1000);
          const after = gcra.after(bucket, cost, now);
          const fits = cost <= burst && gcra.wait(after, now) === 0;
          // A token bucket is the same thing told differently; where they differ, it is by rounding.
          if (Math.abs(tokens - cost) > 0.01) expect(fits).toBe(tokens >= cost);
          if (!fits) continue;
          bucket.fullAt = after;
          tokens -= cost;
          admitted.push({ at: now, cost });
        }
        for (const [start, { at: from }] of admitted.entries()) {
          let sum = 0;
          for (const { at, cost } of admitted.slice(start)) {
            sum += cost;
            expect(sum).toBeLessThanOrEqual(burst + (perSecond * (at - from)) / 1000 + 0.01);
          }
        }
      },
    ),
  );
});

describe("rules", () => {
  const fields: { [path: string]: FieldFacts } = {
    name: { scalar: "string", repeated: false, map: false, sensitive: false },
    n: { scalar: "int", repeated: false, map: false, sensitive: false },
    ratio: { scalar: "float", repeated: false, map: false, sensitive: false },
    names: { scalar: "string", repeated: true, map: false, sensitive: false },
    labels: { scalar: "message", repeated: true, map: true, sensitive: false },
    user: { scalar: "message", repeated: false, map: false, sensitive: false },
  };
  const facts = (part: Partial<MethodFacts> = {}): MethodFacts => ({
    path: "/a.B/C",
    kind: "unary",
    idempotency: undefined,
    policy: {},
    field: (path) => fields[path],
    replyProblem: () => undefined,
    sibling: () => undefined,
    ...part,
  });
  const found = (limits: readonly RateLimitConfig[], method = facts()) =>
    rateLimit.rules
      ?.filter(({ check }) => check(limits, method) !== undefined)
      .map(({ id }) => id.slice("rate-limit/".length));

  test.each([
    ["name", [limit({ name: undefined as never })], {}],
    ["rate", [limit({ perSecond: undefined as never })], {}],
    ["name-twice", [limit(), limit()], {}],
    ["fail-closed", [limit({ failClosed: true })], {}],
    ["key-field", [limit({ by: ["field:nope"] })], {}],
    ["key-field", [limit({ by: ["field:names"] })], {}],
    ["key-field", [limit({ by: ["field:labels"] })], {}],
    ["key-field", [limit({ by: ["field:ratio"] })], {}],
    ["key-field", [limit({ by: ["field:user"] })], {}],
    ["cost-field", [limit({ cost: "field:nope" })], {}],
    ["cost-field", [limit({ cost: "field:name" })], {}],
    ["cost-field", [limit({ cost: "field:labels" })], {}],
    ["field-of-stream", [limit({ by: ["field:name"] })], { kind: "bidi" }],
    ["field-of-stream", [limit({ cost: "field:n" })], { kind: "clientStream" }],
    ["key-of-public", [limit({ by: ["principal"] })], { policy: { auth: { access: "PUBLIC", providers: [] } } }],
    ["key-of-public", [limit({ by: ["claim:t"] })], { policy: { auth: { access: "PUBLIC", providers: [] } } }],
    ["cost-above-burst", [limit({ cost: "3" })], {}],
    ["slow-for-all", [limit({ perSecond: 0.5 })], {}],
  ] as const)("%s is found", (id, limits, part) => {
    expect(found(limits, facts(part))).toEqual([id]);
  });

  test("are content with limits that fit", () => {
    const fine = [
      limit({ by: ["principal", "field:name", "field:n"], cost: "2" }),
      limit({ name: "b", cost: "field:names" }),
      limit({ name: "c", cost: "field:ratio" }),
    ];
    expect(found(fine, facts({ policy: { auth: { access: "AUTHENTICATED", providers: [] } } }))).toEqual([]);
  });
});
