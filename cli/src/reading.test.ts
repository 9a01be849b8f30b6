import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compile, root } from "../../plugin/test/compile.ts";
import { type Bundle, bundle, Project } from "../test/bundle.ts";

const shop = `syntax = "proto3";
package shop.v1;
import "mesh/v1/options.proto";
option (mesh.v1.file) = {
  defaults: { auth: { access: PUBLIC } }
  profiles: { name: "quick" policy: { timeout: { total: "1s" } } }
};
service Shop {
  option (mesh.v1.service) = {
    timeout: { total: "2s" max: "10s" }
    rate_limit: { name: "all" rate: "90/m" by: "peer" }
  };
  rpc Get(Item) returns (Item) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (mesh.v1.method) = {
      use: "quick"
      auth: { access: AUTHENTICATED scopes: "read" rule: "auth.sub == request.id" }
      rate_limit: { name: "all" burst: 7 }
    };
  }
  rpc Watch(Item) returns (stream Item) { option idempotency_level = NO_SIDE_EFFECTS; }
}
message Item {
  string id = 1;
}
`;

let command: Bundle;
let project: Project;

beforeAll(() => {
  command = bundle();
  project = new Project({ "proto/shop/v1/shop.proto": shop });
}, 60_000);

afterAll(() => {
  command.remove();
  project.remove();
});

const run = (...args: string[]) => command.run(project.folder, args);

/** Runs a command on a folder with one more file. */
function withFile(text: string, ...args: string[]) {
  const other = new Project({
    "proto/a.proto": `syntax = "proto3"; package a;\nimport "mesh/v1/options.proto";\n${text}`,
  });
  try {
    return command.run(other.folder, args);
  } finally {
    other.remove();
  }
}

const wrong = 'service A {\n  option (mesh.v1.service) = { timeout: { total: "soon" } };\n}\n';

test("lint: findings with the paths of this folder, and exit codes that scripts can tell apart", () => {
  const clean = run("lint", "proto");
  expect([clean.status, clean.stdout]).toEqual([0, ""]);
  expect(clean.stderr).toBe("0 errors, 0 warnings\n");
  const found = withFile(wrong, "lint", "proto");
  expect(found.status).toBe(1);
  expect(found.stdout).toMatch(
    /^proto\/a\.proto:4:\d+: \(mesh\.v1\.service\)\.timeout\.total: .*"soon".* \[timeout\/total\]\n$/,
  );
  expect(found.stderr).toBe("1 error, 0 warnings\n");
  // From another folder the paths are others, and they are still paths.
  const inner = command.run(join(project.folder, "proto"), ["lint", ".."]);
  expect([inner.status, inner.stdout]).toEqual([0, ""]);
  expect(run("lint", "nothing")).toMatchObject({
    status: 65,
    stderr: expect.stringMatching(/^protomesh: buf build nothing failed/),
  });
  expect(run("lint", "--format", "xml")).toMatchObject({ status: 64 });
  expect(run("lint", "--strict", "yes", "no")).toMatchObject({
    status: 64,
    stderr: "protomesh: unknown argument no\n",
  });
  expect(run("lint", "proto", "--opt", "unanotated=post")).toMatchObject({
    status: 65,
    stderr: expect.stringContaining("unknown parameter unanotated"),
  });
}, 60_000);

test("lint: a constant reply that breaks the rules of its type", () => {
  const set = compile({
    "t.proto": `syntax = "proto3"; package t; import "mesh/v1/options.proto"; import "buf/validate/validate.proto";
      message M { string item = 1 [(buf.validate.field).string.min_len = 2]; }
      service S { rpc Do(M) returns (M) { option (mesh.v1.method) = { fallback: { json: "{}" } }; } }`,
  });
  const image = join(project.folder, "rules.binpb");
  writeFileSync(image, toBinary(FileDescriptorSetSchema, set));
  expect(run("lint", image)).toMatchObject({
    status: 1,
    stdout: expect.stringContaining("item: must be at least 2 characters [string.min_len]"),
  });
});

