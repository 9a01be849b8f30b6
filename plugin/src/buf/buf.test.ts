/** The plugin as buf runs it: the bundle behind its bin, and a real buf. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { root } from "../../test/compile.ts";
import { catalog } from "../lint/catalog.ts";
import {
  CheckRequestSchema,
  ListCategoriesResponseSchema,
  ListRulesRequestSchema,
  ListRulesResponseSchema,
  RequestSchema,
  ResponseSchema,
  RuleType,
  SpecSchema,
} from "./gen/check_pb.js";

const work = mkdtempSync(join(tmpdir(), "mesh-buf-"));
const plugin = join(work, "bin/buf-plugin-mesh.cjs");
const buf = join(dirname(createRequire(import.meta.url).resolve("@bufbuild/buf/package.json")), "bin/buf");

beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts/build-plugin.mjs"), join(work, "dist/protoc-gen-mesh.cjs")], {
    stdio: "pipe",
  });
  cpSync(join(root, "plugin/bin"), join(work, "bin"), { recursive: true });
}, 60_000);

afterAll(() => rmSync(work, { recursive: true }));

interface Annotation {
  readonly path?: string;
  readonly start_line?: number;
  readonly start_column?: number;
  readonly type: string;
  readonly message: string;
}

/** A folder with proto files, the option schema among them, and what buf says about it. */
function project(protos: { readonly [path: string]: string }, config: string, options = "") {
  const folder = mkdtempSync(join(work, "project-"));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  for (const [path, text] of Object.entries(protos)) write(join("proto", path), text);
  cpSync(join(root, "plugin/proto/mesh/v1/options.proto"), join(folder, "proto/mesh/v1/options.proto"));
  write(
    "buf.yaml",
    `version: v2\nmodules: [{ path: proto }]\nplugins:\n  - plugin: ${JSON.stringify(plugin)}\n${options}${config}`,
  );
  const run = (...args: string[]) => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [buf, ...args], { cwd: folder, encoding: "utf8" });
    return { stdout, stderr, status };
  };
  const annotations = (...args: string[]) =>
    run(...args, "--error-format=json")
      .stdout.split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Annotation);
  return { run, write, annotations };
}

const places = (found: readonly Annotation[]) =>
  found.map(({ path, start_line: line, start_column: column, type }) => `${path}:${line}:${column} ${type}`);

const header = `syntax = "proto3";
package t;
import "mesh/v1/options.proto";
message M { string id = 1; }
`;

const faulty = `${header}service S {
  option (mesh.v1.service) = { auth: { access: DENY } };
  rpc Put(M) returns (M) {
    option (mesh.v1.method) = { retry: { attempts: 9 } };
  }
  rpc Get(M) returns (M) {
    option (mesh.v1.method).retry.attempts = 3;
    option (mesh.v1.method).retry.on = INTERNAL;
  }
}
`;

test("buf lint reports findings at file, line and column", () => {
  const { annotations, run } = project({ "t/t.proto": faulty }, "lint: { use: [MESH] }\n");
  expect(places(annotations("lint"))).toEqual([
    "proto/t/t.proto:5:1 MESH_TIMEOUT_MISSING",
    "proto/t/t.proto:8:42 MESH_RETRY_ATTEMPTS",
    "proto/t/t.proto:11:5 MESH_RETRY_NEEDS_IDEMPOTENCY",
  ]);
  const { stdout, status } = run("lint");
  expect(stdout).toMatch(/^proto\/t\/t\.proto:8:42:\(mesh\.v1\.method\)\.retry\.attempts: 9 is out of range: use /m);
  expect(status).not.toBe(0);
}, 60_000);

test("errors are on by default, warnings are not", () => {
  const found = project({ "t/t.proto": faulty }, "").annotations("lint");
  expect(places(found).filter((line) => line.includes("MESH_"))).toEqual([
    "proto/t/t.proto:8:42 MESH_RETRY_ATTEMPTS",
    "proto/t/t.proto:11:5 MESH_RETRY_NEEDS_IDEMPOTENCY",
  ]);
}, 60_000);

test.each([
  ["use: [MESH_WARNING]", ["MESH_TIMEOUT_MISSING"]],
  ["use: [MESH], except: [MESH_WARNING, MESH_RETRY_ATTEMPTS]", ["MESH_RETRY_NEEDS_IDEMPOTENCY"]],
  ["use: [MESH_RETRY_ATTEMPTS]", ["MESH_RETRY_ATTEMPTS"]],
  ["use: [MESH], ignore: [proto/t]", []],
])(
  "rules are chosen as others of buf are: %s",
  (choice, expected) => {
    const found = project({ "t/t.proto": faulty }, `lint: { ${choice} }\n`).annotations("lint");
    expect(found.map(({ type }) => type)).toEqual(expected);
  },
  60_000,
);

