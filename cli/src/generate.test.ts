import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { root } from "../../plugin/test/compile.ts";
import { type Bundle, bundle, Project, protoWith } from "../test/bundle.ts";

let command: Bundle;
let project: Project;

beforeAll(() => {
  command = bundle();
}, 60_000);

afterAll(() => command.remove());

const template = (more = "", out = "gen") => `version: v2
${more}
inputs:
  - directory: proto
plugins:
  - local: protoc-gen-es
    out: ${out}
    opt: target=ts
    include_imports: false
`;

beforeEach(() => {
  project = new Project({ "proto/shop.proto": protoWith(""), "buf.gen.yaml": template("clean: true") });
  // Plugins are where npm puts them, and nowhere else.
  symlinkSync(join(root, "node_modules/.bin"), join(project.folder, "node_modules/.bin"), "junction");
  onTestFinished(() => project.remove());
});

const generate = (...args: string[]) =>
  command.run(project.folder, ["generate", ...args], { PATH: "/usr/bin:/bin:/usr/local/bin" });
const at = (path: string) => join(project.folder, path);
const shop = "gen/shop_pb.ts";

test("it generates, and then all is up to date", () => {
  expect(generate("--check")).toMatchObject({
    status: 1,
    stdout: `missing  ${shop}\n`,
    stderr: "1 file not up to date: run protomesh generate\n",
  });
  expect(existsSync(at("gen"))).toBe(false);
  expect(generate()).toMatchObject({ status: 0 });
  expect(generate("--check")).toMatchObject({ status: 0, stdout: "", stderr: "1 file: all up to date\n" });
  writeFileSync(at(shop), readFileSync(at(shop), "utf8").replaceAll("\n", "\r\n"));
  expect(generate("--check").status).toBe(0);
});

test("stale, missing and superfluous files are listed, and nothing is changed", () => {
  project.write({ "proto/more.proto": 'syntax = "proto3"; package shop.v1; message More {}' });
  expect(generate().status).toBe(0);
  project.write({
    "proto/shop.proto": protoWith("").replace("string id = 1", "string id = 1; string name = 2"),
    "gen/old/left_pb.ts": "// left",
  });
  rmSync(at("gen/more_pb.ts"));
  const before = readFileSync(at(shop), "utf8");
  const { status, stdout, stderr } = generate("--check");
  expect(stdout).toBe(`missing      gen/more_pb.ts\nsuperfluous  gen/old/left_pb.ts\nstale        ${shop}\n`);
  expect([status, stderr]).toEqual([1, "3 files not up to date: run protomesh generate\n"]);
  expect(readFileSync(at(shop), "utf8")).toBe(before);
  expect(readdirSync(at("gen")).sort()).toEqual(["old", "shop_pb.ts"]);
});

test("without clean, other files in the folder are nobody's business", () => {
  project.write({ "buf.gen.yaml": template(), "gen/mine.ts": "// by hand" });
  expect(generate().status).toBe(0);
  expect(generate("--check").status).toBe(0);
  expect(generate("--check", "--", "--clean")).toMatchObject({ status: 1, stdout: "superfluous  gen/mine.ts\n" });
});

test("another template, folders outside of the project and archives are compared, too", () => {
  project.write({ "inner/buf.gen.two.yaml": `${template("", "../gen")}  - local: protoc-gen-es\n    out: all.zip\n` });
  cpSync(at("buf.yaml"), at("inner/buf.yaml"));
  cpSync(at("proto"), at("inner/proto"), { recursive: true });
  cpSync(at("node_modules/protoc-gen-mesh"), at("inner/node_modules/protoc-gen-mesh"), { recursive: true });
  const inner = (...args: string[]) =>
    command.run(at("inner"), ["generate", ...args, "--", "--template", "buf.gen.two.yaml"]);
  expect(inner("--check")).toMatchObject({ status: 1, stdout: "missing  ../gen/shop_pb.ts\nmissing  all.zip\n" });
  expect(existsSync(at("gen"))).toBe(false);
  expect(inner().status).toBe(0);
  expect(existsSync(at(shop))).toBe(true);
  expect(inner("--check")).toMatchObject({ status: 0 });
  const plugins = [{ local: "protoc-gen-es", out: "x", opt: "target=ts" }];
  const inline = JSON.stringify({ version: "v2", inputs: [{ directory: "proto" }], plugins });
  // Help of buf, and not of this command.
  expect(generate("--", "--help").stdout).toMatch(/^ *buf generate .*\[flags\]/m);
  expect(generate("--check", "--", `--template=${inline}`)).toMatchObject({ stdout: "missing  x/shop_pb.ts\n" });
});

test("what fails, fails with what buf says", () => {
  project.write({ "proto/shop.proto": "nonsense" });
  const { status, stderr } = generate("--check");
  expect([status, stderr]).toEqual([65, expect.stringMatching(/shop\.proto:1:1:/)]);
  expect(generate().status).toBe(65);
  expect(existsSync(at("gen"))).toBe(false);
});

test.each([
  [["--check", "--", "--output", "x"], 64, /--check chooses the output itself/],
  [["--check", "--", "-o=x"], 64, /--check chooses the output itself/],
  [["--chekc"], 64, /unknown argument --chekc/],
  [["--check", "--", "--template", "none.yaml"], 65, /none\.yaml/],
])("refuses %j with %i", (args, code, text) => {
  const { status, stderr } = generate(...args);
  expect([status, stderr]).toEqual([code, expect.stringMatching(text)]);
});
