import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { root } from "../../plugin/test/compile.ts";
import { blocks } from "../../scripts/markdown.mjs";
import manifest from "../package.json" with { type: "json" };
import { type Bundle, bundle } from "../test/bundle.ts";

let command: Bundle;
let work: string;

beforeAll(() => {
  command = bundle();
}, 60_000);

afterAll(() => command.remove());

beforeEach(() => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mesh-init-")));
  work = join(folder, "shop");
  mkdirSync(work);
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const init = (...args: string[]) => command.run(work, ["init", ...args]);

function write(files: { readonly [path: string]: string | Buffer }): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), text);
  }
}

const read = (path: string): string => readFileSync(join(work, path), "utf8");

/** Everything below the folder: what is in each file, where each link leads, and its mode. */
const snapshot = (folder = work) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path, lstatSync(path).mode, lstatSync(path).isFile() ? readFileSync(path, "utf8") : ""]);

test("without a terminal it shows the tree, writes nothing, and says how to agree", () => {
  const { status, stdout, stderr } = init();
  expect(status).toBe(3);
  expect(stdout).toBe(`./
├── proto/
│   └── greet/
│       └── v1/
│           └── greet.proto  create  32 lines
├── buf.gen.yaml             create  22 lines
├── buf.yaml                 create  17 lines
├── .gitignore               create  1 line
├── greet.ts                 create  24 lines
├── package.json             create  26 lines
└── tsconfig.json            create  10 lines
`);
  expect(stderr).toBe("\nprotomesh: nothing is written, because nobody can be asked here: agree by --yes\n");
  expect(readdirSync(work)).toEqual([]);
});

test("what it writes generates, lints, compiles and starts", { timeout: 120_000 }, () => {
  expect(init("-y")).toMatchObject({ status: 0, stderr: "" });
  run();
});

