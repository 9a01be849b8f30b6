import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { root } from "../../plugin/test/compile.ts";
import { type Bundle, bundle, type Ended, Project, protoWith } from "../test/bundle.ts";

const open = 'auth: { access: PUBLIC } timeout: { total: "2s" max: "10s" }';
const file = "proto/shop/v1/shop.proto";

let command: Bundle;
let project: Project;

beforeAll(() => {
  command = bundle();
  project = new Project({ [file]: protoWith(open) });
  project.git("init", "--quiet");
  project.git("add", ".");
  project.git("commit", "--quiet", "--message", "first");
  project.git("tag", "v1");
}, 60_000);

afterAll(() => {
  command.remove();
  project.remove();
});

/** Runs `protomesh diff` with this service and method in the working tree, or another file there. */
function diff(args: readonly string[], text = protoWith(open), folder = ""): Ended {
  project.write({ [file]: text });
  return command.run(join(project.folder, folder), ["diff", ...args]);
}

const retrying = protoWith(open, "retry: { attempts: 3 }");
const shorter = protoWith(open.replace("10s", "5s"));
const closed = protoWith(open.replace("PUBLIC", "AUTHENTICATED"));
const denying = protoWith(open.replace("PUBLIC", "DENY"));

test("the gravest change decides how it ends, and --fail-on what fails", () => {
  const ends = (text: string, ...args: string[]) => diff(["proto", "--against", "main", ...args], text).status;
  expect(ends(protoWith(open))).toBe(0);
  expect(ends(protoWith(open, "objective: { availability: 0.99 }"), "--fail-on", "operational")).toBe(1);
  expect(ends(retrying)).toBe(1);
  expect(ends(retrying, "--fail-on", "capacity")).toBe(0);
  expect(ends(closed)).toBe(2);
  project.git("checkout", "--quiet", "--detach");
  project.write({ [file]: denying });
  project.git("commit", "--quiet", "--all", "--message", "denying");
  project.git("tag", "denying");
  project.git("checkout", "--quiet", "main");
  expect(diff(["proto", "--against", "denying", "--fail-on", "security"], retrying).status).toBe(3);
}, 60_000);

test("a git ref means the same from everywhere in the repository, and buf's own spelling works", () => {
  mkdirSync(join(project.folder, "docs"), { recursive: true });
  const all: readonly (readonly [string, readonly string[]])[] = [
    ["", ["--against", "main"]],
    ["", ["proto", "--against", "v1"]],
    ["", [join(project.folder, "proto"), "--against", "HEAD~0"]],
    ["proto", ["--against", "main"]],
    ["docs", ["../proto", "--against", "main"]],
    ["..", [join(project.folder, "proto"), "--against", project.git("rev-parse", "main").trim()]],
  ];
  for (const [folder, args] of all) {
    const { status, stdout, stderr } = diff([...args], retrying, folder);
    expect([status, stderr], args.join(" ")).toEqual([1, ""]);
    expect(stdout, args.join(" ")).toContain("shop.proto:11:16: /shop.v1.Shop/Get\n    retry: added { attempts: 3 }\n");
  }
  // What is installed is in no ref, so buf finds none of it there.
  expect(diff(["--against", ".git#branch=main"], retrying)).toMatchObject({
    status: 65,
    stderr: expect.stringContaining("buf build .git#branch=main failed"),
  });
}, 60_000);

test("folders, descriptor sets and what buf reads from git are other versions as well", () => {
  const vendored = new Project({
    "buf.yaml": "version: v2\nmodules:\n  - path: proto\n  - path: third_party\n",
    [file]: protoWith(open),
    "third_party/mesh/v1/options.proto": readFileSync(
      join(project.folder, "node_modules/protoc-gen-mesh/proto/mesh/v1/options.proto"),
      "utf8",
    ),
  });
  onTestFinished(() => vendored.remove());
  vendored.git("init", "--quiet");
  vendored.git("add", ".");
  vendored.git("commit", "--quiet", "--message", "first");
  const other = new Project({ [file]: protoWith(open) });
  onTestFinished(() => other.remove());
  vendored.write({ [file]: shorter });
  for (const against of [".git#branch=main", other.folder, "HEAD"]) {
    const { status, stdout } = command.run(vendored.folder, ["diff", "--against", against]);
    expect([status, stdout]).toEqual([2, expect.stringContaining("timeout.max: 10s -> 5s")]);
  }
  expect(command.run(vendored.folder, ["diff", "proto", "--against", "proto"])).toMatchObject({
    status: 0,
    stdout: "No policy has changed.\n",
  });
}, 60_000);

