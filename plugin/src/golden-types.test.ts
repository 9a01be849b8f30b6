import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileFolder, importPaths, protosBelow, requestFor, root, run, runProtoc } from "../test/compile.ts";

// The golden files next to the messages that ts-proto and protoc-gen-es really generate. A release of theirs that
// changes names breaks this test. Below the repository, so that packages resolve.
mkdirSync(join(root, ".cache"), { recursive: true });
const work = mkdtempSync(join(root, ".cache", "goldens-"));
const cases = readdirSync(join(root, "testdata")).filter((name) => {
  return !existsSync(join(root, "testdata", name, "want", "errors.txt"));
});

/** What both plugins are told when a project changes ts-proto's names. */
const namings = [
  "fileSuffix=.pb,typePrefix=A,typeSuffix=Z",
  "snakeToCamel=json,messageSuffix=Message",
  "useSnakeTypeName=false,messagePrefix=P,enumPrefix=E,enumSuffix=Kind",
  "snakeToCamel=keys_json,importSuffix=.js",
];

const strict = {
  target: "es2022",
  lib: ["es2023"],
  module: "nodenext",
  moduleResolution: "nodenext",
  types: ["node"],
  noEmit: true,
  declaration: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  isolatedModules: true,
  isolatedDeclarations: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  allowImportingTsExtensions: true,
  customConditions: ["@protomesh/source"],
};

beforeAll(() => {
  for (const name of cases) {
    const folder = join(root, "testdata", name);
    const out = join(work, name);
    mkdirSync(out, { recursive: true });
    cpSync(join(folder, "want"), out, { recursive: true });
    const parameter = join(folder, "parameter");
    generateMessages(
      folder,
      out,
      existsSync(parameter) && readFileSync(parameter, "utf8").includes("messages=protobuf-es"),
    );
  }
  for (const [index, naming] of namings.entries()) {
    const folder = join(root, "testdata", "names");
    const out = join(work, `naming-${index}`);
    mkdirSync(out);
    generateMessages(folder, out, false, `,${naming}`);
    const { files, errors } = run(requestFor(compileFolder(folder), protosBelow(folder), naming));
    expect(errors).toEqual([]);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(out, path)), { recursive: true });
      writeFileSync(join(out, path), content);
    }
  }
  writeFileSync(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions: strict, include: ["**/*.ts"] }));
  const biome = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
  // A user's service called Promise is called Promise; and what noPropertyAccessFromIndexSignature asks for is what
  // useLiteralKeys does not want.
  const off = { suspicious: { noShadowRestrictedNames: "off" }, complexity: { useLiteralKeys: "off" } };
  const linter = { rules: { ...biome.linter.rules, ...off } };
  const rules = {
    ...biome,
    root: true,
    vcs: { enabled: false },
    files: { includes: ["**/*_mesh.ts", "**/*_rest.ts"] },
    linter,
  };
  writeFileSync(join(work, "biome.json"), JSON.stringify(rules));
}, 60_000);

afterAll(() => rmSync(work, { recursive: true }));

test("goldens compile under every strict flag, next to what ts-proto and protoc-gen-es generate", () => {
  const { stdout } = spawnSync("npx", ["tsc", "-p", work], { cwd: root, encoding: "utf8" });
  // Only isolatedDeclarations asks more of the runtime's sources than they promise; they are checked on their own.
  const errors = stdout.split("\n").filter((line) => line.includes(".cache/goldens-"));
  expect(errors).toEqual([]);
  expect(stdout, "tsc ran").not.toContain("TS18003");
}, 120_000);

test("goldens are formatted, their imports are in order, and the linter has nothing to say", () => {
  const args = ["biome", "check", "--config-path", work, "--error-on-warnings", "--max-diagnostics=20", work];
  const { status, stdout, stderr } = spawnSync("npx", args, { cwd: root, encoding: "utf8" });
  expect(status, stdout + stderr).toBe(0);
}, 60_000);

function generateMessages(folder: string, out: string, protobufEs: boolean, more = ""): void {
  const [plugin, option] = protobufEs
    ? ["protoc-gen-es", "target=js+dts,import_extension=js"]
    : [
        "protoc-gen-ts_proto",
        "esModuleInterop=true,importSuffix=.js,outputServices=none,env=node,forceLong=bigint,oneof=unions-value,useExactTypes=false,unknownFields=true,outputTypeAnnotations=static-only,enumsAsLiterals=true",
      ];
  runProtoc([
    ...[folder, ...importPaths].map((path) => `-I${path}`),
    `--plugin=protoc-gen-messages=${join(root, "node_modules/.bin", plugin as string)}`,
    `--messages_out=${out}`,
    `--messages_opt=${option}${more}`,
    ...protosBelow(folder),
  ]);
}