test.each([
  ["a project of CommonJS", { type: "commonjs" }, "shop.mts"],
  ["a project of modules", { type: "module" }, "shop.ts"],
])("%s keeps its kind of modules, and other names work", { timeout: 120_000 }, (_, given, main) => {
  write({ "package.json": JSON.stringify(given) });
  const { status, stdout } = init("--yes", "--package", "acme.shop.v1", "--service", "Orders");
  expect(status).toBe(0);
  expect(stdout).toMatch(/Next:\n {2}npm install\n {2}npm run generate\n {2}npm start\n$/);
  expect(JSON.parse(read("package.json")).type).toBe((given as { type?: string }).type);
  expect(read("proto/acme/shop/v1/shop.proto")).toMatch(/package acme\.shop\.v1;[\s\S]*service Orders \{/);
  expect(existsSync(join(work, main))).toBe(true);
  run();
  expect(existsSync(join(work, "gen/acme/shop/v1/shop_mesh.ts"))).toBe(true);
});

/** Runs the scripts as npm would, with the packages of this repository in place of published ones. */
function run(): void {
  symlinkSync(join(root, "node_modules"), join(work, "node_modules"), "junction");
  const env = { ...process.env, PATH: `${join(work, "node_modules/.bin")}:${dirname(process.execPath)}:/usr/bin:/bin` };
  const script = (text: string) => execFileSync("sh", ["-ec", text], { cwd: work, env, encoding: "utf8" });
  const { scripts } = JSON.parse(read("package.json")) as { scripts: { [name: string]: string } };
  script(scripts.generate as string);
  script("buf lint");
  script("tsc");
  expect(command.run(work, ["lint"])).toMatchObject({ status: 0, stdout: "" });
  expect(scripts.lint).toBe("buf lint && protomesh lint");
  expect(script(scripts.start as string)).toBe("Hello, gRPC!\n{ text: 'Hello, REST!' }\n");
}

test("it writes what the quick start of README.md shows, and depends on what that installs", () => {
  expect(init("-y").status).toBe(0);
  const readme = blocks(join(root, "README.md"));
  const shown = readme.filter(({ attributes }) => attributes.title);
  expect(shown.length).toBe(4);
  for (const { attributes, text } of shown) expect(read(attributes.title as string)).toBe(`${text}\n`);
  const installed = readme
    .filter(({ words }) => words.includes("quickstart"))
    .flatMap(({ text }) => text.split("\n"))
    .filter((line) => line.startsWith("npm install"))
    .flatMap((line) => line.split(" ").slice(2))
    .filter((word) => !word.startsWith("--"))
    .map((word) => word.replace(/(.)@.*/, "$1"));
  const { name, dependencies, devDependencies } = JSON.parse(read("package.json"));
  expect(name).toBe("shop");
  expect(Object.keys({ ...dependencies, ...devDependencies })).toEqual(expect.arrayContaining(installed));
});

test("its dependencies have the versions that this repository is tested with", () => {
  const of = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"));
  const { dependencies, devDependencies } = of("cli/template/package.json");
  const tested = {
    ...of("package.json").devDependencies,
    "@protomesh/runtime": of("runtime/package.json").version,
    "protoc-gen-mesh": of("plugin/package.json").version,
    protomesh: manifest.version,
  };
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    expect([name, version]).toEqual([name, `^${tested[name]?.replace(/^\^/, "")}`]);
});

test("a package.json gets what it lacks, and keeps values, order, indentation and line ends", () => {
  const before = [
    "{",
    '\t"name": "mine",',
    '\t"type": "module",',
    '\t"scripts": {',
    '\t\t"start": "node mine.js"',
    "\t},",
    '\t"devDependencies": {',
    '\t\t"@protomesh/runtime": "0.0.9",',
    '\t\t"zebra": "1.0.0"',
    "\t}",
    "}",
    "",
  ].join("\r\n");
  write({ "package.json": before, ".gitignore": "/dist\n/node_modules", "tsconfig.json": "{}" });
  chmodSync(join(work, "package.json"), 0o600);
  const { status, stdout } = init("-y");
  expect(status).toBe(0);
  expect(stdout).toMatch(/package\.json +merge +\+\d+ lines, \d+ in all/);
  expect(stdout).toMatch(/\.gitignore +keep/);
  expect(stdout).toContain("package.json has a script start already, which stays. The scaffold's is: tsx greet.ts");
  expect(stdout).toMatch(/npm run generate\n {2}npx tsx greet\.ts\n$/);
  const text = read("package.json");
  expect(text.startsWith('{\r\n\t"name": "mine",\r\n\t"type": "module",\r\n\t"scripts": {\r\n\t\t"start"')).toBe(true);
  expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  const { scripts, dependencies, devDependencies } = JSON.parse(text);
  expect(scripts).toMatchObject({ start: "node mine.js", generate: "buf generate" });
  expect(dependencies).toEqual({ "@bufbuild/protobuf": expect.stringMatching(/^\^2/) });
  expect(devDependencies).toMatchObject({
    "@protomesh/runtime": "0.0.9",
    zebra: "1.0.0",
    "ts-proto": expect.anything(),
  });
  expect(Object.keys(devDependencies).at(-1)).toBe("zebra");
  expect(statSync(join(work, "package.json")).mode & 0o777).toBe(0o600);
  expect([read(".gitignore"), read("tsconfig.json")]).toEqual(["/dist\n/node_modules", "{}"]);
});

test("a second run has nothing to do", () => {
  expect(init("-y").status).toBe(0);
  const before = snapshot();
  const { status, stdout } = init();
  expect(status).toBe(0);
  expect(stdout).toMatch(/All of it is there: nothing to write\.\n$/);
  expect(snapshot()).toEqual(before);
});

test("files that are there are overwritten when that is agreed to, and stay with --keep", () => {
  write({ "buf.yaml": "version: v2\n", ".gitignore": "dist" });
  const shown = init();
  expect(shown.stdout).toMatch(/buf\.yaml +overwrite +17 lines in place of 1\n/);
  expect(shown.stdout).toMatch(/\.gitignore +merge +\+1 line, 2 in all\n/);
  expect(init("-y", "--keep").status).toBe(0);
  expect([read("buf.yaml"), read(".gitignore")]).toEqual(["version: v2\n", "dist\nnode_modules/\n"]);
  expect(init("-y").status).toBe(0);
  expect(read("buf.yaml")).toMatch(/protoc-gen-mesh/);
  expect(readdirSync(work).filter((name) => name.includes("before-init"))).toEqual([]);
});

test("when one file cannot be written, everything is as it was", () => {
  write({ "buf.yaml": "version: v2\n", "package.json": '{ "name": "mine" }', ".gitignore": "dist\n" });
  chmodSync(join(work, "buf.yaml"), 0o640);
  // A link to nowhere is no file to read, and not a place for one either.
  symlinkSync(join(work, "nowhere/tsconfig.json"), join(work, "tsconfig.json"));
  const before = snapshot();
  const { status, stdout, stderr } = init("--yes");
  expect(stderr).toBe("protomesh: tsconfig.json cannot be written (EEXIST); everything is as it was\n");
  expect(stdout).not.toContain("Next");
  expect(status).toBe(1);
  expect(snapshot()).toEqual(before);
});

test.runIf(process.platform !== "win32")(
  "a disk that is full leaves neither files nor folders, and what was there",
  () => {
    write({ "buf.yaml": "version: v2\n", "package.json": '{ "name": "mine" }' });
    const before = snapshot();
    const bin = join(dirname(command.dist), "bin/protomesh.js");
    for (const folder of [".", "new/er"]) {
      const { status, stderr } = spawnSync(
        "sh",
        ["-c", `ulimit -f 0; exec '${process.execPath}' '${bin}' init -y ${folder}`],
        {
          cwd: work,
          encoding: "utf8",
        },
      );
      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(/cannot be written \(EFBIG\); everything is as it was\n$/),
      ]);
      expect(snapshot()).toEqual(before);
    }
    expect(init("-y", "new/er").status).toBe(0);
    expect(readdirSync(join(work, "new/er"))).toContain("buf.yaml");
  },
);