test("a module deep in a repository, with names that need quotes, has its own configuration in a ref, too", () => {
  const folder = "services/the shop";
  const options = join(project.folder, "node_modules/protoc-gen-mesh/proto/mesh/v1/options.proto");
  const mono = new Project({
    [`${folder}/buf.yaml`]: "version: v2\nmodules:\n  - path: äpi\n  - path: third_party\n",
    [`${folder}/äpi/shop.proto`]: protoWith(open),
    [`${folder}/third_party/mesh/v1/options.proto`]: readFileSync(options, "utf8"),
  });
  onTestFinished(() => mono.remove());
  mono.git("init", "--quiet");
  mono.git("add", ".");
  mono.git("commit", "--quiet", "--message", "first");
  mono.write({ [`${folder}/äpi/shop.proto`]: shorter });
  for (const [from, args] of [
    [folder, ["--against", "main"]],
    [`${folder}/äpi`, ["--against", "main"]],
    ["", [folder, "--against", "main"]],
  ] as const) {
    const { status, stdout, stderr } = command.run(join(mono.folder, from), ["diff", ...args]);
    expect([status, stderr]).toEqual([2, ""]);
    expect(stdout).toContain("shop.proto:6:41: /shop.v1.Shop/Get");
  }
}, 60_000);

test("the report as text, Markdown and JSON", () => {
  const text = protoWith(open.replace("10s", "5s"), "retry: { attempts: 3 }", "rpc New(GetRequest) returns (Item);");
  const asText = diff(["proto", "--against", "main"], text);
  expect(asText.stdout).toBe(`Capacity
  ${file}:6:41: /shop.v1.Shop/Get
    timeout.max: 10s -> 5s
    longer deadlines of callers are cut to it

Load risk
  ${file}:11:16: /shop.v1.Shop/Get
    retry: added { attempts: 3 }
    a failing call is sent up to 3 times

No effect
  ${file}:14:3: /shop.v1.Shop/New
    method: added auth: PUBLIC
    a new method

One call at worst
  /shop.v1.Shop/Get
    1 request, 2s -> 3 requests, 2s

3 changes: 1 capacity, 1 load risk, 1 no effect
`);
  const markdown = diff(["proto", "--against", "main", "--format", "markdown", "--output", "report.md"], text);
  expect(markdown).toMatchObject({
    status: 2,
    stdout: "3 changes: 1 capacity, 1 load risk, 1 no effect\n",
    stderr: "",
  });
  const written = readFileSync(join(project.folder, "report.md"), "utf8");
  expect(written).toContain("| **Capacity** | 1 | callers that were served may be refused |");
  const json = JSON.parse(diff(["proto", "--against", "main", "--format", "json"], text).stdout);
  expect(json).toMatchObject({
    version: 1,
    worst: "capacity",
    exitCode: 2,
    counts: { none: 1, operational: 0, semantic: 0, load: 1, capacity: 1, breaking: 0, security: 0 },
    amplification: [
      {
        subject: "/shop.v1.Shop/Get",
        before: { requests: 1, chain: 1, longestMs: 2000 },
        after: { requests: 3, chain: 3, longestMs: 2000 },
      },
    ],
  });
  expect(json.changes[0]).toEqual({
    class: "capacity",
    subject: "/shop.v1.Shop/Get",
    option: "timeout.max",
    before: "10s",
    after: "5s",
    text: "longer deadlines of callers are cut to it",
    place: { file, line: 6, column: 41 },
  });
}, 60_000);

test("the examples of the documentation", () => {
  const examples = join(root, "cli/test/diff");
  const side = (name: string) => readFileSync(join(examples, name, "shop/v1/orders.proto"), "utf8");
  const shop = new Project({ "proto/shop/v1/orders.proto": side("before") });
  onTestFinished(() => shop.remove());
  shop.git("init", "--quiet");
  shop.git("add", ".");
  shop.git("commit", "--quiet", "--message", "first");
  shop.write({ "proto/shop/v1/orders.proto": side("after") });
  for (const [format, name] of [
    ["text", "report.txt"],
    ["markdown", "report-markdown.txt"],
    ["json", "report.json"],
  ] as const) {
    const { status, stdout, stderr } = command.run(shop.folder, [
      "diff",
      "proto",
      "--against",
      "main",
      "--format",
      format,
    ]);
    expect([status, stderr]).toEqual([3, ""]);
    if (process.env.UPDATE_GOLDEN) writeFileSync(join(examples, name), stdout);
    expect(stdout).toBe(readFileSync(join(examples, name), "utf8"));
  }
}, 60_000);

