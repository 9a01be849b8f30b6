import { expect, test } from "vitest";
import { documentsOf, exported, rpc } from "../../../test/exported.ts";

const open = "auth: { access: PUBLIC }";

const users = `
auth:
  providers:
    - { name: users, jwt: { issuer: "https://id.example", jwks_uri: "https://id.example/keys" } }
`;

test("objects of different services never have one name: the later would replace the earlier", () => {
  const config = `
targets:
  - { name: shop, address: "shop.prod:50051" }
  - { name: shop-admin, address: "shop-admin.prod:50051" }
  - { name: shop-2, address: "shop-2.prod:50051" }
gateway:
  services:
    - { service: acme.Shop, target: shop }
    - { service: acme.Admin, target: shop-admin }
    - { service: acme.Second, target: shop-2 }
${users}`;
  const many = Array.from({ length: 20 }, (_, n) => rpc(`Other${n}`, `${open} timeout: { total: "${n + 1}s" }`));
  const outcome = exported(
    "gateway-api",
    `service Shop { ${rpc("AdminList", "auth: { access: AUTHENTICATED }")} ${many.join(" ")} }
     service Admin { ${rpc("List", "auth: { access: AUTHENTICATED scopes: 'admin' }")} }
     service Second { ${rpc("Get", open)} }`,
    config,
  );
  const names = documentsOf(outcome).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(names).toEqual(expect.arrayContaining(["SecurityPolicy shop-admin-list", "SecurityPolicy shop-admin-list-2"]));
});

test("names are not longer than Kubernetes takes them", () => {
  const long = "X".repeat(300);
  const outcome = exported("gateway-api", `service S${long} { ${rpc(`M${long}`, open)} }`);
  for (const { metadata } of documentsOf(outcome)) expect(metadata.name.length).toBeLessThanOrEqual(253);
});

const known = "auth: { access: AUTHENTICATED }";
const gatewayLosses = (services: string, config?: string) =>
  exported("gateway-api", services, config).warnings.filter((line) => line.includes("[export/gateway-api]"));

test.each([
  ['get: "/v1/{a=**}"', 'get: "/v1/secret"'],
  ['get: "/v1/{a}/bbbb"', 'get: "/v1/b/{a}"'],
  ['custom: { kind: "*" path: "/v1/{a}" }', 'get: "/v1/secret"'],
  ['get: "/v1/{a}/abcdefghijklmn"', 'get: "/v1/{a}/{b=**}"'],
])("routes that a gateway does not tell apart as the server does are a loss: %s and %s", (one, other) => {
  const losses = gatewayLosses(`service Shop { ${rpc("Open", open, one)} ${rpc("Secret", known, other)} }`, users);
  expect(losses.filter((line) => line.includes("does not tell them apart"))).toHaveLength(1);
});

test.each([
  ['get: "/v1/{a}"', 'get: "/v1/secret"'],
  ['get: "/v1/{a}"', 'post: "/v1/{a}:sell"'],
  ['get: "/v1/{a}"', 'get: "/v1/{a}:sell"'],
  ['get: "/v1/{a}:buy"', 'get: "/v1/{a}:sell"'],
  ['get: "/v1/items"', 'get: "/v1/{a=items/**}:watch"'],
  ['get: "/v1/items/{a}"', 'get: "/v1/{a=items/**}:watch"'],
  ['get: "/v1/{a}"', 'post: "/v1/{a}"'],
])("others are not: %s and %s", (one, other) => {
  const losses = gatewayLosses(`service Shop { ${rpc("Open", open, one)} ${rpc("Secret", known, other)} }`, users);
  expect(losses.filter((line) => line.includes("does not tell them apart"))).toEqual([]);
  const alike = gatewayLosses(
    `service Shop { ${rpc("Open", open, 'get: "/v1/{a=**}"')} ${rpc("Other", open, other)} }`,
  );
  expect(alike.filter((line) => line.includes("does not tell them apart"))).toEqual([]);
});

