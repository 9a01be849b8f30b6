/** Caches and fallbacks between a real client and a real server. */
import { createHash } from "node:crypto";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { plainCache } from "../../test/kept.ts";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook, gate, type KitchenMethods } from "../../test/over-grpc.ts";
import { start, targetOf } from "../../test/serving.ts";
import { createClient } from "../client.ts";
import type { CallContext } from "../core/context.ts";
import { RpcError } from "../core/error.ts";
import type { Metadata } from "../core/metadata.ts";
import type { AuthProvider } from "../core/policy.ts";
import { implement } from "../server.ts";
import { apiKeys, jwt } from "./auth.ts";
import type { MethodPolicy } from "./index.ts";

const open = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
const on = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN"] as const;
const serverCache = { ...plainCache, side: "SERVER", ttlMs: 60_000 } as const;
const clientCache = { ...plainCache, ttlMs: 60_000 };
const soup = { name: "soup", id: 1n, withRecipe: false };

const withPolicy = (policy: MethodPolicy, only?: string): typeof Kitchen => ({
  ...Kitchen,
  methods: Object.fromEntries(
    Object.entries(Kitchen.methods).map(([key, method]) => [
      key,
      { ...method, policy: only === undefined || only === key ? { auth: open, ...policy } : { auth: open } },
    ]),
  ),
});

interface Sides {
  readonly client?: MethodPolicy;
  readonly server?: MethodPolicy;
  readonly providers?: { readonly [name: string]: AuthProvider };
  readonly methods: Partial<KitchenMethods>;
  readonly credentials?: () => Promise<string>;
}

/** GetDish with a policy on either side. */
async function kitchen({ client = {}, server = {}, providers = {}, methods, credentials }: Sides): Promise<Kitchen> {
  const services = [implement(withPolicy(server, "getDish"), { ...cook, ...methods } as Kitchen)];
  const running = await start({ services, grpc: "127.0.0.1:0", auth: { providers }, onError: () => {} });
  return createClient(withPolicy(client, "getDish"), targetOf(running), credentials ? { credentials } : {});
}

/** Says whose dish it is and how often the kitchen has cooked. */
function counting() {
  const state = { runs: 0 };
  const getDish = async ({ name }: { name: string }, { principal }: CallContext) => {
    state.runs++;
    return Dish.create({ name, note: principal?.subject ?? "nobody", photo: Buffer.from("photo") });
  };
  return { state, getDish };
}

const secret = new Uint8Array(32).fill(1);
const token = (subject: string) =>
  new SignJWT({ tenant: subject.startsWith("a") ? "north" : "south" })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer("me")
    .setSubject(subject)
    .setExpirationTime("1h")
    .sign(secret);
const sha256 = (key: string) => createHash("sha256").update(key).digest("hex");
const providers = {
  users: jwt({ issuer: "me", secret }),
  robots: apiKeys({
    keys: [
      { sha256: sha256("k1"), subject: "ann" },
      { sha256: sha256("k2"), subject: "bot" },
    ],
  }),
};
const auth = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] } as const;

test("a server keeps its callers apart, known by token or by key, and refuses strangers whatever it has", async () => {
  const { state, getDish } = counting();
  const users = await kitchen({ server: { auth, cache: serverCache }, providers, methods: { getDish } });
  const as = [
    { metadata: { authorization: `Bearer ${await token("ann")}` }, who: "ann" },
    { metadata: { authorization: `Bearer ${await token("bob")}` }, who: "bob" },
    { metadata: { "x-api-key": "k1" }, who: "ann" },
    { metadata: { "x-api-key": "k2" }, who: "bot" },
  ];
  for (let round = 0; round < 3; round++) {
    const replies = await Promise.all(as.map(({ metadata }) => users.getDish(soup, { metadata })));
    expect(replies.map(({ note }) => note)).toEqual(as.map(({ who }) => who));
  }
  // The user ann and the robot ann are not the same.
  expect(state.runs).toBe(4);
  await expect(users.getDish(soup)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  await expect(users.getDish(soup, { metadata: { "x-api-key": "wrong" } })).rejects.toMatchObject({
    code: "UNAUTHENTICATED",
  });
  // Another token of the same user is the same principal.
  const metadata = { authorization: `Bearer ${await token("ann")}`, "user-agent-extra": "x" };
  expect((await users.getDish(soup, { metadata })).note).toBe("ann");
  expect(state.runs).toBe(4);
});

test("a server's cache by claim is shared within a tenant", async () => {
  const { state, getDish } = counting();
  const cache = { ...serverCache, vary: ["claim:tenant"] };
  const users = await kitchen({ server: { auth, cache }, providers, methods: { getDish } });
  const ask = async (who: string) =>
    (await users.getDish(soup, { metadata: { authorization: `Bearer ${await token(who)}` } })).note;
  expect([await ask("ann"), await ask("adam"), await ask("bob")]).toEqual(["ann", "ann", "bob"]);
  expect(state.runs).toBe(2);
});

test("a server's answers out of the cache say so in a trailer", async () => {
  const { getDish } = counting();
  const users = await kitchen({ server: { cache: serverCache }, methods: { getDish } });
  const told: (string | undefined)[] = [];
  const onTrailers = (trailers: Metadata) => told.push(trailers.get("x-mesh-cache"));
  await users.getDish(soup, { onTrailers });
  const reply = await users.getDish(soup, { onTrailers });
  expect(reply).toMatchObject({ name: "soup", photo: Buffer.from("photo") });
  expect(told).toEqual([undefined, "hit"]);
});

test("a client's cache spares the wire, and keeps the client's callers apart", async () => {
  const { state, getDish } = counting();
  let user = "ann";
  const users = await kitchen({
    client: { cache: clientCache },
    server: { auth },
    providers,
    methods: { getDish },
    credentials: () => token(user),
  });
  const first = await users.getDish(soup);
  first.photo.fill(0);
  const second = await users.getDish(soup);
  expect(second).toMatchObject({ note: "ann", photo: Buffer.from("photo") });
  expect(state.runs).toBe(1);
  user = "bob";
  expect((await users.getDish(soup)).note).toBe("bob");
  expect((await users.getDish(soup, { metadata: { "x-api-key": "k2", authorization: "none" } })).note).toBe("bot");
  expect(state.runs).toBe(3);
  expect((await users.getDish(soup, { cache: false })).note).toBe("bob");
  expect(state.runs).toBe(4);
});

test.each(["client", "server"] as const)(
  "calls share one by the %s, which outlives the first of them",
  async (side) => {
    const started = gate();
    const go = gate();
    let runs = 0;
    let cancelled = false;
    const getDish = async ({ name }: { name: string }, { cancellation }: CallContext) => {
      runs++;
      cancellation.onCancel(() => {
        cancelled = true;
      });
      started.open();
      await go.promise;
      return Dish.create({ name });
    };
    const cache = side === "client" ? clientCache : serverCache;
    const users = await kitchen({ [side]: { cache }, methods: { getDish } });
    const abort = new AbortController();
    const first = users.getDish(soup, { signal: abort.signal });
    await started.promise;
    const others = [users.getDish(soup), users.getDish(soup)];
    // By another method's answer, because then the others have arrived too.
    await users.ping({});
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: "CANCELLED" });
    await users.ping({});
    expect(cancelled).toBe(false);
    go.open();
    expect(await Promise.all(others)).toMatchObject([{ name: "soup" }, { name: "soup" }]);
    expect(runs).toBe(1);
  },
);

