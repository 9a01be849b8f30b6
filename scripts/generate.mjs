// Prints all generated code of this repository anew. `--check`: exit code 1 and a list when anything was stale.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const check = process.argv.includes("--check");

/** Template, and the folders it writes. */
const templates = [
  ["plugin/buf.gen.yaml", ["plugin/src/gen"]],
  ["plugin/buf.gen.check.yaml", ["plugin/src/buf/gen"]],
  ["runtime/buf.gen.messages.yaml", ["runtime/src/messages/gen"]],
  ["runtime/buf.gen.services.yaml", ["runtime/src/services/gen"]],
  ["runtime/buf.gen.config.yaml", ["runtime/src/config/gen"]],
  ["runtime/test/buf.gen.yaml", ["runtime/test"]],
  ["buf.gen.yaml", ["examples/shop/gen"]],
  ["bench/buf.gen.yaml", ["bench/gen"]],
  ["interop/buf.gen.yaml", ["interop/gen"]],
];

/** Pages that scripts write. */
const pages = ["docs/policies.md", "docs/lint.md"];

const before = snapshot();
for (const [template] of templates) {
  run(join(root, "node_modules/.bin/buf"), ["generate", "--template", template]);
  console.log(`generated from ${template}`);
}
for (const script of ["scripts/reference.ts", "scripts/lint-reference.ts"])
  run(process.execPath, ["--import", "tsx", "--conditions", "@protomesh/source", script]);
run(join(root, "node_modules/.bin/biome"), ["format", "--write", "--log-level=error", ...pages]);
console.log(`written: ${pages.join(", ")}`);
if (check) {
  const after = snapshot();
  const stale = [...new Set([...before.keys(), ...after.keys()])].filter(
    (file) => before.get(file) !== after.get(file),
  );
  if (stale.length > 0) {
    console.error(
      `stale, now generated anew; read the difference and commit it:\n${stale.map((file) => `  ${file}`).join("\n")}`,
    );
    process.exit(1);
  }
}

function run(command, args) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    // buf looks for the plugins there.
    env: { ...process.env, PATH: join(root, "node_modules/.bin") + delimiter + process.env.PATH },
    shell: process.platform === "win32",
  });
  if (status !== 0) process.exit(1);
}

/** Contents of all files in the output folders, by path. */
function snapshot() {
  const files = new Map(pages.map((page) => [page, readFileSync(join(root, page), "utf8")]));
  for (const folder of templates.flatMap(([, folders]) => folders)) {
    if (!existsSync(join(root, folder))) continue;
    for (const name of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(name.parentPath, name.name);
      if (name.isFile()) files.set(relative(root, path), readFileSync(path, "utf8"));
    }
  }
  return files;
}