test("tokens count in the header alone, and what the gateway cannot check of them is a loss", () => {
  const config = `
auth:
  providers:
    - { name: users, jwt: { issuer: "https://id.example", jwks_uri: "https://id.example/keys", clock_skew: 5s } }
    - { name: far, jwt: { issuer: "https://far.example", jwks_uri: "https://far.example/keys", scopes_claim: "https://far.example/roles" } }
`;
  const outcome = exported(
    "gateway-api",
    `service Shop {
      ${rpc("Get", "auth: { access: AUTHENTICATED scopes: 'read' }")}
      ${rpc("Far", "auth: { access: AUTHENTICATED providers: 'far' scopes: 'read' }")}
      ${rpc("Greet", "auth: { access: PUBLIC providers: 'users' providers: 'gone' }")}
    }`,
    config,
  );
  const policies = documentsOf(outcome).filter(({ kind }) => kind === "SecurityPolicy");
  const [get, far, greet] = policies.map(({ spec }) => spec);
  for (const { jwt } of [get, greet])
    expect(jwt.providers).toEqual([
      expect.objectContaining({
        name: "users",
        extractFrom: { headers: [{ name: "Authorization", valuePrefix: "Bearer " }] },
      }),
    ]);
  expect(far).toMatchObject({ authorization: { defaultAction: "Deny" } });
  expect(far).not.toHaveProperty("jwt");
  const said = (text: RegExp) => outcome.warnings.filter((line) => text.test(line)).length;
  expect(said(/acme\.Shop: trusts users, of which Envoy Gateway takes tokens without an expiry too/)).toBe(1);
  expect(said(/acme\.Shop: trusts users, whose clock_skew becomes 60s/)).toBe(1);
  expect(
    said(/auth\.scopes: are in the claim https:\/\/far\.example\/roles, which Envoy Gateway takes for a path/),
  ).toBe(2);
  expect(said(/auth\.providers: names gone, by which Envoy Gateway checks nobody/)).toBe(1);
});

test("the time of an attempt holds where nothing is sent again after all", () => {
  const options = (on: string) =>
    `${open} timeout: { total: "2s" attempt: "300ms" } retry: { attempts: 3 on: [${on}] }`;
  const outcome = exported(
    "gateway-api",
    `service Shop { ${rpc("Lost", options("ABORTED"))} ${rpc("Kept", options("ABORTED"), 'get: "/v1/kept"')} }`,
  );
  const times = documentsOf(outcome)
    .filter(({ kind }) => kind === "BackendTrafficPolicy")
    .map(({ spec }) => [spec.timeout.http.requestTimeout, spec.retry?.perRetry.timeout]);
  expect(times).toEqual([
    ["300ms", undefined],
    ["2s", "300ms"],
  ]);
});

test("a call may cost parts of one", () => {
  const outcome = exported(
    "gateway-api",
    `service Shop { ${rpc("Get", `${open} rate_limit: { name: "a" rate: "60/m" burst: 12 cost: "0.5" }`)} }`,
  );
  const { spec } = documentsOf(outcome).find(({ kind }) => kind === "BackendTrafficPolicy");
  expect(spec.rateLimit.local.rules[0].limit).toEqual({ requests: 2, unit: "Second" });
});

test("pages may use the methods that an HTTPRoute knows, and no others", () => {
  const routes = 'get: "/v1/a" additional_bindings { custom: { kind: "SUBSCRIBE" path: "/v1/b" } }';
  const outcome = exported(
    "gateway-api",
    `service Shop { ${rpc("Get", open, routes)} }`,
    'gateway: { cors: { origins: ["*"] } }',
  );
  const { spec } = documentsOf(outcome).find(({ kind }) => kind === "HTTPRoute");
  expect(spec.rules[0].filters[0].cors.allowMethods).toEqual(["GET"]);
});

test("the Secret of a provider has a name that a Secret may have", () => {
  const config = `auth: { providers: [{ name: Partner_Keys, api_key: { keys: [{ sha256: ${"ab".repeat(32)}, subject: ada }] } }] }`;
  const outcome = exported("gateway-api", `service Shop { ${rpc("Get", known)} }`, config);
  const { spec } = documentsOf(outcome).find(({ kind }) => kind === "SecurityPolicy");
  expect(spec.apiKeyAuth.credentialRefs).toEqual([{ name: "partner-keys-api-keys" }]);
});
