import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, kitchenSpec } from "../../test/config/files.ts";
import type { MethodPolicy } from "../policies/index.ts";
import { loadConfig } from "./load.ts";

const pub = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;

/** What overrides make of the policy of GetDish. */
async function inForce(generated: MethodPolicy, overrides: readonly object[]) {
  const targets = [
    { name: "main", address: "a:1" },
    { name: "canary", address: "b:1" },
  ];
  const file = join(folderWith({ "mesh.json": JSON.stringify({ targets, overrides }) }), "mesh.json");
  const { policies } = await loadConfig({ file, args: [], env: {}, watch: false });
  const spec = kitchenSpec({ GetDish: generated });
  const { getDish } = spec.methods;
  policies.bind({ ...spec, methods: { getDish } });
  return policies.methodOf(getDish).policy as MethodPolicy & { [kind: string]: unknown };
}

const getDish = "test.kitchen.v1.Kitchen/GetDish";
const retry = {
  attempts: 3,
  on: ["UNAVAILABLE"],
  initialMs: 100,
  maxMs: 1000,
  multiplier: 2,
  jitter: "PROPORTIONAL",
  attemptTimeout: false,
  budget: { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 },
} as const;

test("what is set replaces, messages merge, lists replace as a whole, the rest stays", async () => {
  const policy = { retry, timeout: { totalMs: 1000, attemptMs: 200 } };
  const overrides = [
    { match: "*", policy: { retry: { on: ["ABORTED"], budget: { ratio: 0.5 } }, timeout: { total: "2s" } } },
  ];
  expect(await inForce(policy, overrides)).toEqual({
    auth: pub,
    retry: { ...retry, on: ["ABORTED"], budget: { ...retry.budget, ratio: 0.5 } },
    timeout: { totalMs: 2000, attemptMs: 200 },
  });
});

test("overrides apply in their order, each to what it matches", async () => {
  const total = (match: string, text: string) => ({ match, policy: { timeout: { total: text } } });
  const both = [total("*", "1s"), total("test.kitchen.*", "2s")];
  expect(await inForce({}, [...both, total(getDish, "3s")])).toMatchObject({ timeout: { totalMs: 3000 } });
  expect(await inForce({}, [...both, total("test.kitchen.v1.Pantry/GetDish", "3s")])).toMatchObject({
    timeout: { totalMs: 2000 },
  });
  expect(await inForce({}, [total("other.*", "1s")])).toEqual({ auth: pub });
});

test("a kind that the proto file does not have gets its defaults", async () => {
  expect((await inForce({}, [{ match: getDish, policy: { retry: { attempts: 3 } } }])).retry).toEqual(retry);
});

test("a kind is not switched on by what only prepares it", async () => {
  const prepared = {
    match: "*",
    policy: { retry: { initial: "50ms", budget: { ratio: 0.1 } }, cache: { coalesce: false } },
  };
  expect(await inForce({}, [prepared])).toEqual({ auth: pub });
  const on = await inForce({}, [prepared, { match: getDish, policy: { retry: { attempts: 2 } } }]);
  expect(on.retry).toMatchObject({ attempts: 2, initialMs: 50, budget: { ratio: 0.1 } });
});

test("off drops kinds before anything else of the override", async () => {
  const policy = { retry, timeout: { totalMs: 1000, attemptMs: 200 } };
  expect(await inForce(policy, [{ match: "*", policy: { off: ["RETRY"] } }])).toEqual({
    auth: pub,
    timeout: policy.timeout,
  });
  const anew = await inForce(policy, [{ match: "*", policy: { off: ["TIMEOUT"], timeout: { total: "3s" } } }]);
  expect(anew.timeout).toEqual({ totalMs: 3000 });
});

test("rate limits merge by name; new ones are shared as at generation", async () => {
  const tenant = {
    name: "tenant",
    perSecond: 10,
    burst: 10,
    by: ["peer"],
    cost: "1",
    shared: false,
    failClosed: false,
    shadow: false,
    scope: "service",
  } as const;
  const limits = (match: string) => ({
    match,
    policy: {
      rateLimit: [
        { name: "tenant", rate: "20/s" },
        { name: "all", rate: "600/m", shadow: true },
      ],
    },
  });
  const wide = await inForce({ rateLimit: [tenant] }, [limits("*")]);
  expect(wide.rateLimit).toEqual([
    { ...tenant, perSecond: 20 },
    { ...tenant, name: "all", by: [], shadow: true },
  ]);
  const narrow = await inForce({ rateLimit: [tenant] }, [limits(getDish)]);
  expect(narrow.rateLimit?.map(({ scope }) => scope)).toEqual(["method", "method"]);
});

test("members of a oneof give way to one another", async () => {
  const fallback = { on: ["UNAVAILABLE"], json: "{}" } as const;
  const cache = { match: getDish, policy: { cache: { ttl: "1s" }, fallback: { stale: true } } };
  expect((await inForce({ fallback }, [cache])).fallback).toEqual({ on: ["UNAVAILABLE"], stale: true });
});

