import { policies } from "@protomesh/runtime/policies";
import { expect, test } from "vitest";
import { betweenAll, contractOf, lines, shop } from "../../test/diff.ts";
import { diffContracts } from "./diff.ts";
import { kinds } from "./kinds.ts";

test("every option of every policy has a row that says what its changes mean", () => {
  const keysOf = (table: object, inner: "fields" | "rows"): string[] =>
    Object.entries(table).flatMap(([key, row]) => [
      key,
      ...(row[inner] ? keysOf(row[inner], inner).map((name) => `${key}.${name}`) : []),
    ]);
  for (const [name, { fields }] of Object.entries(policies)) {
    const { rows } = kinds[name as keyof typeof kinds];
    expect(keysOf(rows, "rows"), name).toEqual(expect.arrayContaining(keysOf(fields, "fields")));
  }
  expect(Object.keys(kinds).sort()).toEqual(Object.keys(policies).sort());
});

const open = "auth: { access: PUBLIC }";

/** Two policies of one method, and what has changed: `class option: before -> after`. */
const cases: readonly (readonly [string, string, readonly string[]])[] = [
  // Times.
  ['timeout: { total: "2s" }', 'timeout: { total: "2500ms" }', ["load timeout.total: 2s -> 2.5s"]],
  ['timeout: { total: "2s" }', "", ["load timeout.total: 2s -> -"]],
  ['timeout: { max: "10s" }', 'timeout: { max: "5s" }', ["capacity timeout.max: 10s -> 5s"]],
  ["", 'timeout: { max: "5s" }', ["capacity timeout.max: - -> 5s"]],
  ['timeout: { max: "5s" }', 'timeout: { max: "2m" }', ["operational timeout.max: 5s -> 2m"]],
  ['timeout: { attempt: "1s" }', 'timeout: { attempt: "600ms" }', ["load timeout.attempt: 1s -> 600ms"]],
  ['timeout: { attempt: "1s" }', "", ["operational timeout.attempt: 1s -> -"]],
  ['timeout: { reserve: "10ms" }', 'timeout: { reserve: "20ms" }', ["load timeout.reserve: 10ms -> 20ms"]],
  ['timeout: { total: "1500ms" }', 'timeout: { total: "1.5s" }', []],
  // Sending again.
  ["", "retry: { attempts: 3 }", ["load retry: - -> { attempts: 3 }"]],
  ["retry: { attempts: 3 }", "", ["operational retry: { attempts: 3 } -> -"]],
  ["retry: { attempts: 3 }", "retry: { attempts: 4 }", ["load retry.attempts: 3 -> 4"]],
  ["retry: { attempts: 3 }", "retry: { attempts: 2 }", ["operational retry.attempts: 3 -> 2"]],
  [
    "retry: { attempts: 3 on: [UNAVAILABLE, INTERNAL] }",
    "retry: { attempts: 3 on: [UNKNOWN, UNAVAILABLE] }",
    ["load retry.on: [UNAVAILABLE, INTERNAL] -> [UNKNOWN, UNAVAILABLE]"],
  ],
  ["retry: { attempts: 3 on: [UNAVAILABLE, INTERNAL] }", "retry: { attempts: 3 on: [INTERNAL, UNAVAILABLE] }", []],
  [
    'retry: { attempts: 3 max: "1s" }',
    'retry: { attempts: 3 initial: "50ms" max: "1s" }',
    ["load retry.initial: 100ms -> 50ms"],
  ],
  ["retry: { attempts: 3 }", "retry: { attempts: 3 jitter: NONE }", ["load retry.jitter: PROPORTIONAL -> NONE"]],
  [
    "retry: { attempts: 3 jitter: NONE }",
    "retry: { attempts: 3 jitter: FULL }",
    ["operational retry.jitter: NONE -> FULL"],
  ],
  [
    'hedge: { attempts: 2 delay: "80ms" }',
    "hedge: { attempts: 2 percentile: 95 }",
    ["load hedge.delay: 80ms -> -", "load hedge.percentile: - -> 95"],
  ],
  [
    'hedge: { attempts: 2 delay: "80ms" }',
    'hedge: { attempts: 2 delay: "90ms" }',
    ["operational hedge.delay: 80ms -> 90ms"],
  ],
  [
    'retry: { attempts: 3 initial: "1s" }',
    'retry: { attempts: 3 initial: "2s" max: "20s" }',
    ["operational retry.initial: 1s -> 2s", "operational retry.max: 10s -> 20s"],
  ],
  // What only follows another option is not told.
  [
    'retry: { attempts: 3 initial: "1s" }',
    'retry: { attempts: 3 initial: "2s" }',
    ["operational retry.initial: 1s -> 2s"],
  ],
  // Quotas.
  [
    'rate_limit: { name: "t" rate: "20/s" }',
    'rate_limit: { name: "t" rate: "10/s" }',
    ["capacity rate_limit[t].rate: 20/s -> 10/s"],
  ],
  ["", 'rate_limit: { name: "t" rate: "90/m" }', ["capacity rate_limit[t]: - -> { name: t, rate: 90/m }"]],
  [
    "",
    'rate_limit: { name: "t" rate: "90/m" shadow: true }',
    ["operational rate_limit[t]: - -> { name: t, rate: 90/m, shadow: true }"],
  ],
  [
    'rate_limit: { name: "t" rate: "20/s" burst: 5 } rate_limit: { name: "u" rate: "1/s" }',
    'rate_limit: { name: "u" rate: "1/s" } rate_limit: { name: "t" rate: "10/s" burst: 9 }',
    ["capacity rate_limit[t].rate: 20/s -> 10/s", "operational rate_limit[t].burst: 5 -> 9"],
  ],
  [
    'rate_limit: { name: "t" rate: "20/s" burst: 5 shadow: true }',
    'rate_limit: { name: "t" rate: "10/s" burst: 5 shadow: true }',
    ["operational rate_limit[t].rate: 20/s -> 10/s"],
  ],
  [
    'rate_limit: { name: "t" rate: "20/s" shadow: true }',
    'rate_limit: { name: "t" rate: "20/s" }',
    ["capacity rate_limit[t].shadow: true -> false"],
  ],
  [
    'rate_limit: { name: "t" rate: "20/s" by: "peer" }',
    'rate_limit: { name: "t" rate: "20/s" by: "metadata:app" }',
    ["capacity rate_limit[t].by: [peer] -> [metadata:app]"],
  ],
  ["limits: { request_bytes: 1000 }", "limits: { request_bytes: 999 }", ["capacity limits.request_bytes: 1000 -> 999"]],
  ["", "limits: { request_bytes: 4194305 }", ["operational limits.request_bytes: - -> 4194305"]],
  ["limits: { request_bytes: 8388608 }", "", ["capacity limits.request_bytes: 8388608 -> -"]],
  // Replies of others.
  ["", 'cache: { ttl: "30s" }', ["semantic cache: - -> { ttl: 30s }"]],
  ['cache: { ttl: "30s" }', 'cache: { ttl: "1m" }', ["semantic cache.ttl: 30s -> 1m"]],
  ['cache: { ttl: "30s" }', 'cache: { ttl: "30s" stale_if_error: "1h" }', ["semantic cache.stale_if_error: - -> 1h"]],
  ['cache: { ttl: "30s" }', 'cache: { ttl: "30s" vary: "all" }', ["security cache.vary: [] -> [all]"]],
  ['cache: { ttl: "30s" vary: "all" }', 'cache: { ttl: "30s" }', ["load cache.vary: [all] -> []"]],
  ['cache: { ttl: "30s" }', 'cache: { ttl: "30s" vary: "field:id" }', ["semantic cache.vary: [] -> [field:id]"]],
  ["", "fallback: { json: '{}' }", ["semantic fallback: - -> { json: {} }"]],
  [
    'cache: { ttl: "30s" vary: ["field:id", "field:tenant"] }',
    'cache: { ttl: "30s" vary: ["field:tenant", "field:id"] }',
    [],
  ],
  ["circuit_breaker: { on: [INTERNAL, UNKNOWN] }", "circuit_breaker: { on: [UNKNOWN, INTERNAL] }", []],
  [
    "circuit_breaker: { on: [INTERNAL, UNKNOWN] }",
    "circuit_breaker: { on: [INTERNAL] }",
    ["operational circuit_breaker.on: [INTERNAL, UNKNOWN] -> [INTERNAL]"],
  ],
  ...(
    [
      ["2", "3", ["capacity rate_limit[t].cost: 2 -> 3"]],
      ["3", "2", ["operational rate_limit[t].cost: 3 -> 2"]],
      ["9", "field:size", ["capacity rate_limit[t].cost: 9 -> field:size"]],
    ] as const
  ).map(
    ([one, other, want]) =>
      [
        `rate_limit: { name: "t" rate: "20/s" cost: "${one}" }`,
        `rate_limit: { name: "t" rate: "20/s" cost: "${other}" }`,
        want,
      ] as const,
  ),
  // What a server can bear.
  ["", "concurrency: { max: 5 }", ["operational concurrency: - -> { max: 5 }"]],
  ["concurrency: { max: 5 }", "concurrency: { max: 4 }", ["operational concurrency.max: 5 -> 4"]],
  [
    "circuit_breaker: { ratio: 0.5 }",
    "circuit_breaker: { ratio: 0.4 }",
    ["operational circuit_breaker.ratio: 0.5 -> 0.4"],
  ],
  ["", "balance: { picker: ROUND_ROBIN }", ["operational balance: - -> { picker: ROUND_ROBIN }"]],
  ["", "objective: { availability: 0.99 }", ["operational objective: - -> { availability: 0.99 }"]],
  ["", "compression: { request: GZIP }", ["operational compression: - -> { request: GZIP }"]],
  ["", "http: { success_status: 201 }", ["breaking http.success_status: - -> 201"]],
  ["", "http: { success_status: 200 unknown_json: REJECT }", []],
  ["", "http: { unknown_query: REJECT }", ["breaking http.unknown_query: - -> REJECT"]],
  ["", "http: { unknown_json: IGNORE }", ["operational http.unknown_json: - -> IGNORE"]],
  [
    'http: { headers: { header: "x-t" field: "tenant" } }',
    'http: { headers: { header: "x-u" field: "tenant" } }',
    ["breaking http.headers: [{ header: x-t, field: tenant }] -> [{ header: x-u, field: tenant }]"],
  ],
];