test("what cannot be compared ends with 65 and says why, a wrong command line with 64", () => {
  const said = (args: readonly string[], text?: string) => {
    const { status, stdout, stderr } = diff(args, text);
    expect(stdout).toBe("");
    expect(stderr).not.toMatch(/\n\s+at /);
    return `${status} ${stderr}`;
  };
  expect(said(["--against", "origin/mian"])).toMatch(
    /^65 protomesh: origin\/mian is no folder, no descriptor set, and no branch.*git fetch origin mian .*fetch-depth: 0/,
  );
  expect(said(["--against", "missing.binpb"])).toBe("65 protomesh: missing.binpb: cannot be read (ENOENT)\n");
  expect(said(["nothing", "--against", "main"])).toMatch(/^65 protomesh: buf build nothing failed/);
  project.write({ "set.binpb": "\n\t\n\u0007a.proto" });
  expect(said(["set.binpb", "--against", "main"])).toMatch(
    /^65 protomesh: set\.binpb is no folder here: a git ref can only be compared with one/,
  );
  expect(said(["image.txt", "--against", "--output"])).toMatch(/^64 /);
  expect(said(["proto"])).toMatch(/^64 protomesh: --against is missing/);
  expect(said(["proto", "--against", "main", "--fail-on", "always"])).toMatch(
    /^64 protomesh: --fail-on always is unknown: use operational, semantic, .*never/,
  );
  expect(said(["proto", "--against", "main", "--format", "xml"])).toMatch(/^64 protomesh: --format xml is unknown/);
  // Protos that do not compile, and policies that are wrong, here and there.
  expect(said(["proto", "--against", "main"], "syntax = proto3;")).toMatch(
    /^65 protomesh: buf build proto failed:\nproto/,
  );
  const wrong = protoWith(open.replace("2s", "soon"));
  expect(said(["proto", "--against", "main"], wrong)).toMatch(
    /^65 protomesh: proto has errors, .*:\nproto\/shop\/v1\/shop\.proto:6:\d+: \(mesh\.v1\.service\)\.timeout\.total/,
  );
  for (const [tag, text] of [
    ["uncompiled", "syntax = proto3;"],
    ["wrong", wrong],
    ["empty", undefined],
  ] as const) {
    project.git("checkout", "--quiet", "--force", "--detach", "main");
    if (text === undefined) project.git("rm", "--quiet", "-r", "proto");
    else project.write({ [file]: text });
    project.git("commit", "--quiet", "--all", "--message", tag);
    project.git("tag", tag);
    project.git("checkout", "--quiet", "--force", "main");
  }
  expect(said(["proto", "--against", "uncompiled"])).toMatch(
    /^65 protomesh: proto at uncompiled: buf build proto failed:\nproto\//,
  );
  expect(said(["proto", "--against", "wrong"])).toMatch(/^65 protomesh: wrong has errors/);
  expect(said(["proto", "--against", "empty"])).toMatch(/^65 protomesh: empty has no proto files in proto/);
}, 60_000);

test("outside of a repository, a ref is told apart from a folder", () => {
  const alone = new Project({ [file]: protoWith(open) });
  onTestFinished(() => alone.remove());
  const { status, stderr } = command.run(alone.folder, ["diff", "proto", "--against", "main"], {
    GIT_CEILING_DIRECTORIES: tmpdir(),
  });
  expect([status, stderr]).toEqual([
    65,
    expect.stringMatching(/^protomesh: main is no folder .* is in no git repository/),
  ]);
});

test("nothing stays behind: neither files, nor changes of the repository", () => {
  const temporary = mkdtempSync(join(tmpdir(), "mesh-left-"));
  onTestFinished(() => rmSync(temporary, { recursive: true }));
  const runs = (folder: string, against: string) =>
    command.run(folder, ["diff", "proto", "--against", against], { TMPDIR: temporary }).status;
  project.write({ [file]: retrying });
  const before = project.git("status", "--porcelain");
  expect(runs(project.folder, "main")).toBe(1);
  expect(runs(project.folder, "no-such-ref")).toBe(65);
  expect(readdirSync(temporary)).toEqual([]);
  expect(project.git("status", "--porcelain")).toBe(before);
  expect(project.git("worktree", "list").trim().split("\n")).toHaveLength(1);

  // A buf that ends its caller before it fails itself.
  const doomed = new Project({ [file]: protoWith(open) });
  onTestFinished(() => doomed.remove());
  doomed.git("init", "--quiet");
  doomed.git("add", ".");
  doomed.git("commit", "--quiet", "--message", "first");
  rmSync(join(doomed.folder, "node_modules/@bufbuild"));
  doomed.write({ "node_modules/@bufbuild/buf/package.json": '{ "bin": { "buf": "buf.cjs" } }' });
  const real = join(project.folder, "node_modules/@bufbuild/buf/bin/buf");
  writeFileSync(
    join(doomed.folder, "node_modules/@bufbuild/buf/buf.cjs"),
    `if (process.cwd().startsWith(${JSON.stringify(temporary)})) { process.kill(process.ppid, "SIGTERM"); process.exit(1); }
     const { status } = require("node:child_process").spawnSync(process.execPath, [${JSON.stringify(real)}, ...process.argv.slice(2)], { stdio: "inherit" });
     process.exit(status);`,
  );
  expect(runs(doomed.folder, "main")).not.toBe(0);
  expect(readdirSync(temporary)).toEqual([]);
}, 60_000);

test("help names every flag, the classes and the exit codes", () => {
  const { status, stdout } = command.run(tmpdir(), ["diff", "--help"]);
  expect(status).toBe(0);
  for (const part of ["--against <version>", "--fail-on", "protomesh diff --against main", "64  ", "3   security"])
    expect(stdout).toContain(part);
});