test("when the last caller leaves, the work at the server ends", async () => {
  const started = gate();
  const over = gate();
  const users = await kitchen({
    client: { cache: clientCache },
    server: { cache: serverCache },
    methods: {
      getDish(_, { cancellation }) {
        cancellation.onCancel(() => over.open());
        started.open();
        return new Promise<never>(() => {});
      },
    },
  });
  const aborts = [new AbortController(), new AbortController()];
  const calls = aborts.map(({ signal }) => users.getDish(soup, { signal }).catch((error) => error.code));
  await started.promise;
  for (const abort of aborts) abort.abort();
  expect(await Promise.all(calls)).toEqual(["CANCELLED", "CANCELLED"]);
  await over.promise;
});

test("a caller with more time than the first gets its answer from a second call", async () => {
  const users = await kitchen({
    client: { cache: clientCache },
    methods: {
      async getDish({ name }, { deadline }) {
        return deadline === Number.POSITIVE_INFINITY ? Dish.create({ name }) : await new Promise<never>(() => {});
      },
    },
  });
  const hasty = users.getDish(soup, { timeoutMs: 100 });
  const patient = users.getDish(soup);
  await expect(hasty).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(await patient).toMatchObject({ name: "soup" });
});

test("a mistake of the implementation is hidden by a stale reply, and logged", async () => {
  let runs = 0;
  const errors: unknown[] = [];
  const cache = { ...serverCache, ttlMs: 1e-6, staleIfErrorMs: 60_000 };
  const services = [
    implement(withPolicy({ cache }, "getDish"), {
      ...cook,
      async getDish() {
        runs++;
        if (runs > 1) throw new TypeError("oops");
        return Dish.create({ name: "old" });
      },
    } as Kitchen),
  ];
  const running = await start({ services, grpc: "127.0.0.1:0", onError: (error) => errors.push(error) });
  const users = createClient(Kitchen, targetOf(running));
  await users.getDish(soup);
  const told: Metadata[] = [];
  expect(await users.getDish(soup, { onTrailers: (trailers) => told.push(trailers) })).toMatchObject({ name: "old" });
  expect(told.map((one) => one.get("x-mesh-cache"))).toEqual(["stale"]);
  expect(errors).toEqual([expect.objectContaining({ message: "oops" })]);
});

test.each<[string, MethodPolicy, string]>([
  ["static", { fallback: { on, json: '{"name": "leftovers"}' } }, "leftovers"],
  ["method", { fallback: { on, method: "CreateDish" } }, "created"],
  ["stale", { fallback: { on, stale: true }, cache: { ...clientCache, ttlMs: 1e-6 } }, "first"],
])("over the wire a fallback (%s) answers, says so, and the breaker counts the failure", async (kind, client, name) => {
  let broken = false;
  const circuitBreaker = {
    adaptive: false,
    ratio: 0.5,
    minCalls: 3,
    windowMs: 10_000,
    openMs: 60_000,
    probes: 1,
    on,
    force: "NONE",
  } as const;
  let runs = 0;
  const users = await kitchen({
    client: { ...client, circuitBreaker },
    methods: {
      async getDish(_, { responseTrailers }) {
        runs++;
        responseTrailers.set("x-real", "yes");
        if (broken) throw new RpcError("UNAVAILABLE", "the oven is off");
        return Dish.create({ name: "first" });
      },
      async createDish() {
        return Dish.create({ name: "created" });
      },
    },
  });
  await users.getDish(soup);
  broken = true;
  const told: Metadata[] = [];
  for (let n = 0; n < 6; n++)
    expect(await users.getDish(soup, { onTrailers: (trailers) => told.push(trailers) })).toMatchObject({ name });
  expect(told.map((one) => one.get("x-mesh-fallback"))).toEqual(Array(6).fill(kind));
  if (kind !== "method") expect(told[0]?.get("x-real")).toBe("yes");
  // After half of the calls have failed it is open, and the fallback goes on.
  expect(runs).toBeLessThan(7);
});
