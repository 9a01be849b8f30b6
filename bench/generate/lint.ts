import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/corpus/run.mjs";
import { interleave, type Progress } from "../rounds.ts";
import { spread } from "../stats.ts";
import { figure, type Table } from "../table.ts";
import type { Cost } from "./program.ts";

const folder = join(root, ".cache", "bench", "lint");
const buf = join(root, "node_modules/.bin/buf");
const plugin = join(root, "node_modules/.bin/buf-plugin-mesh");

/** What the plugin adds to `buf lint` of the example's module, and how many times buf starts it. */
export async function measureLint(rounds: number, progress: Progress): Promise<Table> {
  mkdirSync(folder, { recursive: true });
  // What each start appends to a file, counted once and not measured.
  const counting = join(folder, "counting");
  const starts = join(folder, "starts");
  rmSync(starts, { force: true });
  writeFileSync(counting, `#!/bin/sh\necho >> "${starts}"\nexec "${plugin}" "$@"\n`);
  chmodSync(counting, 0o755);
  await lint(counting);
  const count = readFileSync(starts, "utf8").length;

  const names = ["buf lint", "buf lint with buf-plugin-mesh"] as const;
  const results = await interleave(names, rounds, (name, round) => {
    progress(`buf lint: ${typeof round === "number" ? `round ${round + 1} of ${rounds}` : round}`);
    return lint(name === names[0] ? undefined : plugin);
  });
  const plain = results.get(names[0]) as Awaited<ReturnType<typeof lint>>[];
  return {
    title: "buf lint of the example",
    head: ["", "starts of the plugin", "CPU, ms", "beyond buf lint", "wall, ms", "beyond buf lint"],
    rows: names.map((name) => {
      const own = results.get(name) as typeof plain;
      const columns = (["cpuMs", "ms"] as const).flatMap((what) => {
        const more = spread(own.map((cost, round) => cost[what] - (plain[round] as (typeof plain)[number])[what]));
        return [
          figure(spread(own.map((cost) => cost[what])).median),
          `${figure(more.median)} [${figure(more.low)}, ${figure(more.high)}]`,
        ];
      });
      return [name, name === names[0] ? "0" : String(count), ...columns];
    }),
  };
}

/** One run. Fails when buf finds anything. */
async function lint(program: string | undefined): Promise<Omit<Cost, "peakBytes">> {
  const config = readFileSync(join(root, "buf.yaml"), "utf8");
  const text =
    program === undefined
      ? config
      : `${config.replace("use: [STANDARD]", "use: [STANDARD, MESH_ERROR]")}plugins:\n  - plugin: ${program}\n`;
  const path = join(folder, "buf.yaml");
  writeFileSync(path, text);
  const start = performance.now();
  // The shell knows what all processes below it took.
  const script = `"$@" && times`;
  const child = spawn("sh", ["-c", script, "sh", buf, "lint", "examples/shop/proto", "--config", path], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += chunk;
  });
  const status = await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  if (status !== 0) throw new Error(`buf lint ended with ${status}:\n${said}`);
  return { ms: performance.now() - start, cpuMs: childrenMs(said) };
}

/** CPU time of ended children. Source: POSIX, `times`: the second line has their user and system time, as 0m1.25s. */
function childrenMs(text: string): number {
  const [, line = ""] = text.trim().split("\n");
  const times = [...line.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
  );
  if (times.length !== 2) throw new Error(`times of the shell printed ${JSON.stringify(text)}`);
  return times.reduce((sum, seconds) => sum + seconds * 1000, 0);
}
