import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { GenerationError } from "../generation-error.ts";
import { readDeployment } from "./read-deployment.ts";

const folder = mkdtempSync(join(tmpdir(), "mesh-deployment-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string | object): string {
  const file = join(folder, name);
  writeFileSync(file, typeof text === "string" ? text : JSON.stringify(text));
  return file;
}

function problem(text: string | object): string {
  const name = typeof text === "string" ? "wrong.yaml" : "wrong.json";
  try {
    readDeployment(write(name, text));
  } catch (error) {
    expect(error).toBeInstanceOf(GenerationError);
    return (error as Error).message.replaceAll(folder, "");
  }
  throw new Error("it was read");
}

const two = `
targets:
  - name: Shop_EU
    address: dns:///shop:50051
    connectTimeout: 1.5s
  - name: stock
    address: ipv4:10.0.0.1:50051,10.0.0.2:50052
    tls: { caFile: ca.pem, serverName: stock.example.com }
gateway:
  services:
    - { service: shop.v1.Orders, target: Shop_EU }
    - { service: "shop.v1.*", target: stock, prefix: /shop }
`;

test("names that differ by case or signs alone stay apart, also from services that no target has", () => {
  const { upstreamOf } = readDeployment(
    write("alike.yaml", {
      targets: [
        { name: "shop_a", address: "a:1" },
        { name: "shop-a", address: "b:1" },
        { name: "shop-b", address: "c:1" },
      ],
      gateway: {
        services: [
          { service: "x.One", target: "shop_a" },
          { service: "x.Two", target: "shop-a" },
        ],
      },
    }),
  );
  const places = ["x.One", "x.Two", "x.ShopB", "y.ShopB"].map(upstreamOf);
  expect(places.map(({ name, host }) => [name, host])).toEqual([
    ["shop-a", "a"],
    ["shop-a-2", "b"],
    ["shop-b-2", "shop-b"],
    ["shop-b-2", "shop-b"],
  ]);
});

test("a service is behind the target of the first entry that fits, and under a name that targets can use", () => {
  const { upstreamOf } = readDeployment(write("two.yaml", two));
  expect(upstreamOf("shop.v1.Orders")).toMatchObject({
    name: "shop-eu",
    host: "shop",
    port: 50051,
    tls: false,
    connectTimeoutMs: 1500,
  });
  expect(upstreamOf("shop.v1.Inventory")).toMatchObject({
    name: "stock",
    host: "10.0.0.1",
    addresses: [
      { host: "10.0.0.1", port: 50051 },
      { host: "10.0.0.2", port: 50052 },
    ],
    tls: true,
    caFile: "ca.pem",
    serverName: "stock.example.com",
  });
  expect(upstreamOf("other.v1.OrderBook")).toMatchObject({ name: "order-book", host: "order-book", port: 50051 });
});

test("the only target has every service, also where nothing is said of services", () => {
  const file = write("one.json", { targets: [{ name: "all", address: "[::1]:9000" }] });
  expect(readDeployment(file).upstreamOf("a.B")).toMatchObject({ name: "all", host: "::1", port: 9000 });
});

test("providers are what other enforcement points can do too, and the rest is reported", () => {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  write("key.pem", publicKey.export({ type: "spki", format: "pem" }) as string);
  write("keys.json", { keys: [{ kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
  write("secret", "0123456789abcdef0123456789abcdef");
  const file = write(
    "providers.yaml",
    `auth:
  providers:
    - name: remote
      jwt: { issuer: "https://id.example.com", jwksUri: "https://id.example.com/keys", audiences: [shop], clockSkew: 30s }
    - name: file
      jwt: { issuer: me, jwksFile: keys.json, scopesClaim: roles }
    - name: key
      jwt: { issuer: me, publicKeyFile: key.pem }
    - name: secret
      jwt: { issuer: me, secretFile: secret }
    - name: keys
      apiKey: { keys: [{ sha256: ${"ab".repeat(32)}, subject: ada }] }
    - name: mesh
      mtls: { callers: [{ id: "spiffe://acme.com/cart", scopes: [read] }] }
`,
  );
  const { providers, losses } = readDeployment(file);
  expect(Object.fromEntries(providers)).toEqual({
    remote: {
      kind: "jwt",
      issuer: "https://id.example.com",
      audiences: ["shop"],
      jwksUri: "https://id.example.com/keys",
      jwks: undefined,
      clockSkewSeconds: 30,
      subjectClaim: "sub",
      scopesClaim: "scope",
    },
    file: expect.objectContaining({ jwks: expect.stringContaining('"Ed25519"'), scopesClaim: "roles" }),
    key: expect.objectContaining({ jwks: expect.stringContaining('"P-256"'), clockSkewSeconds: 60 }),
    keys: { kind: "api_key", header: "x-api-key" },
    mesh: {
      kind: "mtls",
      ids: ["spiffe://acme.com/cart"],
      callers: [{ id: "spiffe://acme.com/cart", scopes: ["read"] }],
    },
  });
  expect(losses).toEqual([
    {
      place: { source: file, line: 9, column: 1, name: "auth.providers[3]" },
      text: expect.stringContaining("the secret would be in what is written"),
    },
  ]);
});

test("a listener, its certificate, and the pages that may call", () => {
  const file = write(
    "listen.yaml",
    `server: { grpc: ":1", listen: "0.0.0.0:8443", tls: { certFile: c.pem, keyFile: k.pem, clientCaFile: ca.pem } }
gateway:
  cors: { origins: ["https://a.example"], maxAge: 5m }
  docs: { documentFile: a.json }
  trustedProxies: [loopback]
overrides: [{ match: "*", policy: { retry: { attempts: 2 } } }]`,
  );
  const { listener, cors, losses } = readDeployment(file);
  expect(listener).toEqual({
    host: "0.0.0.0",
    port: 8443,
    tls: { certFile: "c.pem", keyFile: "k.pem", clientCaFile: "ca.pem" },
  });
  expect(cors).toMatchObject({ origins: ["https://a.example"], credentials: false, maxAgeSeconds: 300 });
  expect(losses.map(({ place: { line, name }, text }) => `${line} ${name} ${text}`)).toEqual([
    "2 gateway trustedProxies, docs: not exported, for it is about servers of Protomesh",
    "6 overrides[0] is not exported: what the proto files say of * is",
  ]);
});

test.each([
  ["targets:\n  - name: a\n    adress: b:1", '/wrong.yaml:3: targets[0]: unknown key "adress", did you mean address?'],
  ["targets:\n  - name: a", "/wrong.yaml:2: targets[0].address: is missing"],
  ["targets:\n  - name: 7", "/wrong.yaml:2: targets[0].name: is a number, it must be text"],
  ["targets: [{ name: a, address: 'unix:/run/a.sock' }]", "/wrong.yaml:1: targets[0].address: leads nowhere"],
  ["targets: [{ name: a, address: 'b:99999' }]", '/wrong.yaml:1: targets[0].address: is "b:99999": write'],
  ["targets:\n- { name: a, address: 'b:1' }\n- { name: a, address: 'b:2' }", '/wrong.yaml:3: targets[1].name: "a" is'],
  ["gateway: { services: [{ service: a.B, target: c }] }", "/wrong.yaml:1: gateway.services[0].target: no target"],
  ["server: { listen: here }", '/wrong.yaml:1: server.listen: is "here": write "host:port" or ":port"'],
  ["server: { listen: ':1', tls: { certFile: a } }", "server.tls.keyFile: is missing"],
  ["gateway: { cors: {} }", "gateway.cors.origins: is missing"],
  ["gateway: { cors: { origins: ['*'], credentials: true } }", "gateway.cors.credentials: cannot be true"],
  ["auth: { providers: [{ name: a, jwt: { issuer: b } }] }", "auth.providers[0].jwt: says no keys"],
  ["auth: { providers: [{ name: a, jwt: { issuer: b, jwksFile: none.json } }] }", "none.json cannot be read (ENOENT)"],
  ["a: [", "is not YAML"],
  ["", "is empty: write {}"],
])("%j is refused, and where", (text, message) => {
  expect(problem(text)).toContain(message);
});

test("JSON is read too, and a file that is not there is named with the parameter", () => {
  expect(problem({ target: [] })).toContain('/wrong.json:1: unknown key "target", did you mean targets?');
  expect(() => readDeployment(join(folder, "none.yaml"))).toThrow(/^parameter config=.*none\.yaml cannot be read/);
});