const all = betweenAll(cases.map(([before, after]) => [`${open} ${before}`, `${open} ${after}`]));

test.each(cases.map((one, index) => [...one, all[index]] as const))("%s => %s", (_before, _after, want, got) => {
  expect(got).toEqual(want);
});

const known = "access: AUTHENTICATED";

/** The options of auth. */
const auths: readonly (readonly [string, string, readonly string[]])[] = [
  [known, "access: PUBLIC", ["security auth.access: AUTHENTICATED -> PUBLIC"]],
  ["access: DENY", known, ["security auth.access: DENY -> AUTHENTICATED"]],
  ["access: PUBLIC", `${known} scopes: "a"`, ["breaking auth.access: PUBLIC -> AUTHENTICATED"]],
  [`${known} scopes: ["a", "b"]`, `${known} scopes: "b"`, ["security auth.scopes: [a, b] -> [b]"]],
  [`${known} scopes: "a"`, `${known} scopes: ["b", "a"]`, ["breaking auth.scopes: [a] -> [b, a]"]],
  [`${known} scopes: "a"`, `${known} scopes: "b"`, ["security auth.scopes: [a] -> [b]"]],
  [`${known} providers: "a"`, known, ["security auth.providers: [a] -> []"]],
  [known, `${known} providers: "a"`, ["breaking auth.providers: [] -> [a]"]],
  [`${known} providers: "a"`, `${known} providers: ["a", "b"]`, ["security auth.providers: [a] -> [a, b]"]],
  [`${known} audiences: ["a", "b"]`, `${known} audiences: "a"`, ["breaking auth.audiences: [a, b] -> [a]"]],
  [`${known} audiences: "a"`, known, ["security auth.audiences: [a] -> []"]],
  ['access: PUBLIC providers: "a"', "access: PUBLIC", ["security auth.providers: [a] -> []"]],
  ["access: PUBLIC", 'access: PUBLIC providers: "a"', ["breaking auth.providers: [] -> [a]"]],
];

