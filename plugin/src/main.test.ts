import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import manifest from "../package.json" with { type: "json" };
import { importPaths, protosBelow, root, runProtoc } from "../test/compile.ts";

// The program as users get it: the bundle, behind its bin, run by protoc and by buf.
const work = mkdtempSync(join(tmpdir(), "mesh-main-"));
const bin = join(work, "bin/protoc-gen-mesh.cjs");

beforeAll(() => {
  const script = join(root, "scripts/build-plugin.mjs");
  execFileSync(process.execPath, [script, join(work, "dist/protoc-gen-mesh.cjs")], { stdio: "pipe" });
  cpSync(join(root, "plugin/bin"), join(work, "bin"), { recursive: true });
}, 60_000);

afterAll(() => rmSync(work, { recursive: true }));

const call = (args: readonly string[], input: string | Uint8Array = "") =>
  spawnSync(process.execPath, [bin, ...args], { input, encoding: "utf8" });

test("--version and --help answer and exit with 0", () => {
  expect(call(["--version"])).toMatchObject({ status: 0, stdout: `protoc-gen-mesh ${manifest.version}\n` });

  const help = call(["--help"]);
  expect(help.status).toBe(0);
  for (const word of ["messages=", "import_extension=", "runtime=", "typePrefix", "buf.gen.yaml", "protoc"]) {
    expect(help.stdout).toContain(word);
  }
});

test("other arguments and input that is no request exit with 1, in one line and without a stack", () => {
  const argument = call(["--halp"]);
  expect(argument.status).toBe(1);
  expect(argument.stderr).toBe("unknown argument --halp: buf and protoc run this program; try --help\n");

  const input = call([], "GET / HTTP/1.1");
  expect(input).toMatchObject({ status: 1, stdout: "" });
  expect(input.stderr).toBe("the input is no CodeGeneratorRequest: buf and protoc run this program; try --help\n");
});

test("an empty request has an empty answer that says what is supported", () => {
  const { status, stdout } = call([]);
  expect(status).toBe(0);
  expect(stdout.length).toBeGreaterThan(0);
});

test("a wrong option fails protoc with its place, and nothing is written", () => {
  const out = join(work, "failed");
  mkdirSync(out);

  expect(() => protoc(join(root, "testdata/errors"), out)).toThrow(
    /values\.proto:25:5: \(mesh\.v1\.method\)\.retry\.attempts/,
  );
  expect(readdirSync(out)).toEqual([]);
});

test("a constant reply that breaks rules fails protoc, by a file beside the bundle", () => {
  const folder = join(work, "rules");
  const write = (item: string) =>
    writeFileSync(
      join(folder, "t.proto"),
      `syntax = "proto3"; package t; import "mesh/v1/options.proto"; import "buf/validate/validate.proto";
      message M { string item = 1 [(buf.validate.field).string.min_len = 2]; }
      service S { rpc Do(M) returns (M) { option (mesh.v1.method) = { fallback: { json: '{"item": "${item}"}' } }; } }`,
    );
  mkdirSync(join(folder, "out"), { recursive: true });
  write("x");
  expect(() => protoc(folder, join(folder, "out"))).toThrow(
    /fallback: json breaks the rules of t\.M: item: must be at least 2 characters \[string\.min_len\].*violates-rules/,
  );
  write("xy");
  protoc(folder, join(folder, "out"));
  expect(readdirSync(join(folder, "out"))).toContain("t_mesh.ts");
});

test("a wrong parameter fails protoc", () => {
  expect(() => protoc(join(root, "testdata/shop"), work, "target=js")).toThrow(/target=js: use one of ts, /);
});

test.each(["shop", "editions", "policy", "names", "comments"])(
  "testdata/%s: protoc, buf in one run and buf by directory write the golden files",
  (name) => {
    const folder = join(root, "testdata", name);
    const want = readAll(join(folder, "want"));
    delete want["warnings.txt"];

    const byProtoc = join(work, `${name}-protoc`);
    mkdirSync(byProtoc);
    protoc(folder, byProtoc);
    expect(readAll(byProtoc), "protoc").toEqual(want);

    const module = join(work, name);
    cpSync(folder, join(module, "protos"), { recursive: true, filter: (path) => !path.endsWith("/want") });
    cpSync(join(root, "plugin/proto"), join(module, "options"), { recursive: true });
    for (const file of ["annotations", "http"]) {
      const path = `google/api/${file}.proto`;
      cpSync(join(root, "node_modules/google-proto-files", path), join(module, "google", path));
    }
    const modules = ["protos", "options", "google"].map((path) => ({ path }));
    writeFileSync(join(module, "buf.yaml"), JSON.stringify({ version: "v2", modules }));
    for (const strategy of ["all", "directory"]) {
      const out = join(work, `${name}-${strategy}`);
      const plugins = [{ local: [process.execPath, bin], out, strategy }];
      const inputs = [{ directory: join(module, "protos") }];
      writeFileSync(join(module, "buf.gen.yaml"), JSON.stringify({ version: "v2", inputs, plugins }));
      execFileSync(process.execPath, [buf, "generate"], { cwd: module, stdio: "pipe" });
      expect(readAll(out), `buf, strategy ${strategy}`).toEqual(want);
    }
  },
  60_000,
);

const buf = createRequire(import.meta.url).resolve("@bufbuild/buf/bin/buf");

function protoc(folder: string, out: string, parameter = ""): void {
  runProtoc([
    ...[folder, ...importPaths].map((path) => `-I${path}`),
    `--plugin=protoc-gen-mesh=${bin}`,
    `--mesh_out=${out}`,
    `--mesh_opt=${parameter}`,
    ...protosBelow(folder),
  ]);
}

/** Text of the files below a folder, by path. */
const readAll = (folder: string): { [path: string]: string } =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(folder, path)).isFile())
      .map((path) => [path.replaceAll("\\", "/"), readFileSync(join(folder, path), "utf8")]),
  );
