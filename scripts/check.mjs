// Everything that must hold besides the tests: `npm run check`. Runs all steps, then names those that failed.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name) => join(root, "node_modules", ".bin", name);

const steps = [
  ["types", bin("tsc"), ["-p", "."]],
  ["types of the bench", bin("tsc"), ["-p", "bench"]],
  ["format and lint", bin("biome"), ["check", "--error-on-warnings", "."]],
  ["proto files", bin("buf"), ["lint"]],
  ["architecture", bin("vitest"), ["run", "scripts/architecture.test.ts"]],
  ["generated code is up to date", process.execPath, ["scripts/generate.mjs", "--check"]],
  ["documentation", process.execPath, ["scripts/docs.mjs"]],
  ["no dead code", bin("knip"), []],
];

const failed = [];
for (const [name, command, args] of steps) {
  const started = performance.now();
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (status !== 0) {
    failed.push(name);
    console.log(`${stdout}${stderr}`.replace(/^/gm, "       "));
  }
}
if (failed.length > 0) {
  console.error(`check failed: ${failed.join(", ")}`);
  process.exit(1);
}