test.each([
  ["buf.yaml", { "buf.yaml/file": "" }, "buf.yaml is a folder, and has to be a file: move it away first"],
  [
    "proto",
    { proto: "" },
    "proto/greet/v1/greet.proto has no place, because a part of its path is a file: move that away first",
  ],
  ["package.json", { "package.json": "{ name }" }, "package.json is not JSON: correct it first"],
  ["a list", { "package.json": "[]" }, "package.json is not a JSON object: correct it first"],
  ["other bytes", { ".gitignore": Buffer.from("caf\xe9/\n", "latin1") }, ".gitignore is not UTF-8: convert it first"],
  ["scripts", { "package.json": '{"scripts":[]}' }, "package.json: scripts is not an object: correct it first"],
])("what is in the way is named before anything is written: %s", (_, files, text) => {
  write(files);
  const before = snapshot();
  expect(init("-y")).toEqual(expect.objectContaining({ status: 1, stdout: "", stderr: `protomesh: ${text}\n` }));
  expect(snapshot()).toEqual(before);
});

test.each([
  [["--package", "Acme"], /--package Acme: write lower-case words/],
  [["--package", "google.api"], /belongs to somebody else/],
  [["--service", "shop"], /--service shop: write letters and digits, the first in upper case/],
  [["--service", "Greeting"], /has something else of that name/],
  [["a", "b"], /unknown argument b/],
  [["--force"], /unknown argument --force/],
])("refuses %j", (args, text) => {
  const { status, stderr } = init("-y", ...args);
  expect([status, stderr]).toEqual([2, expect.stringMatching(text)]);
  expect(readdirSync(work)).toEqual([]);
});

const terminal = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0;

test.runIf(terminal).each([
  ["y", 0],
  ["yes", 0],
  ["n", 3],
  ["", 3],
])("on a terminal it asks, and %j ends with %i", (answer, code) => {
  const bin = join(dirname(command.dist), "bin/protomesh.js");
  const { status, stdout } = spawnSync("script", ["-qec", `'${process.execPath}' '${bin}' init`, "/dev/null"], {
    cwd: work,
    input: `${answer}\n`,
    encoding: "utf8",
  });
  expect(stdout).toContain("Write 7 files (7 to create)? [y/N]");
  expect(status).toBe(code);
  expect(existsSync(join(work, "buf.yaml"))).toBe(code === 0);
});
