// Packs all packages and uses them as a stranger would: in an empty project, from ESM and CommonJS, under several TypeScripts.
// Exit code 1 when anything fails. `node scripts/pack.mjs`
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const project = mkdtempSync(join(tmpdir(), "protomesh-pack-"));
const bin = (name) => join(root, "node_modules", ".bin", name);
const run = (command, args, cwd = root) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
const step = (text) => console.log(`pack: ${text}`);

try {
  const tarballs = {};
  run("npm", ["run", "--silent", "build"], join(root, "cli"));
  for (const name of ["runtime", "plugin", "cli"]) {
    run("npm", ["pack", "--silent", "--pack-destination", project], join(root, name));
  }
  for (const file of readdirSync(project))
    tarballs[file.startsWith("protoc-") ? "plugin" : file.startsWith("protomesh-runtime") ? "runtime" : "cli"] = join(
      project,
      file,
    );

  for (const [name, tarball] of Object.entries(tarballs)) {
    step(`publint ${name}`);
    run(bin("publint"), ["run", tarball, "--strict", "--pack", "false"]);
  }
  step("attw plugin");
  // A command and proto files: nothing to import, so attw has only to find that there are no types to be wrong.
  const plain = run(bin("attw"), [tarballs.plugin, "--profile", "node16"]);
  if (!plain.includes("does not contain types")) throw new Error(`the plugin has types now: check them\n${plain}`);
  step("attw runtime");
  // ESM only: Node >= 20.19 loads it by require as well, which is what "cjs-resolves-to-esm" warns about; tested below.
  run(bin("attw"), [tarballs.runtime, "--profile", "node16", "--ignore-rules", "cjs-resolves-to-esm"]);

  const user = join(project, "user");
  mkdirSync(user);
  const write = (name, text) => writeFileSync(join(user, name), text);
  write("package.json", JSON.stringify({ name: "user", private: true, type: "module" }));
  step("npm install in an empty project");
  run(
    "npm",
    [
      "install",
      "--silent",
      "--no-fund",
      "--no-audit",
      tarballs.runtime,
      tarballs.plugin,
      tarballs.cli,
      "typescript@5.9.3",
      "@types/node@20",
    ],
    user,
  );

  step("import and require");
  const names = "createClient, implement, inProcess, RpcError, policyOf";
  write(
    "esm.mjs",
    `import { ${names} } from "@protomesh/runtime";\nif (typeof createClient !== "function" || policyOf.length !== 1) process.exit(1);\n`,
  );
  write(
    "cjs.cjs",
    `const { ${names} } = require("@protomesh/runtime");\nif (typeof createClient !== "function" || policyOf.length !== 1) process.exit(1);\n`,
  );
  run(process.execPath, ["esm.mjs"], user);
  run(process.execPath, ["cjs.cjs"], user);

  step("types under TypeScript 5.9, from ESM and CommonJS");
  const use = `export const run = async (target: Target): Promise<void> => {
  const error = new RpcError("NOT_FOUND", "no such user");
  if (error.code === "NOT_FOUND") await target.close();
};\n`;
  write("use-esm.mts", `import { RpcError, type Target } from "@protomesh/runtime";\n${use}`);
  write("use-cjs.cts", `import { RpcError, type Target } from "@protomesh/runtime";\n${use}`);
  write("wrong.mts", `import { RpcError } from "@protomesh/runtime";\nnew RpcError("NOT_A_CODE", "x");\n`);
  const strict = [
    "--noEmit",
    "--strict",
    "--exactOptionalPropertyTypes",
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--types",
    "node",
  ];
  const tsc = join(user, "node_modules", ".bin", "tsc");
  run(tsc, [...strict, "use-esm.mts", "use-cjs.cts"], user);
  if (succeeds(() => execFileSync(tsc, [...strict, "wrong.mts"], { cwd: user, stdio: "ignore" }))) {
    throw new Error("a wrong status code type-checks: the package's types do not resolve");
  }

  step("the plugin's command and option files");
  run(join(user, "node_modules", ".bin", "protoc-gen-mesh"), ["--version"], user);
  run(join(user, "node_modules", ".bin", "buf-plugin-mesh"), ["--spec"], user);
  run(
    process.execPath,
    ["-e", `require("node:fs").accessSync("node_modules/protoc-gen-mesh/proto/mesh/v1/options.proto")`],
    user,
  );
  step("the command protomesh");
  if (!run(join(user, "node_modules", ".bin", "protomesh"), ["gateway", "--help"], user).includes("--descriptor"))
    throw new Error("protomesh gateway --help does not name --descriptor");
  step("the REST client, without Node.js");
  write(
    "rest.mjs",
    `import * as rest from "@protomesh/runtime/rest";\nif (Object.keys(rest).length === 0) process.exit(1);\n`,
  );
  run(process.execPath, ["rest.mjs"], user);
  step("reading a configuration, without a wire");
  write(
    "config.mjs",
    `import { readConfig } from "@protomesh/runtime/config";
const { config } = readConfig('{"targets":[{"name":"a","address":"b:1"}]}', "mesh.json", () => ({}));
if (config.targets[0].name !== "a") process.exit(1);\n`,
  );
  run(process.execPath, ["config.mjs"], user);
  step("ok");
} finally {
  rmSync(project, { recursive: true, force: true });
}

function succeeds(action) {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