test("retries and hedges share the budget that an override changes", async () => {
  const hedge = { attempts: 2, delayMs: 50, keepGoingOn: ["UNAVAILABLE"], budget: retry.budget } as const;
  const wider = { match: "*", policy: { retry: { budget: { floorPerSecond: 1 } } } };
  expect((await inForce({ hedge }, [wider])).hedge).toEqual({
    ...hedge,
    budget: { ...retry.budget, floorPerSecond: 1 },
  });
  const instead = { match: getDish, policy: { off: ["RETRY"], hedge: { attempts: 2, delay: "50ms" } } };
  const own = { ...retry, budget: { ...retry.budget, ratio: 0.7 } };
  expect((await inForce({ retry: own }, [instead])).hedge).toEqual({ ...hedge, budget: own.budget });
});

test("auth narrows, and opens again to what the proto file says", async () => {
  const auth = {
    access: "AUTHENTICATED",
    providers: [],
    scopes: ["read"],
    audiences: [],
    rule: "auth.sub != ''",
  } as const;
  const more = {
    match: "*",
    policy: { auth: { scopes: ["read", "admin"], providers: ["login"], audiences: ["shop"] } },
  };
  const narrowed = { ...auth, scopes: ["read", "admin"], providers: ["login"], audiences: ["shop"] };
  expect((await inForce({ auth }, [more])).auth).toEqual(narrowed);
  const closed = { match: "*", policy: { auth: { access: "DENY" } } };
  expect((await inForce({ auth }, [closed])).auth).toEqual({ ...pub, access: "DENY" });
  const opened = { match: getDish, policy: { auth: { access: "AUTHENTICATED" } } };
  expect((await inForce({ auth }, [closed, opened])).auth).toEqual(auth);
  expect((await inForce({}, [opened])).auth).toEqual({ ...pub, access: "AUTHENTICATED" });
});

test("a method that the proto file opens can be left open where the others are closed", async () => {
  const closed = { match: "*", policy: { auth: { access: "AUTHENTICATED", scopes: ["admin"], providers: ["login"] } } };
  const open = { match: getDish, policy: { auth: { access: "PUBLIC" } } };
  expect((await inForce({}, [closed])).auth).toMatchObject({ access: "AUTHENTICATED", scopes: ["admin"] });
  expect((await inForce({}, [closed, open])).auth).toEqual(pub);
  const known = { ...pub, providers: ["login"] };
  expect((await inForce({ auth: known }, [closed, open])).auth).toEqual(known);
});

test("what one override prepares, a later one switches on, also for one method", async () => {
  const on = { match: "*", policy: { retry: { attempts: 2 } } };
  const prepared = { match: getDish, policy: { retry: { initial: "50ms" } } };
  for (const overrides of [
    [on, prepared],
    [prepared, on],
  ])
    expect((await inForce({}, overrides)).retry).toMatchObject({ attempts: 2, initialMs: 50 });
});

test("a breaker can be forced here", async () => {
  const on = await inForce({}, [{ match: "*", policy: { circuitBreaker: { force: "OPEN" } } }]);
  expect(on.circuitBreaker).toMatchObject({ force: "OPEN", ratio: 0.5 });
});

test("faults, splits and mirrors of later overrides replace those of earlier ones", async () => {
  const share = (target: string, weight: number) => ({ target, weight });
  const policy = await inForce({}, [
    { match: "*", fault: { delay: { duration: "1s" } }, split: { targets: [share("main", 1)] } },
    {
      match: getDish,
      fault: { abort: { code: "ABORTED", percent: 2.5 }, header: "X-Fault", maxActive: 3, side: "SERVER" },
      split: { targets: [share("main", 9), share("canary", 1)], sticky: "field:name", header: "x-to" },
      mirror: { target: "canary", percent: 10 },
    },
  ]);
  expect(policy.fault).toEqual({
    side: "SERVER",
    abort: { code: "ABORTED", percent: 2.5 },
    header: "x-fault",
    maxActive: 3,
  });
  expect(policy.split).toEqual({
    targets: [share("main", 9), share("canary", 1)],
    sticky: "field:name",
    header: "x-to",
  });
  expect(policy.mirror).toEqual({ target: "canary", percent: 10, maxActive: 100, allowSideEffects: false });
});

test("a method that no override changes stays the object that it is", async () => {
  const file = join(
    folderWith({
      "mesh.yaml": "overrides: [{ match: test.kitchen.v1.Kitchen/Ping, policy: { timeout: { total: 1s } } }]",
    }),
    "mesh.yaml",
  );
  const { policies } = await loadConfig({ file, args: [], env: {}, watch: false });
  const spec = kitchenSpec({});
  policies.bind(spec);
  expect(policies.methodOf(spec.methods.getDish)).toBe(spec.methods.getDish);
  expect(policies.methodOf(spec.methods.ping)).toMatchObject({
    path: "/test.kitchen.v1.Kitchen/Ping",
    policy: { timeout: { totalMs: 1000 } },
  });
  expect(policies.methodOf(spec.methods.ping)).toBe(policies.methodOf(spec.methods.ping));
});
