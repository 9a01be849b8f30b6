import { expect, test } from "vitest";
import { documentsOf, exported, rpc, type Yaml } from "../../../test/exported.ts";

const users = `
auth:
  providers:
    - { name: users, jwt: { issuer: "https://id.example", jwks_uri: "https://id.example/keys" } }
`;
const open = "auth: { access: PUBLIC }";
const known = "auth: { access: AUTHENTICATED }";

/** The paths that some policy allows without asking who calls. */
const openPaths = (documents: readonly Yaml[]): string[] =>
  documents
    .filter(({ kind, spec }) => kind === "AuthorizationPolicy" && spec.action === "ALLOW")
    .flatMap(({ spec }) => spec.rules)
    .filter((rule: Yaml) => !rule.from)
    .flatMap((rule: Yaml) => rule.to.flatMap(({ operation }: Yaml) => operation.paths));

test.each([
  'post: "/{a}/{b}" body: "*"',
  'delete: "/{a}/{b}"',
  'post: "/acme.Shop/{a}"',
  'post: "/{a=**}" body: "*"',
  'post: "/acme.Shop/Secret" body: "*"',
])("a template that fits the gRPC path of a guarded method is refused: %s", (route) => {
  const outcome = exported("istio", `service Shop { ${rpc("Open", open, route)} ${rpc("Secret", known)} }`, users);
  expect(openPaths(documentsOf(outcome))).toEqual(["/grpc.health.v1.Health/*", "/acme.Shop/Open"]);
  expect(outcome.warnings).toContainEqual(
    expect.stringMatching(/Open: is refused by Istio at .*: its template would let through calls of other methods/),
  );
});

test("where all methods are for everybody, such a template lets nothing through that is not", () => {
  const outcome = exported(
    "istio",
    `service Shop { ${rpc("Open", open, 'post: "/{a}/{b}" body: "*"')} ${rpc("Other", open)} }`,
  );
  expect(openPaths(documentsOf(outcome))).toContain("/{*}/{*}");
});

test("streams are served by WebSocket, which asks by GET, whatever their route says", () => {
  const chat = `rpc Chat(stream M) returns (stream M) {
    option (google.api.http) = { post: "/v1/chat" body: "*" }; option (mesh.v1.method) = { ${known} }; }`;
  const outcome = exported("istio", `service Shop { ${rpc("Open", open, 'get: "/v1/{a}"')} ${chat} }`, users);
  expect(openPaths(documentsOf(outcome))).not.toContain("/v1/{*}");
});

test("what one port of a host lets through is not what another port guards, because policies select pods", () => {
  const config = `
targets:
  - { name: shop, address: "shop.prod:50051" }
  - { name: admin, address: "shop.prod.svc:50052" }
gateway: { services: [{ service: acme.Shop, target: shop }, { service: acme.Admin, target: admin }] }
${users}`;
  const outcome = exported(
    "istio",
    `service Shop { ${rpc("Open", open, 'get: "/v1/{a=**}"')} }
     service Admin { ${rpc("Secret", known, 'get: "/v1/secret"')} }`,
    config,
  );
  expect(openPaths(documentsOf(outcome))).not.toContain("/v1/{**}");
  expect(outcome.warnings).toContainEqual(expect.stringMatching(/Open: is refused by Istio at GET/));
});

test("tokens count in the header alone, as at the server", () => {
  const outcome = exported("istio", `service Shop { ${rpc("Get", known)} }`, users);
  const { spec } = documentsOf(outcome).find(({ kind }) => kind === "RequestAuthentication");
  expect(spec.jwtRules[0].fromHeaders).toEqual([{ name: "Authorization", prefix: "Bearer " }]);
  expect(outcome.warnings).toContainEqual(
    expect.stringMatching(/acme\.Shop: trusts users, of which Istio takes tokens without an expiry too/),
  );
});

test("a server's certificate has the name that the configuration gives it; files of certificates are losses", () => {
  const tls = "{ server_name: shop.example, ca_file: ca.pem, cert_file: a.pem, key_file: a.key }";
  const outcome = exported(
    "istio",
    `service Shop { ${rpc("Get", open)} }`,
    `targets: [{ name: shop, address: "shop.prod:50051", tls: ${tls} }]`,
  );
  const { spec } = documentsOf(outcome).find(({ kind }) => kind === "DestinationRule");
  expect(spec.trafficPolicy.tls).toEqual({ mode: "SIMPLE", sni: "shop.example", subjectAltNames: ["shop.example"] });
  const losses = outcome.warnings.filter((line) => /ca_file|cert_file/.test(line));
  expect(losses).toEqual([
    expect.stringMatching(/is called with cert_file, which is not exported/),
    expect.stringMatching(/is trusted by ca_file, which is not exported/),
  ]);
});

test("a PUBLIC method says by whom Istio checks nobody", () => {
  const outcome = exported(
    "istio",
    `service Shop { ${rpc("Get", "auth: { access: PUBLIC providers: 'users' providers: 'gone' }")} }`,
    users,
  );
  expect(outcome.warnings).toContainEqual(
    expect.stringMatching(/auth\.providers: names gone, by which Istio checks nobody/),
  );
});

test("of callers by certificate the first that fits counts", () => {
  const config = `
auth:
  providers:
    - name: inside
      mtls: { callers: [{ id: "spiffe://a/x/y" }, { id: "spiffe://a/x/*", scopes: [read] }, { id: "spiffe://a/z", scopes: [read] }] }
`;
  const outcome = exported(
    "istio",
    `service Shop { ${rpc("Get", "auth: { access: AUTHENTICATED scopes: 'read' }")} }`,
    config,
  );
  const { spec } = documentsOf(outcome).find(({ metadata }) => metadata.name === "shop-allow");
  expect(spec.rules[1].from).toEqual([
    { source: { principals: ["a/x/*"], notPrincipals: ["a/x/y"] } },
    { source: { principals: ["a/z"] } },
  ]);
});

test("audiences are compared as they are: Envoy takes https://shop/ for shop", () => {
  const config = `
auth:
  providers:
    - { name: users, jwt: { issuer: "https://id.example", jwks_uri: "https://id.example/keys", audiences: [shop, bank] } }
    - { name: all, jwt: { issuer: "https://all.example", jwks_uri: "https://all.example/keys" } }
`;
  const outcome = exported(
    "istio",
    `service Shop { ${rpc("Get", known)} ${rpc("Meant", "auth: { access: AUTHENTICATED audiences: 'own' }")} }`,
    config,
  );
  const { spec } = documentsOf(outcome).find(({ metadata }) => metadata.name === "shop-allow");
  const audiences = (values: readonly string[]) => ({ key: "request.auth.audiences", values });
  expect(spec.rules.slice(1).map(({ when }: Yaml) => when)).toEqual([
    [audiences(["shop", "bank"])],
    undefined,
    [audiences(["shop", "bank"]), audiences(["own"])],
    [audiences(["own"])],
  ]);
});

test("what browsers may ask first is nothing that a server of gRPC could take for a call", () => {
  const config = `${users}
gateway: { cors: { origins: ["https://shop.example"] } }
`;
  const outcome = exported(
    "istio",
    `service Shop { ${rpc("Any", known, 'post: "/{a}/{b}" body: "*"')} ${rpc("Item", known, 'get: "/v1/items/{a}"')} }`,
    config,
  );
  expect(openPaths(documentsOf(outcome))).toEqual(["/grpc.health.v1.Health/*", "/v1/items/{*}"]);
  expect(outcome.warnings).toContainEqual(
    expect.stringMatching(/Any: refuses what browsers ask first at POST \/\{a\}\/\{b\}/),
  );
});