test("lint: warnings fail only when they are asked to", () => {
  const warned =
    'service A {\n  rpc B(M) returns (M) {\n    option (mesh.v1.method) = { auth: { access: PUBLIC } timeout: { total: "1s" } validation: {} };\n  }\n}\nmessage M {}\n';
  const lenient = withFile(warned, "lint", "proto");
  expect([lenient.status, lenient.stdout]).toEqual([
    0,
    expect.stringMatching(/^proto\/a\.proto:\d+:\d+: warning: .*\]\n/),
  ]);
  expect(withFile(warned, "lint", "proto", "--strict").status).toBe(1);
}, 60_000);

test("lint: annotations of a workflow, and JSON", () => {
  const github = withFile(`${wrong.replace("soon", "50%,\\n")}`, "lint", "proto", "--format", "github");
  expect(github.stdout).toMatch(
    /^::error file=proto\/a\.proto,line=4,col=\d+,title=timeout\/total::\(mesh\.v1\.service\)\.timeout\.total: .*50%25,\\n.*\n$/,
  );
  const { version, findings } = JSON.parse(withFile(wrong, "lint", "--format", "json").stdout);
  expect([version, findings]).toMatchObject([
    1,
    [
      {
        severity: "error",
        rule: "timeout/total",
        file: "proto/a.proto",
        line: 4,
        subject: "(mesh.v1.service).timeout.total",
      },
    ],
  ]);
}, 60_000);

test("policy: every value with who set it", () => {
  const { status, stdout } = run("policy", "proto", "--method", "shop.v1.Shop/Get");
  expect(status).toBe(0);
  expect(stdout).toBe(`shop.v1.Shop/Get  unary, NO_SIDE_EFFECTS
  timeout.total                1s                      method, profile quick  proto/shop/v1/shop.proto:16
  timeout.max                  10s                     service                proto/shop/v1/shop.proto:10
  rate_limit[all].name         all                     method                 proto/shop/v1/shop.proto:18
  rate_limit[all].rate         90/m                    service                proto/shop/v1/shop.proto:11
  rate_limit[all].burst        7                       method                 proto/shop/v1/shop.proto:18
  rate_limit[all].by           [peer]                  service                proto/shop/v1/shop.proto:11
  rate_limit[all].cost         1                       built-in
  rate_limit[all].shared       false                   built-in
  rate_limit[all].fail_closed  false                   built-in
  rate_limit[all].shadow       false                   built-in
  auth.access                  AUTHENTICATED           method                 proto/shop/v1/shop.proto:17
  auth.scopes                  [read]                  method                 proto/shop/v1/shop.proto:17
  auth.rule                    auth.sub == request.id  method                 proto/shop/v1/shop.proto:17
`);
  const watch = JSON.parse(run("policy", "proto", "--method", "*/Watch", "--format", "json").stdout);
  expect(watch).toMatchObject({
    version: 1,
    methods: [
      {
        method: "shop.v1.Shop/Watch",
        kind: "serverStream",
        policy: { timeout: { totalMs: 2000 }, auth: { access: "PUBLIC" } },
      },
    ],
  });
  expect(watch.methods[0].options.find(({ option }: { option: string }) => option === "auth.access")).toEqual({
    option: "auth.access",
    value: "PUBLIC",
    level: "file",
    profile: null,
    place: { file: "proto/shop/v1/shop.proto", line: 5, column: expect.any(Number) },
  });
}, 60_000);

test("policy: no name begins a line of its own", () => {
  const limit = 'rate_limit: { name: "a\\n::error::b" rate: "9/s" }';
  const { stdout } = withFile(
    `service A { rpc B(M) returns (M) { option (mesh.v1.method) = { ${limit} }; } } message M {}`,
    "policy",
    "proto",
  );
  expect(stdout).toContain("  rate_limit[a\\n::error::b].rate ");
  expect(stdout).not.toMatch(/^::/m);
});

