import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, kitchenSpec } from "../../test/config/files.ts";
import type { MethodPolicy } from "../policies/index.ts";
import { loadConfig } from "./load.ts";

/** Two targets, and one override per line from line 4 on; the kitchen is bound. Returns what is said of it. */
async function said(overrides: readonly (object | string)[], env: { [name: string]: string } = {}): Promise<string> {
  const lines = overrides.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
  const text = `{
  "targets": [{ "name": "main", "address": "a:1" }, { "name": "canary", "address": "b:1" }],
  "overrides": [
${lines.join(",\n")}
  ]
}`;
  const folder = folderWith({ "mesh.json": text });
  const auth = { access: "AUTHENTICATED", providers: ["login"], scopes: ["read"], audiences: ["shop"] } as const;
  const cache = { ttlMs: 1000, vary: ["metadata:lang"], coalesce: true, side: "CLIENT", maxBytes: 1e6 } as const;
  const generated: { [method: string]: MethodPolicy } = {
    UpdateDish: { auth, idempotency: { key: "metadata:idempotency-key", windowMs: 1000 } },
    GetDish: { auth, cache, timeout: { totalMs: 1000, attemptMs: 500 } },
  };
  try {
    const { policies } = await loadConfig({ file: join(folder, "mesh.json"), args: [], env, watch: false });
    policies.bind(kitchenSpec(generated));
    return "nothing";
  } catch (error) {
    return (error as Error).message.replaceAll(`${folder}/`, "");
  }
}

const all = (policy: object) => ({ match: "*", policy });
const one = (method: string, policy: object) => ({ match: `test.kitchen.v1.Kitchen/${method}`, policy });
const dish = (more: object) => ({ match: "test.kitchen.v1.Kitchen/GetDish", ...more });

const at = "mesh.json:4: overrides[0]";