const allAuths = betweenAll(auths.map(([before, after]) => [`auth: { ${before} }`, `auth: { ${after} }`]));

test.each(auths.map((one, index) => [...one, allAuths[index]] as const))(
  "auth: { %s } => { %s }",
  (_before, _after, want, got) => {
    expect(got).toEqual(want);
  },
);

test("principals and claims that no longer tell callers apart loosen security", () => {
  const limit = (by: string) => `auth: { ${known} } rate_limit: { name: "t" rate: "9/s" by: [${by}] }`;
  const only = `auth: { ${known} }`;
  const cache = (vary: string) => `${only} cache: { ttl: "9s" vary: [${vary}] }`;
  const onServer = (vary: string) => `${only} cache: { ttl: "9s" vary: [${vary}] side: SERVER }`;
  const ruled = (vary: string) =>
    `auth: { ${known} rule: "auth.sub == request.user_id" } cache: { ttl: "9s" vary: [${vary}] }`;
  const pairs: readonly (readonly [string, string, string])[] = [
    [limit('"principal"'), limit('"peer"'), "security rate_limit[t].by: [principal] -> [peer]"],
    [limit('"peer"'), limit('"peer", "claim:a"'), "operational rate_limit[t].by: [peer] -> [peer, claim:a]"],
    [cache('"principal"'), cache('"claim:org"'), "security cache.vary: [principal] -> [claim:org]"],
    // Who calls counts when nothing is said, so a claim alone tells fewer callers apart.
    [cache(""), cache('"claim:org"'), "security cache.vary: [] -> [claim:org]"],
    [cache('"claim:a", "claim:b"'), cache('"claim:a"'), "security cache.vary: [claim:a, claim:b] -> [claim:a]"],
    [cache('"claim:org"'), cache('"principal"'), "load cache.vary: [claim:org] -> [principal]"],
    // A cache that comes with sharing has the same effect as one that shares later.
    [only, cache('"all"'), "security cache: - -> { ttl: 9s, vary: [all] }"],
    [only, cache('"claim:org"'), "security cache: - -> { ttl: 9s, vary: [claim:org] }"],
    [only, cache('"principal"'), "semantic cache: - -> { ttl: 9s, vary: [principal] }"],
    [open, `${open} cache: { ttl: "9s" vary: "all" }`, "semantic cache: - -> { ttl: 9s, vary: [all] }"],
    // A client tells callers apart by all that they send, a server by these claims alone.
    [cache('"claim:org"'), onServer('"claim:org"'), "security cache.side: CLIENT -> SERVER"],
    [onServer('"claim:org"'), cache('"claim:org"'), "semantic cache.side: SERVER -> CLIENT"],
    [cache(""), onServer(""), "semantic cache.side: CLIENT -> SERVER"],
    // What a rule has read of the request no longer tells the replies for all apart.
    [
      ruled('"all", "field:user_id"'),
      ruled('"all", "field:id"'),
      "security cache.vary: [all, field:user_id] -> [all, field:id]",
    ],
    [ruled('"field:user_id"'), ruled('"field:id"'), "semantic cache.vary: [field:user_id] -> [field:id]"],
    [
      cache('"all", "field:user_id"'),
      cache('"all", "field:id"'),
      "semantic cache.vary: [all, field:user_id] -> [all, field:id]",
    ],
  ];
  expect(betweenAll(pairs.map(([before, after]) => [before, after]))).toEqual(pairs.map(([, , want]) => [want]));
});

