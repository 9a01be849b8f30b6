// Makes a checkout ready to run: dependencies as the lock file says, the plugin's bundle, the runtime's build.
// Every npm script starts with it, so a fresh clone needs no other command. Does nothing when all is up to date.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19))
  fail(`Protomesh needs Node 20.19 or newer, this is ${process.versions.node}`);

const lock = join(root, "package-lock.json");
const installed = join(root, "node_modules", ".protomesh-lock");
if (!existsSync(installed) || readFileSync(installed, "utf8") !== readFileSync(lock, "utf8")) {
  // Not `npm ci`: it refuses a lock file that lacks the optional binaries of other platforms. This keeps to the lock as well.
  run("installing dependencies", "npm", ["install", "--no-save", "--no-fund", "--no-audit", "--loglevel=error"]);
  writeFileSync(installed, readFileSync(lock, "utf8"));
}

const runtime = join(root, "runtime", "src");
const plugin = join(root, "plugin");
if (
  !existsSync(join(plugin, "dist", "buf-plugin-mesh.cjs")) ||
  stale(join(plugin, "dist", "protoc-gen-mesh.cjs"), [
    join(plugin, "src"),
    join(runtime, "policies"),
    join(runtime, "core"),
  ])
) {
  run("building the plugin", "npm", ["run", "--silent", "build", "--workspace", "plugin"]);
}
if (stale(join(root, "runtime", "dist", ".built"), [runtime])) {
  run("building the runtime", "npm", ["run", "--silent", "build", "--workspace", "runtime"]);
  mkdirSync(join(root, "runtime", "dist"), { recursive: true });
  writeFileSync(join(root, "runtime", "dist", ".built"), "");
}

/** True when a file is missing or older than anything below the folders. */
function stale(output, folders) {
  if (!existsSync(output)) return true;
  const built = statSync(output).mtimeMs;
  return folders.some((folder) => newest(folder) > built);
}

function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) time = Math.max(time, newest(path));
    else if (!entry.name.endsWith(".test.ts")) time = Math.max(time, statSync(path).mtimeMs);
  }
  return time;
}

function run(what, command, args) {
  console.error(`set-up: ${what} ...`);
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) fail(`${what} failed${error ? `: ${error.message}` : ""}`);
}

function fail(message) {
  console.error(`set-up: ${message}`);
  process.exit(1);
}