/** The first line of the message, to its last letter. */
const wrong: readonly [override: object | string, text: string][] = [
  [{}, `${at}.match: is missing`],
  [
    { match: "shop.v1.Orders/*" },
    `${at}.match: "shop.v1.Orders/*" names no methods: write "*", "shop.v1.*", "shop.v1.Orders" or "shop.v1.Orders/GetOrder"`,
  ],
  [{ mtch: "*" }, `${at}: unknown key "mtch", did you mean match? Known keys: match, policy, fault, split, mirror`],
  [
    one("GetDsh", {}),
    `${at}.match: test.kitchen.v1.Kitchen has no method GetDsh: did you mean test.kitchen.v1.Kitchen/GetDish?`,
  ],
  ['{ "match": "*", "match": "*" }', 'mesh.json:4: "match" is there twice: keep one'],
  [
    all({ timeuot: {} }),
    `${at}.policy: unknown key "timeuot", did you mean timeout? Known keys: use, off, timeout, retry, hedge, idempotency, rateLimit, concurrency, circuitBreaker, balance, auth, cache, fallback, limits, compression, http, objective, validation`,
  ],
  [
    all({ retry: { attemps: 3 } }),
    `${at}.policy.retry: unknown key "attemps", did you mean attempts? Known keys: attempts, on, initial, max, multiplier, jitter, attemptTimeout, budget`,
  ],
  [all({ use: ["fast"] }), `${at}.policy.use: profiles are resolved at generation: write the fields themselves`],
  [
    all({ http: { successStatus: 201 } }),
    `${at}.policy.http: routes are fixed at generation: set it in the proto file`,
  ],
  [all({ off: ["HTTP"] }), `${at}.policy.off: routes are fixed at generation: set it in the proto file`],
  [
    all({ objective: { availability: 0.9 } }),
    `${at}.policy.objective: no call depends on it: set it in the proto file`,
  ],
  [
    all({ balance: { hashBy: "tenant" } }),
    `${at}.policy.balance.hashBy: "tenant" is no key that tells a client's calls apart: write "metadata:<name>" or "field:<path>"`,
  ],
  [
    all({ balance: { picker: "RING_HASH" } }),
    `${at}.policy.balance: /test.kitchen.v1.Kitchen/GetDish: RING_HASH needs a key: set hash_by, such as "metadata:tenant" or "field:id"`,
  ],
  [
    all({ off: ["AUTH"] }),
    `${at}.policy.off[0]: is none of the names that it may be. Names: TIMEOUT, RETRY, HEDGE, IDEMPOTENCY, RATE_LIMIT, CONCURRENCY, CIRCUIT_BREAKER, BALANCE, CACHE, FALLBACK, LIMITS, COMPRESSION, HTTP, OBJECTIVE, VALIDATION`,
  ],
  [
    all({ off: ["RETRI"] }),
    `${at}.policy.off[0]: is none of the names that it may be, did you mean RETRY? Names: TIMEOUT, RETRY, HEDGE, IDEMPOTENCY, RATE_LIMIT, CONCURRENCY, CIRCUIT_BREAKER, BALANCE, CACHE, FALLBACK, LIMITS, COMPRESSION, HTTP, OBJECTIVE, VALIDATION`,
  ],
  [all({ off: "RETRY" }), `${at}.policy.off: is text, it must be a list`],
  [all({ off: [] }), `${at}.policy.off: is empty, and replaces nothing: name what shall be in force, or remove it`],
  [all({ retry: { attempts: 9 } }), `${at}.policy.retry.attempts: 9 is out of range: use a number between 2 and 5`],
  [all({ retry: { attempts: "3" } }), `${at}.policy.retry.attempts: is text, it must be a whole number of at least 0`],
  [
    all({ retry: { initial: "soon" } }),
    `${at}.policy.retry.initial: "soon" is not a duration above zero: write "250ms", "1.5s", "2m" or "24h"`,
  ],
  [
    all({ retry: { on: ["UNAVAILABEL"] } }),
    `${at}.policy.retry.on[0]: is none of the names that it may be, did you mean UNAVAILABLE? Names: OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED`,
  ],
  [all({ retry: { on: ["OK"] } }), `${at}.policy.retry.on: "OK" is not a failure: name codes such as UNAVAILABLE`],
  [
    all({ retry: { on: [] } }),
    `${at}.policy.retry.on: is empty, and replaces nothing: name what shall be in force, or remove it`,
  ],
  [all({ retry: { multiplier: "2" } }), `${at}.policy.retry.multiplier: is text, it must be a number`],
  [
    all({ retry: { budget: { ratio: 3 } } }),
    `${at}.policy.retry.budget.ratio: 3 is out of range: use a number between 0.001 and 1`,
  ],
  [
    one("GetDish", { retry: { budget: { ratio: 0.5 } } }),
    `${at}.policy.retry.budget: belongs to all methods of a service: match the service instead of one method`,
  ],
  [
    one("GetDish", { retry: { initial: "1s" } }),
    `${at}.policy.retry: /test.kitchen.v1.Kitchen/GetDish: does nothing without attempts: set it, the proto file does not`,
  ],
  [
    one("GetDish", { fallback: { on: ["ABORTED"] } }),
    `${at}.policy.fallback: /test.kitchen.v1.Kitchen/GetDish: does nothing without json or stale or method: set it, the proto file does not`,
  ],
  [
    all({ timeout: { attempt: "2s" } }),
    `${at}.policy.timeout: /test.kitchen.v1.Kitchen/GetDish: attempt (2000 ms) is not below total (1000 ms), so it never cuts an attempt: lower attempt or remove it`,
  ],
  [
    one("Chat", { timeout: { attempt: "2s" } }),
    `${at}.policy.timeout: /test.kitchen.v1.Kitchen/Chat: attempt would cut a stream that is well: use idle for streams, and keep attempt for unary methods`,
  ],
  [all({ rateLimit: [{ rate: "1/s" }] }), `${at}.policy.rateLimit[0].name: is missing`],
  [
    all({ rateLimit: [{ name: "a", rate: "1/s" }, { name: "a" }] }),
    `${at}.policy.rateLimit[1].name: "a" is taken: names must differ`,
  ],
  [
    all({ rateLimit: [{ name: "a", rate: "often" }] }),
    `${at}.policy.rateLimit[0].rate: "often" is not a rate above zero: write "100/s", "5000/m" or "20/h"`,
  ],
  [
    all({ rateLimit: [{ name: "a", by: ["user"] }] }),
    `${at}.policy.rateLimit[0].by: "user" is not a key: write "principal", "claim:<name>", "peer", "metadata:<name>", "field:<path>", "method" or "all"`,
  ],
  [
    all({ limits: { requestBytes: 1.5 } }),
    `${at}.policy.limits.requestBytes: is a number, it must be a whole number of at least 0`,
  ],
  [
    one("GetDish", { auth: { access: "PUBLIC" } }),
    `${at}.policy.auth: /test.kitchen.v1.Kitchen/GetDish: access is AUTHENTICATED in the proto file, and may only become narrower: PUBLIC is wider`,
  ],
  [
    one("GetDish", { auth: { scopes: ["write"] } }),
    `${at}.policy.auth: /test.kitchen.v1.Kitchen/GetDish: scopes may only grow: add read, which the proto file asks for`,
  ],
  [
    one("GetDish", { auth: { providers: ["login", "other"] } }),
    `${at}.policy.auth: /test.kitchen.v1.Kitchen/GetDish: providers may only shrink: the proto file allows login, not other`,
  ],
  [
    one("GetDish", { auth: { audiences: ["zoo"] } }),
    `${at}.policy.auth: /test.kitchen.v1.Kitchen/GetDish: audiences may only shrink: the proto file allows shop, not zoo`,
  ],
  [
    one("GetDish", { auth: { rule: "true" } }),
    `${at}.policy.auth.rule: is code of the API: change it in the proto file, or narrow by access or scopes`,
  ],
  [
    all({ auth: { access: "DENY", scopes: ["read"] } }),
    `${at}.policy.auth: access is DENY, so nobody may call, whatever the rest says: remove the rest`,
  ],
  [
    one("UpdateDish", { idempotency: { key: "field:id" } }),
    `${at}.policy.idempotency.key: is a promise of the API: change it in the proto file`,
  ],
  [
    one("CreateDish", { idempotency: { window: "1h" } }),
    `${at}.policy.idempotency: /test.kitchen.v1.Kitchen/CreateDish: a key is a promise of the API, and this method has none: remove it`,
  ],
  [
    all({ off: ["IDEMPOTENCY"] }),
    `${at}.policy.off: IDEMPOTENCY is what clients rely on when they send again: change it in the proto file`,
  ],
  [
    one("GetDish", { cache: { vary: ["peer"] } }),
    `${at}.policy.cache: /test.kitchen.v1.Kitchen/GetDish: vary may only grow: add metadata:lang, which the proto file names`,
  ],
  [
    one("GetDish", { cache: { vary: ["metadata:lang", "all"] } }),
    `${at}.policy.cache: /test.kitchen.v1.Kitchen/GetDish: vary would tell replies apart by all instead of who calls: say so in the proto file`,
  ],
  [dish({ fault: {} }), `${at}.fault: does nothing: add delay or abort`],
  [dish({ fault: { delay: {} } }), `${at}.fault.delay.duration: is missing`],
  [
    dish({ fault: { delay: { duration: "1s", percent: 101 } } }),
    `${at}.fault.delay.percent: 101 is out of range: use a number between 0 and 100`,
  ],
  [dish({ fault: { abort: {} } }), `${at}.fault.abort.code: is missing`],
  [
    dish({ fault: { abort: { code: "OK" } } }),
    `${at}.fault.abort.code: OK is no failure: name another code, such as UNAVAILABLE`,
  ],
  [
    dish({ fault: { abort: { code: "ABORTED" }, maxActive: 0 } }),
    `${at}.fault.maxActive: is 0: use a whole number of at least 1, or leave the whole entry out`,
  ],
  [
    dish({ fault: { abort: { code: "ABORTED" }, header: "grpc-x" } }),
    `${at}.fault.header: "grpc-x" is no key of text metadata: write one such as "x-canary"`,
  ],
  [dish({ split: {} }), `${at}.split.targets: is empty: name at least one target`],
  [
    dish({ split: { targets: [{ target: "main" }] } }),
    `${at}.split.targets[0].weight: is 0: use a whole number of at least 1, or leave the whole entry out`,
  ],
  [
    dish({ split: { targets: [{ target: "canry", weight: 1 }] } }),
    `${at}.split.targets[0].target: no target is named "canry", did you mean canary? Named are: main, canary. New ones need a restart`,
  ],
  [
    dish({
      split: {
        targets: [
          { target: "main", weight: 1 },
          { target: "main", weight: 2 },
        ],
      },
    }),
    `${at}.split.targets[1].target: "main" is there twice: add up the weights`,
  ],
  [
    dish({ split: { targets: [{ target: "main", weight: 1 }], sticky: "principal" } }),
    `${at}.split.sticky: a client does not know "principal": use "metadata:<name>" or "field:<path>"`,
  ],
  [
    dish({ split: { targets: [{ target: "main", weight: 1 }], sticky: "field:nme" } }),
    `${at}.split.sticky: /test.kitchen.v1.Kitchen/GetDish: its request has no field nme`,
  ],
  [
    {
      match: "test.kitchen.v1.Kitchen/CreateDish",
      split: { targets: [{ target: "main", weight: 1 }], sticky: "field:dish" },
    },
    `${at}.split.sticky: /test.kitchen.v1.Kitchen/CreateDish: field dish has no single value: name a field that is text or a number`,
  ],
  [
    {
      match: "test.kitchen.v1.Kitchen/Chat",
      split: { targets: [{ target: "main", weight: 1 }], sticky: "field:text" },
    },
    `${at}.split.sticky: /test.kitchen.v1.Kitchen/Chat: its requests stream, so no field decides: use metadata:<name>`,
  ],
  [dish({ mirror: {} }), `${at}.mirror.target: is missing`],
  [
    dish({ mirror: { target: "main", percent: -1 } }),
    `${at}.mirror.percent: -1 is out of range: use a number between 0 and 100`,
  ],
  [
    { match: "test.kitchen.v1.Kitchen/CreateDish", mirror: { target: "main" } },
    `${at}.mirror: /test.kitchen.v1.Kitchen/CreateDish: a copy would repeat its side effects: match methods with NO_SIDE_EFFECTS, or set allowSideEffects`,
  ],
  [
    { match: "test.kitchen.v1.Kitchen/UploadDishes", mirror: { target: "main", allowSideEffects: true } },
    `${at}.mirror: /test.kitchen.v1.Kitchen/UploadDishes: its requests stream, and a stream cannot be copied: match other methods`,
  ],
];

