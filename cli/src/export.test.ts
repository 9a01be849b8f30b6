import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bundle, bundle, Project } from "../test/bundle.ts";

const shop = `syntax = "proto3";
package shop.v1;
import "mesh/v1/options.proto";
service Shop {
  option (mesh.v1.service) = { auth: { access: PUBLIC } };
  rpc Get(Item) returns (Item) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (mesh.v1.method) = {
      retry: { attempts: 3 on: [UNAVAILABLE, ABORTED] }
    };
  }
}
message Item { string id = 1; }
`;

let command: Bundle;
let project: Project;

beforeAll(() => {
  command = bundle();
  project = new Project({
    "proto/shop/v1/shop.proto": shop,
    "mesh.yaml": "targets: [{ name: shop-eu, address: 10.0.0.7:50051 }]\n",
    "wrong.yaml": "targets:\n  - name: shop\n    adress: x:1\n",
  });
}, 60_000);

afterAll(() => {
  command.remove();
  project.remove();
});

const run = (...args: string[]) => command.run(project.folder, args);
const loss =
  "proto/shop/v1/shop.proto:9:28: warning: (mesh.v1.method).retry.on: Envoy cannot retry ABORTED: such a failure goes to the caller [export/envoy]";

test("a single file goes to stdout, and what is lost to stderr", () => {
  const { status, stdout, stderr } = run("export", "service-config", "proto", "--opt", "service_config=grpc-js");
  expect([status, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout).methodConfig[0].retryPolicy).toMatchObject({ initialBackoff: "0.100000000s" });
  const lossy = run("export", "envoy", "proto");
  expect([lossy.status, lossy.stderr]).toEqual([0, `${loss}\n`]);
  expect(lossy.stdout).toContain("address: shop\n");
});

test("files go to a folder, with the addresses of the configuration, the same bytes each time", () => {
  const { status, stderr } = run("export", "envoy", "proto", "--config", "mesh.yaml", "--out", "deploy/envoy");
  expect([status, stderr]).toEqual([0, `${loss}\n1 file in deploy/envoy: envoy.yaml\n`]);
  const file = join(project.folder, "deploy/envoy/envoy.yaml");
  const first = readFileSync(file, "utf8");
  expect(first).toContain('address: "10.0.0.7"\n');
  run("export", "envoy", "proto", "--config", "mesh.yaml", "--out", "deploy/envoy");
  expect(readFileSync(file, "utf8")).toBe(first);
});

test("--strict fails when something is lost, and writes nothing", () => {
  const { status, stdout, stderr } = run("export", "envoy", "proto", "--strict", "--out", "strict");
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toBe(`${loss}\nprotomesh: 1 option cannot be expressed, and nothing was written\n`);
  expect(readdirSync(project.folder)).not.toContain("strict");
  expect(run("export", "service-config", "proto", "--strict").status).toBe(0);
});

test("help lists the targets, and what is wrong says what to do", () => {
  const { status, stdout } = run("export", "--help");
  expect(status).toBe(0);
  for (const target of ["service-config", "envoy", "istio", "gateway-api"])
    expect(stdout).toMatch(new RegExp(`^ {2}${target} +\\S`, "m"));
  const wrong = (...args: string[]) => {
    const { status: code, stdout: out, stderr } = run("export", ...args);
    return [code, out, stderr.trim()];
  };
  expect(wrong()).toEqual([2, "", expect.stringContaining("<target> is missing: what to write for: ")]);
  expect(wrong("nginx")).toEqual([2, "", expect.stringContaining("there is no target nginx: use service-config, ")]);
  expect(wrong("envoy", "proto", "--config", "wrong.yaml")).toEqual([
    1,
    "",
    'protomesh: proto: wrong.yaml:3: targets[0]: unknown key "adress", did you mean address? Known keys: name, address, tls, connectTimeout',
  ]);
  expect(wrong("envoy", "proto", "--config", "none.yaml")).toEqual([
    1,
    "",
    expect.stringContaining("config=none.yaml cannot be read (ENOENT)"),
  ]);
  expect(wrong("service-config", "proto", "--opt", "service_config=go")).toEqual([
    1,
    "",
    expect.stringContaining("use service_config=spec or service_config=grpc-js"),
  ]);
});

test("options that are wrong fail with their places", () => {
  const broken = new Project({ "proto/a.proto": shop.replace("attempts: 3", "attempts: 9") });
  try {
    const { status, stdout, stderr } = command.run(broken.folder, ["export", "envoy", "proto"]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/proto has errors[\s\S]*proto\/a\.proto:9:\d+: \(mesh\.v1\.method\)\.retry\.attempts/);
  } finally {
    broken.remove();
  }
});