test("a comment above the method, the service or the field switches a rule off there", () => {
  const quiet = faulty
    .replace("service S", "// buf:lint:ignore MESH_TIMEOUT_MISSING\nservice S")
    .replace("  rpc Get", "  // buf:lint:ignore MESH_RETRY_NEEDS_IDEMPOTENCY\n  rpc Get")
    .replace(
      "string id = 1;",
      "string id = 1;\n  // buf:lint:ignore MESH_FIELD_SENSITIVE_NAME\n  string password = 2;",
    );
  expect(places(project({ "t/t.proto": quiet }, "lint: { use: [MESH] }\n").annotations("lint"))).toEqual([
    "proto/t/t.proto:11:42 MESH_RETRY_ATTEMPTS",
  ]);
}, 60_000);

test("files that use no options have no findings, in whatever order they import each other", () => {
  const protos = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [
      `t/${n}.proto`,
      `syntax = "proto3"; package t; ${n < 8 ? `import "t/${n + 1}.proto"; message M${n} { M${n + 1} m = 1; string token = 2; }` : `message M${n} {}`}
       service S${n} { rpc Do(M${n}) returns (M${n}); }`,
    ]),
  );
  const { stdout, stderr, status } = project(protos, "lint: { use: [MESH] }\n").run("lint");
  expect([stdout, stderr, status]).toEqual(["", "", 0]);
}, 60_000);

test("what a file only imports is told where that file is linted", () => {
  const shared = `syntax = "proto3"; package shared; import "mesh/v1/options.proto";
option (mesh.v1.file) = { profiles: { name: "bad" policy: { timeout: { total: "never" } } } };`;
  const using = `syntax = "proto3"; package t; import "mesh/v1/options.proto"; import "shared/p.proto"; message M {}
service S { option (mesh.v1.service) = { use: "shared.bad" auth: { access: DENY } timeout: { total: "1s" } }; rpc Do(M) returns (M); }`;
  const { annotations } = project({ "shared/p.proto": shared, "t/t.proto": using }, "lint: { use: [MESH] }\n");
  expect(places(annotations("lint", "--path", "proto/t"))).toEqual([]);
  expect(places(annotations("lint"))).toEqual([expect.stringMatching(/^proto\/shared\/p\.proto:2:.*TIMEOUT_TOTAL$/)]);
}, 60_000);

test("options of the plugin are read as those of protoc-gen-mesh, and wrong ones are errors", () => {
  const lintWith = (options: string) => {
    const found = project({ "t/t.proto": faulty }, "lint: { use: [MESH] }\n", `    options: { ${options} }\n`);
    found.write("api.yaml", "type: google.api.Service\nhttp:\n  rules:\n    - selector: t.S.Get\n      got: /v1\n");
    return found;
  };
  const failure = (options: string) => lintWith(options).run("lint").stderr;
  expect(failure("unanotated: post")).toContain(
    "unknown option unanotated of buf-plugin-mesh: did you mean unannotated?",
  );
  expect(failure("unannotated: get")).toContain("unannotated of buf-plugin-mesh is get: write unannotated: post");
  expect(failure("unannotated: true")).toContain("option unannotated of buf-plugin-mesh is no text");
  expect(failure("grpc_api_configuration: [nowhere.yaml]")).toContain("nowhere.yaml cannot be read (ENOENT)");
  const found = lintWith("unannotated: post, grpc_api_configuration: api.yaml").annotations("lint");
  expect(found.find(({ type }) => type === "MESH_HTTP_CONFIG")?.message).toMatch(/^api\.yaml:5:7: .*got/);
}, 60_000);

test("buf breaking reports what the policy no longer promises", () => {
  const before = `${header}service S {
  option (mesh.v1.service) = { auth: { access: AUTHENTICATED } timeout: { total: "2s" } };
  rpc Put(M) returns (M);
  rpc Get(M) returns (M) {
    option idempotency_level = NO_SIDE_EFFECTS;
    option (mesh.v1.method) = { retry: { attempts: 3 } };
  }
}
`;
  const after = before
    .replace("rpc Put(M) returns (M);", 'rpc Put(M) returns (M) { option (mesh.v1.method).auth.scopes = "w"; }')
    .replace("retry: { attempts: 3 }", "auth: { access: PUBLIC } retry: { attempts: 4 }");
  const compare = (use: string) => {
    const { annotations, write, run } = project({ "t/t.proto": before }, use);
    expect(run("build", "-o", "before.binpb").status).toBe(0);
    expect(places(annotations("breaking", "--against", "before.binpb"))).toEqual([]);
    write("proto/t/t.proto", after);
    return annotations("breaking", "--against", "before.binpb");
  };
  const all = compare("breaking: { use: [MESH] }\n");
  expect(places(all)).toEqual([
    "proto/t/t.proto:7:28 MESH_BREAKING",
    "proto/t/t.proto:10:41 MESH_SECURITY_LOOSENED",
    "proto/t/t.proto:10:67 MESH_LOAD_RISK",
  ]);
  expect(all[1]?.message).toContain("/t.S/Get: auth.access: AUTHENTICATED is now PUBLIC");
  expect(compare("").map(({ type }) => type)).toEqual(["MESH_BREAKING", "MESH_SECURITY_LOOSENED"]);
}, 60_000);