test.each(wrong.map(([override, text]) => ({ override, text })))("refused: $text", async ({ override, text }) => {
  expect((await said([override])).split("\n")[0]).toBe(text);
});

test("each problem is told, with the line of its override", async () => {
  const message = await said([
    all({}),
    all({ timeout: { attempt: "2s" } }),
    dish({ policy: { auth: { access: "PUBLIC" } } }),
  ]);
  const lines = message.split("\n");
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^mesh\.json:5: overrides\[1\]\.policy\.timeout: \/test\.kitchen\.v1\.Kitchen\/GetDish: attempt/,
    ),
  );
  expect(lines.filter((line) => line.startsWith("mesh.json:6: overrides[2].policy.auth: "))).toHaveLength(1);
  expect(lines.length).toBeLessThanOrEqual(11);
});

test("what the proto files got wrong themselves is not an override's mistake", async () => {
  const file = join(
    folderWith({ "mesh.yaml": "overrides: [{ match: '*', policy: { retry: { initial: 50ms } } }]" }),
    "mesh.yaml",
  );
  const { policies } = await loadConfig({ file, args: [], env: {}, watch: false });
  policies.bind(kitchenSpec({ GetDish: { timeout: { totalMs: 100, attemptMs: 200 } } }));
});

test("health checks and reflection are left out by *", async () => {
  const { Health } = await import("../services/health-spec.ts");
  const closed = (match: string) => ({ match, policy: { auth: { access: "DENY" } } });
  const env = (match: string) => ({ MESH__OVERRIDES: JSON.stringify([closed(match)]) });
  const accessUnder = async (match: string) => {
    const { policies } = await loadConfig({ args: [], env: env(match) });
    policies.bind(Health);
    const [check] = Object.values(Health.methods);
    return (policies.methodOf(check as NonNullable<typeof check>).policy as MethodPolicy).auth?.access;
  };
  expect(await accessUnder("*")).toBe("PUBLIC");
  expect(await accessUnder("grpc.health.v1.Health")).toBe("DENY");
});

const fault = dish({ fault: { abort: { code: "ABORTED" } } });

test("faults are refused in production, unless they are allowed", async () => {
  expect(await said([fault])).toBe("nothing");
  expect(await said([fault], { NODE_ENV: "test", MESH_ENV: "staging" })).toBe("nothing");
  const refused = (why: string) =>
    `${at}.fault: is refused, because ${why}: remove it, or allow it by --allow-faults or MESH_ALLOW_FAULTS=true`;
  expect(await said([fault], { NODE_ENV: "production" })).toBe(refused("NODE_ENV is production"));
  expect(await said([fault], { NODE_ENV: "test", MESH_ENV: "Prod" })).toBe(refused("MESH_ENV is Prod"));
  expect(await said([fault], { NODE_ENV: "production", MESH_ALLOW_FAULTS: "false" })).toBe(
    refused("NODE_ENV is production"),
  );
  expect(await said([fault], { NODE_ENV: "production", MESH_ALLOW_FAULTS: "true" })).toBe("nothing");
  expect(await said([fault], { MESH_ALLOW_FAULTS: "yes" })).toBe("MESH_ALLOW_FAULTS: must be true or false");
  expect(await said([all({})], { NODE_ENV: "production" })).toBe("nothing");
});
