/** A real Envoy takes what is exported for all kinds of contracts. Needs Envoy; without it the tests are skipped, but never in CI. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compileFolder, generate, protosBelow, requestFor, root, run } from "../../plugin/test/compile.ts";
import { envoy, refused } from "./envoy.ts";

const { problem } = envoy;
const folder = mkdtempSync(join(tmpdir(), "mesh-validate-"));
afterAll(() => rmSync(folder, { recursive: true }));

const config = join(folder, "mesh.yaml");
writeFileSync(
  config,
  `server: { listen: "127.0.0.1:8080" }
targets:
  - { name: one, address: "dns:///one.example:50051", tls: { serverName: one.example } }
  - { name: many, address: "ipv4:10.0.0.1:50051,10.0.0.2:50051" }
gateway:
  services: [{ service: acme.Shop, target: one }, { service: "*", target: many }]
  cors: { origins: ["https://*.example", "*"], headers: [x-a], maxAge: 1m }
auth:
  providers:
    - name: users
      jwt: { issuer: "https://id.example.com", jwksUri: "https://id.example.com/keys", audiences: [shop], scopesClaim: realm.roles }
    - name: mesh
      mtls: { callers: [{ id: "spiffe://acme.com/cart", scopes: [read] }, { id: "spiffe://acme.com/x/*" }] }
    - name: keys
      apiKey: { keys: [{ sha256: ${"ab".repeat(32)}, subject: ada }] }
`,
);

describe.skipIf(problem)("Envoy takes", () => {
  const folders = ["testdata/shop", "testdata/policy", "testdata/names", "testdata/openapi", "testdata/validation"];
  test.each([...folders, "examples/shop/proto"])("%s", (path) => {
    const protos = join(root, path);
    const set = compileFolder(protos);
    for (const more of ["", `,config=${config}`]) {
      const { files, errors } = run(requestFor(set, protosBelow(protos), `target=envoy${more}`));
      expect(errors).toEqual([]);
      expect(refused(files["envoy.yaml"] as string)).toBeUndefined();
    }
  });

  test.each([
    ["testdata/unannotated", "unannotated=post"],
    ["testdata/service-config", "grpc_api_configuration=testdata/service-config/api.yaml"],
  ])("%s with %s", (path, parameter) => {
    const protos = join(root, path);
    const { files, errors } = run(requestFor(compileFolder(protos), protosBelow(protos), `target=envoy,${parameter}`));
    expect(errors).toEqual([]);
    expect(files["envoy.yaml"]).toContain("proto_descriptor_bin");
    expect(refused(files["envoy.yaml"] as string)).toBeUndefined();
  });

  /** Every option that Envoy can express, in turn. */
  test.each([
    "retry: { attempts: 3 }",
    "retry: { attempts: 5 on: [DEADLINE_EXCEEDED, INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE] attempt_timeout: true } timeout: { total: '5s' attempt: '100ms' }",
    "hedge: { attempts: 3 delay: '30ms' }",
    "timeout: { total: '1.5s' max: '1h' reserve: '5ms' }",
    "circuit_breaker: { ratio: 0.3 min_calls: 7 window: '2s' open: '300ms' slow: '1s' probes: 2 }",
    "circuit_breaker: { adaptive: true ratio: 0.1 }",
    "concurrency: { max: 7 queue: 3 criticality: SHEDDABLE }",
    "concurrency: { adaptive: GRADIENT min: 3 max: 70 }",
    ...["PICK_FIRST", "ROUND_ROBIN", "LEAST_REQUEST", "WEIGHTED"].map((one) => `balance: { picker: ${one} }`),
    "balance: { picker: RING_HASH hash_by: 'metadata:x-user' }",
    "balance: { picker: RING_HASH hash_by: 'field:a' }",
    "limits: { request_bytes: 5000 response_bytes: 6000 }",
    "rate_limit: { name: 'a' rate: '100000/s' by: 'peer' by: 'metadata:x-a' by: 'metadata:x-b' by: 'method' cost: '2' }",
    "rate_limit: { name: 'a' rate: '7/h' } rate_limit: { name: 'b' rate: '3/m' shadow: true } rate_limit: { name: 'c' rate: '1000/s' by: 'field:a' shared: true }",
    "auth: { access: AUTHENTICATED scopes: 'a.b*' audiences: 'x' } rate_limit: { name: 'a' rate: '1/s' by: 'principal' by: 'claim:tenant' }",
    "auth: { access: PUBLIC providers: 'users' }",
    "auth: { access: AUTHENTICATED providers: 'keys' }",
    "auth: { access: DENY }",
  ])("%s", (options) => {
    const proto = `syntax = "proto3"; package acme; import "mesh/v1/options.proto";
      service Shop {
        option (mesh.v1.service) = { auth: { access: AUTHENTICATED } };
        rpc Get(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS; option (mesh.v1.method) = { ${options} }; }
        rpc Watch(M) returns (stream M) { option idempotency_level = NO_SIDE_EFFECTS; option (mesh.v1.method) = { timeout: { idle: "9s" } }; }
      }
      message M { string a = 1; }`;
    const { files, errors } = generate({ "a.proto": proto }, `target=envoy,config=${config}`);
    expect(errors).toEqual([]);
    expect(refused(files["envoy.yaml"] as string)).toBeUndefined();
  });

  test("and not everything", () => {
    expect(refused("static_resources: { listeners: [{ name: a, adress: b }] }")).toContain("adress");
  });
});