test("a method with wrong options before is no reason to fail afterwards", () => {
  const { run, write } = project({ "t/t.proto": faulty }, "breaking: { use: [MESH] }\n");
  expect(run("build", "-o", "before.binpb").status).toBe(0);
  write("proto/t/t.proto", faulty.replace("attempts: 9", "attempts: 2"));
  const { stdout, stderr, status } = run("breaking", "--against", "before.binpb");
  expect([stdout, stderr, status]).toEqual(["", "", 0]);
}, 60_000);

const call = (args: readonly string[], input: Uint8Array = new Uint8Array()) => {
  const { stdout, stderr, status } = spawnSync(process.execPath, [plugin, ...args], { input });
  return { stdout, stderr: String(stderr), status };
};

const service = "/buf.plugin.check.v1.CheckService";

function request<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array {
  const value = toBinary(schema, create(schema, init));
  const any = create(AnySchema, { typeUrl: `type.googleapis.com/${schema.typeName}`, value });
  return toBinary(RequestSchema, create(RequestSchema, { value: any }));
}

const rulesOf = (init: MessageInitShape<typeof ListRulesRequestSchema>) =>
  fromBinary(ResponseSchema, call([`${service}/ListRules`], request(ListRulesRequestSchema, init)).stdout);

test("it says which protocol it speaks and what can be called", () => {
  expect(String(call(["--protocol"]).stdout)).toBe("1\n");
  const { procedures } = fromBinary(SpecSchema, call(["--spec", "--format", "binary"]).stdout);
  expect(procedures.map(({ path }) => path)).toEqual([
    `${service}/Check`,
    `${service}/ListRules`,
    `${service}/ListCategories`,
    "/buf.plugin.info.v1.PluginInfoService/GetPluginInfo",
  ]);
  expect(String(call(["--version"]).stdout)).toMatch(/^buf-plugin-mesh \d/);
  expect(String(call(["--help"]).stdout)).toContain("buf.yaml");
});

test("rules come in pages, and ready answers are those of a page that is not", () => {
  const whole = rulesOf({ pageSize: 250 });
  expect(rulesOf({ pageSize: 999 })).toEqual(whole);
  const { rules, nextPageToken } = fromBinary(ListRulesResponseSchema, whole.value?.value as Uint8Array);
  expect(nextPageToken).toBe("");
  expect(rules.filter(({ type }) => type === RuleType.LINT).length).toBe(catalog.length);
  expect(rules.filter(({ type }) => type === RuleType.BREAKING).length).toBe(6);
  const paged: string[] = [];
  for (let pageToken = "", page = 0; page === 0 || pageToken !== ""; page++) {
    const part = fromBinary(ListRulesResponseSchema, rulesOf({ pageSize: 100, pageToken }).value?.value as Uint8Array);
    paged.push(...part.rules.map(({ id }) => id));
    pageToken = part.nextPageToken;
  }
  expect(paged).toEqual(rules.map(({ id }) => id));
  const { categories } = fromBinary(
    ListCategoriesResponseSchema,
    fromBinary(ResponseSchema, call([`${service}/ListCategories`]).stdout).value?.value as Uint8Array,
  );
  const known = categories.map(({ id }) => id);
  for (const { categoryIds } of rules) for (const id of categoryIds) expect(known).toContain(id);
});

test.each([
  [["--spec", "--format", "json"], /--format json: only binary is there/],
  [["--nonsense"], /unknown argument --nonsense; try --help/],
  [[`${service}/Check`, "more"], /unknown argument more/],
  [[], /the procedure is missing/],
])("arguments %j are refused", (args, text) => {
  const { stderr, status, stdout } = call(args);
  expect([stderr.trim(), status, stdout.length]).toEqual([expect.stringMatching(text), 1, 0]);
});

test("a call that fails says so in its answer", () => {
  const errorOf = (path: string, input?: Uint8Array) => {
    const { stdout, status } = call([path, "--format", "binary"], input);
    expect(status).toBe(0);
    return fromBinary(ResponseSchema, stdout).error;
  };
  expect(errorOf(`${service}/Nothing`)).toMatchObject({
    code: 12,
    message: `there is no procedure ${service}/Nothing`,
  });
  expect(errorOf(`${service}/ListRules`, request(ListRulesRequestSchema, { pageToken: "x" }))).toMatchObject({
    code: 3,
    message: '"x" is no page token of this plugin',
  });
  expect(errorOf(`${service}/Check`, Buffer.from("nonsense"))?.code).toBe(3);
  const fileDescriptorProto = Buffer.from("nonsense");
  expect(
    errorOf(`${service}/Check`, request(CheckRequestSchema, { fileDescriptors: [{ fileDescriptorProto }] })),
  ).toMatchObject({ code: 3 });
});
