// Runs the demonstration, and the quick tests, on other Node releases: `node scripts/smoke.mjs 22 24`.
// Node itself comes from npm, so that a registry is all that is needed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "protomesh-smoke-"));
try {
  for (const release of process.argv.slice(2)) {
    const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
    const prefix = join(folder, release);
    install(prefix, `${name}@${release}`);
    const node = join(prefix, "node_modules", name, "bin", "node");
    const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
    if (!version.startsWith(`v${release}.`)) throw new Error(`asked for Node ${release}, got ${version}`);
    console.log(`smoke: demonstration and runtime tests on ${version}`);
    execFileSync(node, [join(root, "node_modules/tsx/dist/cli.mjs"), "examples/shop/demo.ts"], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    execFileSync(node, [join(root, "node_modules/vitest/vitest.mjs"), "run", "runtime"], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The packages are large: a registry that stalls gets another chance. */
function install(prefix, what, chances = 3) {
  try {
    const options = ["--no-fund", "--no-audit", "--loglevel=error"];
    execFileSync("npm", ["install", ...options, "--prefix", prefix, what], { stdio: "inherit" });
  } catch (error) {
    if (chances === 1) throw error;
    console.error(`smoke: ${what} could not be installed, trying again`);
    install(prefix, what, chances - 1);
  }
}
