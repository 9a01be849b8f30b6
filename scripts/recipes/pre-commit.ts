import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./packages.ts";

const version = "4.7.0";

/** The environment that has the framework pre-commit, from PyPI; or why it cannot be had. */
export function preCommit(): { readonly env?: { readonly [name: string]: string }; readonly missing?: string } {
  const folder = join(root, ".cache", "recipes", `pre-commit-${version}`);
  if (!existsSync(folder)) {
    // Others may fetch it at the same time: it appears as a whole.
    const fresh = `${folder}.${process.pid}`;
    const args = ["-m", "pip", "install", "--quiet", "--target", fresh, `pre-commit==${version}`];
    const { status, stderr, error } = spawnSync("python3", args, { encoding: "utf8" });
    if (status !== 0) {
      rmSync(fresh, { recursive: true, force: true });
      return { missing: `pre-commit cannot be installed: ${error?.message ?? stderr.trim()}` };
    }
    if (existsSync(folder)) rmSync(fresh, { recursive: true });
    else renameSync(fresh, folder);
  }
  return { env: { PYTHONPATH: folder, PRE_COMMIT: join(folder, "bin") } };
}