test("policy: patterns, and names that nothing has", () => {
  const heads = (...args: string[]) =>
    run("policy", "proto", ...args.flatMap((name) => ["--method", name]))
      .stdout.split("\n")
      .filter((line) => line.startsWith("shop"));
  expect(heads()).toHaveLength(2);
  expect(heads("shop.v1.*")).toHaveLength(2);
  expect(heads("shop.v1.Shop/Get", "/shop.v1.Shop/Watch")).toHaveLength(2);
  expect(heads("shop.v1.Shop.Get")).toEqual([]);
  const missing = run("policy", "proto", "--method", "Get");
  expect([missing.status, missing.stderr]).toEqual([
    2,
    "protomesh: no method is called Get: there are shop.v1.Shop/Get, shop.v1.Shop/Watch\n",
  ]);
  expect(withFile(wrong, "policy", "proto")).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^protomesh: proto has errors, .*:\nproto\/a\.proto:4:/),
  });
  expect(withFile("message M {}", "policy", "proto").stderr).toBe(
    "protomesh: proto has no methods: give another input\n",
  );
}, 60_000);

test("routes: what HTTP clients find, and who may call", () => {
  const { status, stdout } = run("routes", "proto", "--opt", "unannotated=post");
  expect([status, stdout]).toEqual([
    0,
    `METHOD  PATH                 RPC                  BODY  KIND          AUTH
POST    /shop.v1.Shop/Get    /shop.v1.Shop/Get    *     unary         AUTHENTICATED read rule
POST    /shop.v1.Shop/Watch  /shop.v1.Shop/Watch  *     serverStream  PUBLIC
`,
  ]);
  const json = JSON.parse(run("routes", "proto", "--opt", "unannotated=post", "--format", "json").stdout);
  expect(json).toMatchObject({
    version: 1,
    routes: [
      {
        method: "POST",
        path: "/shop.v1.Shop/Get",
        rpc: "/shop.v1.Shop/Get",
        body: "*",
        responseBody: null,
        kind: "unary",
      },
      {},
    ],
  });
  expect(run("routes", "proto").stdout).toMatch(/^no method has a route/);
}, 60_000);

test("docs/cli.md shows what the commands print", () => {
  const words = (text: string) => text.split("\n").map((line) => line.trim().replace(/\s+/g, " "));
  const examples = readFileSync(join(root, "docs/cli.md"), "utf8").matchAll(/```text\n(shop\.|METHOD)([^`]+)```/g);
  const shown = [...examples].map(([, head, rest]) => words(`${head}${rest}`));
  const printed = ["policy", "routes"].map((name) =>
    words(command.run(root, [name, "examples/shop/proto"]).stdout.replaceAll("examples/shop/proto", "proto")),
  );
  expect(shown).toHaveLength(2);
  shown.forEach((lines, index) => {
    expect(printed[index]).toEqual(expect.arrayContaining(lines));
  });
}, 60_000);

test("commands that read proto files load nothing of gRPC", () => {
  const chunks = readdirSync(command.dist).filter((name) => name.endsWith(".js"));
  const loaded = (name: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(name)) return seen;
    seen.add(name);
    const text = readFileSync(join(command.dist, name), "utf8");
    for (const [, next] of text.matchAll(/^(?:import|\} from) "\.\/([^"]+)";$/gm)) loaded(next as string, seen);
    return seen;
  };
  const packages = (entry: string) => {
    const [name] = chunks.filter((chunk) => chunk.startsWith(`chunk-${entry}-`));
    const texts = [...loaded(name as string)].map((one) => readFileSync(join(command.dist, one), "utf8"));
    return new Set(
      texts.flatMap((text) => [...text.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm)].map(([, one]) => one)),
    );
  };
  expect(packages("gateway")).toContain("@grpc/grpc-js");
  for (const entry of ["lint", "diff", "policy", "routes"]) {
    expect(packages(entry)).toContain("@bufbuild/protobuf");
    expect(packages(entry)).not.toContain("@grpc/grpc-js");
  }
  // The command itself, for --help, needs no package at all.
  expect(
    [...loaded("protomesh.js")].flatMap(
      (one) => readFileSync(join(command.dist, one), "utf8").match(/^\/\/ node_modules.*/gm) ?? [],
    ),
  ).toEqual([]);
});