test("idempotency: a level or key that is gone breaks clients that rely on it", () => {
  const at = (level: string, policy = "") => contractOf({ policy: `${open} ${policy}`, level });
  expect(lines(diffContracts(at("NO_SIDE_EFFECTS"), at("IDEMPOTENT")))).toEqual([
    "breaking idempotency_level: NO_SIDE_EFFECTS -> IDEMPOTENT",
  ]);
  expect(lines(diffContracts(at("IDEMPOTENCY_UNKNOWN"), at("IDEMPOTENT")))).toEqual([
    "operational idempotency_level: - -> IDEMPOTENT",
  ]);
  const key = 'idempotency: { key: "field:id" window: "2h" }';
  const unknown = "IDEMPOTENCY_UNKNOWN";
  const from = (policy: string, other: string) => lines(diffContracts(at(unknown, policy), at(unknown, other)));
  expect(from(key, "")).toEqual(["breaking idempotency: { key: field:id, window: 2h } -> -"]);
  expect(from("", key)).toEqual(["semantic idempotency: - -> { key: field:id, window: 2h }"]);
  expect(from(key, key.replace("2h", "1h"))).toEqual(["breaking idempotency.window: 2h -> 1h"]);
  expect(from(key, key.replace("field:id", "field:tenant"))).toEqual([
    "breaking idempotency.key: field:id -> field:tenant",
  ]);
});

test("who sets an option does not matter, only what it resolves to", () => {
  const budget = 'retry: { budget: { ratio: 0.2 window: "10s" } }';
  const before = contractOf({ policy: `${open} timeout: { total: "2s" } retry: { attempts: 3 }` });
  const after = contractOf({
    policy: 'use: ["quick"]',
    service: `${open} ${budget}`,
    head: 'option (mesh.v1.file) = { profiles: { name: "quick" policy: { timeout: { total: "2000ms" } retry: { attempts: 3 } } } };',
  });
  expect(diffContracts(before, after).filter(({ subject }) => subject === shop)).toEqual([]);
  // The other method is open now as well: the service says so.
  expect(lines(diffContracts(before, after))).toEqual(["security auth.access: DENY -> PUBLIC"]);
});

test("a limit may have any name", () => {
  expect(betweenAll([[open, `${open} rate_limit: { name: "a] b[c" rate: "9/s" }`]])).toEqual([
    ["capacity rate_limit[a] b[c]: - -> { name: a] b[c, rate: 9/s }"],
  ]);
});

