/** Who gets which reply, how old it may be, and what callers learn of it. */
import { expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { dishOf, type Kept, mountOnGetDish, plainCache } from "../../test/kept.ts";
import { Dish, GetDishRequest } from "../../test/kitchen/kitchen.ts";
import { Cancellation } from "../core/cancellation.ts";
import { RpcError } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";
import type { MethodFacts } from "../core/policy.ts";
import { settled } from "../testing.ts";
import { type CacheConfig, cache } from "./cache.ts";

const kept = (config: Partial<CacheConfig> = {}, options: Kept = {}) =>
  mountOnGetDish(
    cache,
    { ...plainCache, ...(options.side === "server" && { side: "SERVER" as const }), ...config },
    options,
  );

/** Answers until it is told to fail. */
function moody() {
  let error: unknown;
  let n = 0;
  return {
    fail: (by: unknown) => {
      error = by;
    },
    heal: () => {
      error = undefined;
    },
    handler: () => {
      if (error) throw error;
      n++;
      return Dish.create({ name: `answer ${n}` });
    },
  };
}

const ann = { subject: "ann", provider: "users", scopes: [], audiences: [], claims: { tenant: "t", level: 1 } };
const bob = { ...ann, subject: "bob" };
const unavailable = new RpcError("UNAVAILABLE", "the oven is off");

test("a reply is given again until its time is over, as a message of its own", async () => {
  const { get, seen, clock } = kept();
  const first = await get("soup");
  await clock.advance(999);
  const second = await get("soup");
  expect(second).toEqual(first);
  expect(second).not.toBe(first);
  expect(seen).toHaveLength(1);
  await clock.advance(1);
  await get("soup");
  expect(seen).toHaveLength(2);
  expect(await get("stew")).toEqual(dishOf({ name: "stew" }));
  expect(seen).toHaveLength(3);
});

test("time counts from when a reply was asked for", async () => {
  const { get, seen, clock } = kept(
    {},
    { handler: () => new Promise((done) => clock.schedule(600, () => done(Dish.create()))) },
  );
  const reply = get("soup");
  await clock.advance(600);
  await reply;
  await clock.advance(399);
  await get("soup");
  expect(seen).toHaveLength(1);
  await clock.advance(1);
  get("soup").catch(() => {});
  expect(seen).toHaveLength(2);
});

test("what one caller does to a reply reaches no other, bytes included", async () => {
  const photo = () => Buffer.from("a photo of some size, so that no copy is needed");
  const { get } = kept({}, { handler: () => Dish.create({ photo: photo(), labels: { a: "b" } }) });
  for (let n = 0; n < 3; n++) {
    const reply = await get("soup");
    expect(Buffer.from(reply.photo)).toEqual(photo());
    expect(reply.labels).toEqual({ a: "b" });
    reply.photo.fill(0);
    reply.labels.a = "spoilt";
  }
});

test("a failure is not kept", async () => {
  const peer = moody();
  const { get, seen } = kept({}, peer);
  peer.fail(unavailable);
  await expect(get("soup")).rejects.toBe(unavailable);
  peer.heal();
  await get("soup");
  await get("soup");
  expect(seen).toHaveLength(2);
});

test("a reply that cannot be encoded is passed on and not kept, and a request that cannot be is not looked up", async () => {
  const broken = { labels: null };
  const { get, send, seen } = kept({}, { handler: () => broken });
  expect(await get("soup")).toBe(broken);
  expect(await get("soup")).toBe(broken);
  expect(await send({ name: 5n, id: {} })).toBe(broken);
  expect(seen).toHaveLength(3);
});

test("a client's callers are known by all that they send, except what travels", async () => {
  const { get, seen } = kept();
  const as = (metadata: { [key: string]: string | Uint8Array | string[] }) => get("soup", { metadata });
  await as({ authorization: "Bearer a" });
  await as({ authorization: "Bearer a", traceparent: "1", tracestate: "2", "x-request-id": "4" });
  await get("soup", { metadata: { authorization: "Bearer a" }, criticality: "SHEDDABLE" });
  expect(seen).toHaveLength(1);
  const others = [
    {},
    { authorization: "Bearer b" },
    { authorization: "Bearer a", "x-api-key": "k" },
    // Says whose request it is, or where to route it, as often as not.
    { authorization: "Bearer a", baggage: "tenant=t" },
    { "x-api-key": "k" },
    { "k-bin": new Uint8Array([1]) },
    { "k-bin": new Uint8Array([2]) },
    { k: ["a", "b"] },
    { k: ["ab"] },
    { k: ["b", "a"] },
    { ka: "b" },
  ];
  for (const metadata of others) await as(metadata as { [key: string]: string });
  expect(seen).toHaveLength(1 + others.length);
  for (const metadata of others) await as(metadata as { [key: string]: string });
  expect(seen).toHaveLength(1 + others.length);
});

test("headers in another order are the same caller", async () => {
  const { get, seen } = kept();
  await get("soup", { metadata: { a: "1", b: "2" } });
  await get("soup", { metadata: { b: "2", a: "1" } });
  expect(seen).toHaveLength(1);
});

test.each([
  ["at once", (token: string) => token],
  ["later", async (token: string) => token],
])("credentials that a function gives %s tell callers apart", async (_, give) => {
  let token = "ann";
  const { get, seen, clock } = kept({}, { credentials: () => give(token) });
  await get("soup");
  await get("soup");
  expect(seen).toHaveLength(1);
  token = "bob";
  await get("soup");
  expect(seen).toHaveLength(2);
  await get("soup", { metadata: { authorization: "Bearer own" } });
  await get("soup", { metadata: { authorization: "Bearer own" } });
  expect(seen).toHaveLength(3);
  expect(clock.pending).toBe(0);
});

test.each([
  [
    "throw",
    () => {
      throw new Error("no token");
    },
  ],
  [
    "reject",
    async () => {
      throw new Error("no token");
    },
  ],
  ["give none", async () => undefined as unknown as string],
])("credentials that %s: the call goes on without the cache", async (_, credentials) => {
  const { get, seen } = kept({}, { credentials });
  await get("soup");
  await get("soup");
  expect(seen).toHaveLength(2);
});

test("public data is the same for all who ask, on both sides", async () => {
  const client = kept({ vary: ["all"] }, { credentials: () => String(Math.random()) });
  await client.get("soup", { metadata: { authorization: "a" } });
  await client.get("soup", { metadata: { authorization: "b" } });
  expect(client.seen).toHaveLength(1);
  const server = kept({ vary: ["all"] }, { side: "server" });
  await server.get("soup", { principal: ann });
  await server.get("soup", { principal: bob });
  expect(server.seen).toHaveLength(1);
});

test("a server keeps principals apart by provider and subject, and does not care what else they send", async () => {
  const { get, seen } = kept({}, { side: "server" });
  for (const principal of [ann, bob, { ...ann, provider: "robots" }, undefined, { ...ann, subject: "" }])
    for (const metadata of [{ "user-agent": "a" }, { "user-agent": "b" }]) await get("soup", { principal, metadata });
  expect(seen.map(({ principal }) => principal?.subject)).toEqual(["ann", "bob", "ann", undefined, ""]);
});

test("by claim, principals of one tenant share, and those without the claim do not", async () => {
  const { get, seen } = kept({ vary: ["claim:tenant"] }, { side: "server" });
  await get("soup", { principal: ann });
  await get("soup", { principal: bob });
  expect(seen).toHaveLength(1);
  const strangers = [
    { ...ann, claims: { tenant: "u" } },
    { ...ann, claims: { tenant: ["t"] } },
    { ...ann, provider: "robots" },
    { ...ann, claims: {} },
    { ...bob, claims: {} },
    { ...ann, subject: "cyd", claims: { tenant: null } },
    { ...ann, subject: "dan", claims: { tenant: null } },
    { ...ann, subject: "eve", claims: { tenant: undefined } },
    { ...ann, subject: "fay", claims: { tenant: undefined } },
    { ...ann, claims: { tenant: "" } },
    undefined,
  ];
  for (const principal of strangers) await get("soup", { principal });
  expect(seen).toHaveLength(1 + strangers.length);
  const byLevel = kept({ vary: ["claim:level"] }, { side: "server" });
  await byLevel.get("soup", { principal: ann });
  await byLevel.get("soup", { principal: { ...ann, claims: { level: "1" } } });
  expect(byLevel.seen).toHaveLength(2);
});

test("metadata, peer and fields tell calls apart where vary says so", async () => {
  const { get, seen } = kept({ vary: ["metadata:accept-language", "peer"] }, { side: "server" });
  const from = (address: string, language: string | string[]) =>
    get("soup", { peer: { address }, metadata: { "accept-language": language } });
  for (let round = 0; round < 2; round++) {
    await from("1.1.1.1", "de");
    await from("1.1.1.1", "en");
    await from("2.2.2.2", "de");
    await from("2.2.2.2", ["de", "en"]);
  }
  expect(seen).toHaveLength(4);

  const byName = kept({ vary: ["field:name"] });
  await byName.send({ name: "soup", id: 1n, withRecipe: false });
  await byName.send({ name: "soup", id: 2n, withRecipe: true });
  await byName.send({ name: "stew", id: 1n, withRecipe: false });
  expect(byName.seen).toHaveLength(2);
  await byName.send({ name: new Map([["a", 1]]) });
  await byName.send({ name: new Map([["b", 1]]) });
  expect(byName.seen).toHaveLength(4);
});

test("long requests are kept apart too", async () => {
  const { get, seen } = kept();
  for (let round = 0; round < 2; round++) for (const end of ["a", "b"]) await get("x".repeat(5000) + end);
  expect(seen).toHaveLength(2);
});

test("who wants an answer of the peer itself gets one, and leaves it for the others", async () => {
  const { get, seen } = kept({ staleIfErrorMs: 1000 }, moody());
  await get("soup");
  expect((await get("soup", { cache: false })).name).toBe("answer 2");
  expect((await get("soup")).name).toBe("answer 2");
  expect(seen).toHaveLength(2);
  const peer = moody();
  const strict = kept({ staleIfErrorMs: 1000 }, peer);
  await strict.get("soup");
  peer.fail(unavailable);
  await expect(strict.get("soup", { cache: false })).rejects.toBe(unavailable);
});

test("a server's cache does not ask what a client thinks of caches", async () => {
  const { get, seen } = kept({}, { side: "server" });
  await get("soup", { cache: false });
  await get("soup", { cache: false });
  expect(seen).toHaveLength(1);
});

test("an answer that was asked for earlier does not replace a later one", async () => {
  const dones: ((dish: Dish) => void)[] = [];
  const { get, seen, clock } = kept({}, { handler: () => new Promise((done) => dones.push(done)) });
  const early = get("soup");
  await clock.advance(1);
  const late = get("soup", { cache: false });
  await settled();
  dones[1]?.(Dish.create({ name: "late" }));
  await late;
  dones[0]?.(Dish.create({ name: "early" }));
  expect((await early).name).toBe("early");
  expect((await get("soup")).name).toBe("late");
  expect(seen).toHaveLength(2);
});

test("what a caller does to its request, once it has a stale reply, changes nothing about the fetch behind it", async () => {
  const { send, get, clock } = kept(
    { staleWhileRevalidateMs: 500 },
    {
      // As attempts do after a wait: they read the request late.
      handler: async ({ request }) => {
        await settled();
        return dishOf(request);
      },
    },
  );
  const request = GetDishRequest.create({ name: "soup" });
  await send(request);
  await clock.advance(1000);
  const stale = send(request);
  request.name = "stew";
  expect(await stale).toEqual(dishOf({ name: "soup" }));
  await settled();
  await settled();
  expect(await get("soup")).toEqual(dishOf({ name: "soup" }));
});

test("a stale reply is given at once while one call fetches a new one", async () => {
  const peer = moody();
  const { get, seen, clock } = kept({ staleWhileRevalidateMs: 500 }, peer);
  await get("soup");
  await clock.advance(1200);
  const decisions = await decisionsOf(async () => {
    const replies = await Promise.all([get("soup"), get("soup"), get("soup")]);
    expect(replies.map(({ name }) => name)).toEqual(["answer 1", "answer 1", "answer 1"]);
    await settled();
  });
  expect(seen).toHaveLength(2);
  expect(decisions.map(({ outcome }) => outcome)).toEqual(["stale", "stale", "stale", "revalidated"]);
  expect(decisions[0]?.detail).toEqual({ ageMs: 1200 });
  expect((await get("soup")).name).toBe("answer 2");
  expect(clock.pending).toBe(0);
  await clock.advance(1500);
  expect((await get("soup")).name).toBe("answer 3");
});

test("the fetch in the background ends with nobody's call, and has a time of its own", async () => {
  let done: (dish: Dish) => void = () => {};
  const { get, seen, clock } = kept(
    { staleWhileRevalidateMs: 500 },
    {
      policy: { timeout: { totalMs: 700 } },
      handler: () =>
        seen.length === 1
          ? Dish.create()
          : new Promise<Dish>((answer) => {
              done = answer;
            }),
    },
  );
  await get("soup");
  await clock.advance(1200);
  const abort = new AbortController();
  await get("soup", { timeoutMs: 10, signal: abort.signal, onHeaders: () => expect.fail(), onTrailers: () => {} });
  abort.abort();
  await clock.advance(699);
  expect(seen[1]?.cancellation?.reason).toBeUndefined();
  done(Dish.create({ name: "fresh" }));
  await settled();
  expect(clock.pending).toBe(0);
  expect((await get("soup")).name).toBe("fresh");

  await clock.advance(500);
  const decisions = await decisionsOf(async () => {
    await get("soup");
    await clock.advance(700);
  });
  expect(seen[2]?.cancellation?.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(decisions.at(-1)).toMatchObject({ outcome: "not-revalidated", detail: { code: "DEADLINE_EXCEEDED" } });
  expect(clock.pending).toBe(0);
});

test.each(["client", "server"] as const)("a fetch that fails in the background of a %s is told of", async (side) => {
  const peer = moody();
  const reported: unknown[] = [];
  const { get, clock } = kept(
    { staleWhileRevalidateMs: 5000 },
    { side, ...peer, report: (error) => reported.push(error) },
  );
  await get("soup");
  await clock.advance(1200);
  const mistake = new TypeError("oops");
  peer.fail(mistake);
  const decisions = await decisionsOf(async () => {
    expect((await get("soup")).name).toBe("answer 1");
    await settled();
  });
  expect(decisions.map(({ outcome }) => outcome)).toEqual(["stale", "not-revalidated"]);
  expect(reported).toEqual([mistake]);
  peer.heal();
  await get("soup");
  await settled();
  expect((await get("soup")).name).toBe("answer 2");
  expect(clock.pending).toBe(0);
});

test.each(["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"] as const)(
  "a stale reply stands in for %s, as long as it may",
  async (code) => {
    const peer = moody();
    const { get, clock } = kept({ staleIfErrorMs: 500 }, peer);
    await get("soup");
    const error = new RpcError(code, "no");
    peer.fail(error);
    await clock.advance(1499);
    const decisions = await decisionsOf(async () => {
      expect((await get("soup")).name).toBe("answer 1");
    });
    expect(decisions).toMatchObject([{ outcome: "miss" }, { outcome: "stale", detail: { ageMs: 1499, code } }]);
    await clock.advance(1);
    await expect(get("soup")).rejects.toBe(error);
  },
);

test.each([
  ["another code", new RpcError("NOT_FOUND", "no")],
  ["a refusal of auth", new RpcError("UNAVAILABLE", "no keys", { refusedBy: "auth" })],
  ["a refusal of the limits", new RpcError("RESOURCE_EXHAUSTED", "too large", { refusedBy: "limits" })],
])("nothing stands in for %s", async (_, error) => {
  const peer = moody();
  const { get, clock } = kept({ staleIfErrorMs: 500 }, peer);
  await get("soup");
  await clock.advance(1200);
  peer.fail(error);
  await expect(get("soup")).rejects.toBe(error);
});

test("a breaker that is open is no reason to withhold what is there", async () => {
  const peer = moody();
  const { get, clock } = kept({ staleIfErrorMs: 500 }, peer);
  await get("soup");
  await clock.advance(1200);
  peer.fail(new RpcError("UNAVAILABLE", "open", { refusedBy: "circuitBreaker" }));
  expect((await get("soup")).name).toBe("answer 1");
});

test("a mistake of a server's implementation is stood in for, and reaches the log", async () => {
  const peer = moody();
  const reported: unknown[] = [];
  const { get, clock } = kept(
    { staleIfErrorMs: 500 },
    { side: "server", ...peer, report: (error) => reported.push(error) },
  );
  await get("soup");
  await clock.advance(1200);
  const mistake = new TypeError("oops");
  peer.fail(mistake);
  expect((await get("soup")).name).toBe("answer 1");
  expect(reported).toEqual([mistake]);
});

test.each(["CANCELLED", "DEADLINE_EXCEEDED"] as const)(
  "a caller that nobody waits for (%s) gets no stale reply either",
  async (code) => {
    const { get, clock, seen } = kept(
      { staleIfErrorMs: 5000 },
      { handler: () => (seen.length === 1 ? Dish.create() : new Promise(() => {})) },
    );
    await get("soup");
    await clock.advance(1200);
    const cancellation = new Cancellation();
    const call = get("soup", { cancellation });
    await settled();
    const reason = new RpcError(code, "enough");
    cancellation.cancel(reason);
    await expect(call).rejects.toBe(reason);
    expect(clock.pending).toBe(0);
  },
);

test("a caller out of time gets the stale reply then", async () => {
  const { get, clock, seen } = kept(
    { staleIfErrorMs: 5000 },
    { handler: () => (seen.length === 1 ? Dish.create({ name: "old" }) : new Promise(() => {})) },
  );
  await get("soup");
  await clock.advance(1200);
  const call = get("soup", { timeoutMs: 100 });
  await clock.advance(100);
  expect((await call).name).toBe("old");
  expect(clock.pending).toBe(0);
});

test("the caller of a client learns by one trailer where the reply is from", async () => {
  const peer = moody();
  const { get, clock } = kept({ staleWhileRevalidateMs: 100, staleIfErrorMs: 1000 }, peer);
  const marks = async (run: (onTrailers: (trailers: Metadata) => void) => Promise<unknown>) => {
    const told: (string | undefined)[] = [];
    await run((trailers) => told.push(trailers.get("x-mesh-cache")));
    await settled();
    return told;
  };
  const soup = () => marks((onTrailers) => get("soup", { onTrailers }));
  expect(await soup()).toEqual([undefined]);
  expect(await soup()).toEqual(["hit"]);
  await clock.advance(1050);
  expect(await soup()).toEqual(["stale"]);
  await clock.advance(1500);
  peer.fail(new RpcError("UNAVAILABLE", "no", { metadata: new Metadata().set("x-why", "tired") }));
  const all: Metadata[] = [];
  await get("soup", { onTrailers: (trailers) => all.push(trailers) });
  expect(all.map((one) => [...one])).toEqual([
    [
      ["x-why", "tired"],
      ["x-mesh-cache", "stale"],
      ["x-mesh-age", "1"],
    ],
  ]);
  await clock.advance(5000);
  await expect(get("soup", { onTrailers: (trailers) => all.push(trailers) })).rejects.toMatchObject({ text: "no" });
  expect(all).toHaveLength(2);
});

test("a callback that throws ends its call, on a hit and on a stale reply too", async () => {
  const peer = moody();
  const { get, clock } = kept({ staleIfErrorMs: 5000 }, peer);
  const thrown = new Error("mine");
  const onTrailers = () => {
    throw thrown;
  };
  const ended = { code: "CANCELLED", cause: thrown };
  await expect(get("soup", { onTrailers })).rejects.toMatchObject(ended);
  await get("soup");
  await expect(get("soup", { onTrailers })).rejects.toMatchObject(ended);
  await clock.advance(1200);
  peer.fail(unavailable);
  await expect(get("soup", { onTrailers })).rejects.toMatchObject(ended);
  await clock.advance(9000);
  await expect(get("soup", { onTrailers })).rejects.toMatchObject(ended);
});

test("a server marks its answer by a trailer of the response", async () => {
  const { get } = kept({}, { side: "server" });
  const told: (string | undefined)[] = [];
  const onTrailers = (trailers: Metadata) => told.push(trailers.get("x-mesh-cache"));
  await get("soup", { onTrailers });
  await get("soup", { onTrailers });
  expect(told).toEqual([undefined, "hit"]);
});

test("hits and misses are told apart on the channel", async () => {
  const { get } = kept();
  const decisions = await decisionsOf(async () => {
    await get("soup");
    await get("soup");
  });
  expect(decisions.map(({ policy, outcome }) => [policy, outcome])).toEqual([
    ["cache", "miss"],
    ["cache", "hit"],
  ]);
});

test("without coalescing each call is its own, and its reply is kept all the same", async () => {
  const { get, seen } = kept({ coalesce: false, staleIfErrorMs: 10 });
  await Promise.all([get("soup"), get("soup")]);
  await get("soup");
  expect(seen).toHaveLength(2);
});

test.each([
  ["the other side", { side: "SERVER" }, {}],
  ["side effects", {}, { idempotency: "IDEMPOTENT" }],
  ["streams", {}, { kind: "serverStream" }],
] as const)("%s: there is no layer", (_, config, method) => {
  const { method: spec } = kept();
  const site = { method: { ...spec, ...method }, shared: (_: string, create: () => unknown) => create() };
  expect(cache.client?.({ ...plainCache, ...config }, site as never)).toBeUndefined();
});

const facts: MethodFacts = {
  path: "/a.B/C",
  kind: "unary",
  idempotency: "NO_SIDE_EFFECTS",
  policy: {},
  field: (path) =>
    path in fields ? { repeated: false, map: false, sensitive: false, scalar: "string", ...fields[path] } : undefined,
  replyProblem: () => undefined,
  sibling: () => undefined,
};
const fields: { readonly [path: string]: object } = {
  id: {},
  weight: { scalar: "float" },
  inner: { scalar: "message" },
  ids: { repeated: true },
  names: { map: true },
};
const nobody = { access: "PUBLIC", providers: [] };
const found = (config: Partial<CacheConfig>, method: Partial<MethodFacts> = {}) =>
  cache.rules?.filter(({ check }) => check({ ...plainCache, ...config }, { ...facts, ...method })).map(({ id }) => id);

test.each<[string, Partial<CacheConfig>, Partial<MethodFacts>]>([
  ["cache/unary", {}, { kind: "serverStream" }],
  ["cache/side-effects", {}, { idempotency: "IDEMPOTENT" }],
  ["cache/side-effects", {}, { idempotency: undefined }],
  ["cache/revalidate-without-coalesce", { staleWhileRevalidateMs: 1, coalesce: false }, {}],
  ["cache/long-ttl", { ttlMs: 3_600_001 }, {}],
  ["cache/vary-field", { vary: ["field:none"] }, {}],
  ["cache/vary-field", { vary: ["field:id", "field:weight"] }, {}],
  ["cache/vary-field", { vary: ["field:inner"] }, {}],
  ["cache/vary-field", { vary: ["field:ids"] }, {}],
  ["cache/vary-field", { vary: ["field:names"] }, {}],
  ["cache/vary-public", { vary: ["all", "principal"] }, {}],
  ["cache/vary-public", { vary: ["claim:tenant", "all"] }, {}],
  ["cache/vary-of-public", { vary: ["principal"], side: "SERVER" }, { policy: { auth: nobody } }],
  ["cache/vary-of-public", { vary: ["claim:tenant"], side: "SERVER" }, { policy: { auth: nobody } }],
  ["cache/vary-peer", { vary: ["peer"] }, {}],
])("rule %s finds %o", (id, config, method) => {
  expect(found(config, method)).toEqual([id]);
});

test.each<[Partial<CacheConfig>, Partial<MethodFacts>]>([
  [{}, {}],
  [{ staleWhileRevalidateMs: 1, staleIfErrorMs: 1, ttlMs: 3_600_000 }, {}],
  [{ coalesce: false, staleIfErrorMs: 1 }, {}],
  [{ vary: ["field:id", "principal", "metadata:accept-language"] }, { policy: { auth: nobody } }],
  [{ vary: ["all", "peer", "claim:tenant"].slice(0, 2), side: "SERVER" }, { policy: { auth: nobody } }],
  [{ vary: ["claim:tenant"], side: "SERVER" }, { policy: { auth: { access: "PUBLIC", providers: ["users"] } } }],
])("the rules are content with %o", (config, method) => {
  expect(found(config, method)).toEqual([]);
});