test("a change is where the option is set, or was", () => {
  const before = contractOf({ policy: `${open} timeout: { total: "2s" max: "3s" }` });
  const after = contractOf({ policy: open, service: 'timeout: { total: "3s" }' });
  const [total, max] = diffContracts(before, after);
  expect([total?.place?.name, total?.placeBefore?.name]).toEqual([
    "(mesh.v1.service).timeout",
    "(mesh.v1.method).timeout",
  ]);
  expect([max?.option, max?.place?.name, max?.placeBefore?.name]).toEqual([
    "timeout.max",
    "(mesh.v1.service).timeout",
    "(mesh.v1.method).timeout",
  ]);
});

test("a limit that moves from a method to its service is shared from then on", () => {
  const limit = 'rate_limit: { name: "t" rate: "20/s" }';
  const [own, shared] = [contractOf({ policy: `${open} ${limit}` }), contractOf({ policy: open, service: limit })];
  const ofGet = (before: typeof own, after: typeof own) =>
    lines(diffContracts(before, after).filter(({ subject }) => subject === shop));
  expect(ofGet(own, shared)).toEqual(["capacity rate_limit[t].scope: method -> service"]);
  expect(ofGet(shared, own)).toEqual(["operational rate_limit[t].scope: service -> method"]);
});

test("budgets of the service are told for what retries, and for what hedges", () => {
  const with_ = (ratio: number, policy: string) =>
    contractOf({ policy: `${open} ${policy}`, service: `retry: { budget: { ratio: ${ratio} } }` });
  for (const policy of ["retry: { attempts: 2 }", 'hedge: { attempts: 2 delay: "9ms" }']) {
    expect(lines(diffContracts(with_(0.1, policy), with_(0.2, policy)))).toEqual([
      "load retry.budget.ratio: 0.1 -> 0.2",
    ]);
  }
});

test("routes: HTTP clients know them by method and path", () => {
  const routed = (rule: string) => contractOf({ policy: open, more: `option (google.api.http) = { ${rule} };` });
  const from = (one: string, other: string) => lines(diffContracts(routed(one), routed(other)));
  const get = 'get: "/v1/things/{id}"';
  expect(from(get, 'get: "/v2/things/{id}"')).toEqual([
    "breaking (google.api.http): GET /v1/things/{id} -> -",
    "operational (google.api.http): - -> GET /v2/things/{id}",
  ]);
  expect(from(get, `${get} additional_bindings: { post: "/v1/things" body: "*" }`)).toEqual([
    "operational (google.api.http): - -> POST /v1/things body: *",
  ]);
  expect(from(get, 'get: "/v1/things/{user_id}"')).toEqual([
    "breaking (google.api.http): GET /v1/things/{id} -> GET /v1/things/{user_id}",
  ]);
  expect(from('post: "/v1/things" body: "*"', 'post: "/v1/things" body: "id"')).toEqual([
    "breaking (google.api.http): POST /v1/things body: * -> POST /v1/things body: id",
  ]);
  expect(from(get, 'get: "/v1/things/{id=*}"')).toEqual([]);
  // The field has another name and the same number.
  const renamed = contractOf({
    policy: open,
    more: 'option (google.api.http) = { get: "/v1/things/{key}" };',
    rename: ["string id = 1", "string key = 1"],
  });
  expect(diffContracts(routed(get), renamed)).toEqual([]);
});

test("fields that are no longer sensitive, wherever a message is", () => {
  const marked = contractOf({
    policy: open,
    rename: ["string note = 1", "string note = 1 [(mesh.v1.field).sensitive = true]"],
  });
  const plain = contractOf({ policy: open });
  expect(diffContracts(marked, plain)).toMatchObject([
    {
      class: "security",
      subject: "shop.Inner.note",
      before: "true",
      after: "false",
      place: { name: "field shop.Inner.note" },
    },
  ]);
  expect(lines(diffContracts(plain, marked))).toEqual(["operational (mesh.v1.field).sensitive: false -> true"]);
});

test("new methods concern nobody, and methods that are gone are for buf breaking", () => {
  const one = contractOf({ policy: open });
  const renamed = contractOf({ policy: open, rename: ["rpc Other", "rpc Another"] });
  expect(diffContracts(one, renamed).map(({ class: grave, subject, text }) => `${grave} ${subject} ${text}`)).toEqual([
    "none /shop.Shop/Another a new method",
    "none /shop.Shop/Other gone or renamed: buf breaking says whether that may be",
  ]);
});
