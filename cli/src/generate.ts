import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { type Command, noAnswer, UsageError } from "./command.ts";
import { type Difference, differences } from "./generated.ts";
import { findBuf } from "./image.ts";
import { inTemporaryFolder } from "./temporary.ts";

/** Runs the project's generators, or says whether somebody should have. */
export const generate: Command = {
  summary: "Runs buf generate. With --check, it says what buf generate would change, and changes nothing.",
  examples: [
    "protomesh generate",
    "protomesh generate --check",
    "protomesh generate --check -- --template buf.gen.docs.yaml",
  ],
  operands: [{ name: "args", text: "after --, for buf generate", optional: true, many: true }],
  flags: [{ name: "check", text: "generates elsewhere, and lists files that differ" }],
  notes: `buf is the project's own, or the one on PATH; plugins are found in node_modules/.bin.

--check prints a line for each file: stale (others generate it differently), missing (not there), superfluous (nothing
generates it, and buf.gen.yaml has clean: true, by which buf would delete it). Line ends are not compared.

Exit codes:
  0   generated; with --check, all is up to date
  1   with --check, something is not
  64  the command line is wrong
  65  buf generate failed`,
  failure: noAnswer,
  async run(given) {
    const args = given.operands;
    if (!given.has("check")) return run(args) ? 0 : noAnswer.other;
    if (args.some((arg) => /^(-o|--output)(=|$)/.test(arg)))
      throw new UsageError("--check chooses the output itself: leave --output out");
    const found = inTemporaryFolder((folder) => {
      // As deep as the project: an out folder such as ../gen stays within.
      const output = join(folder, process.cwd().replace(/^[a-z]:/i, ""));
      mkdirSync(output, { recursive: true });
      return run([...args, "--output", output]) ? differences(output, process.cwd(), args) : undefined;
    });
    if (found === undefined) return noAnswer.other;
    return report(found.differences, found.count);
  },
};

function report(differences: readonly Difference[], count: number): number {
  const width = Math.max(...differences.map(({ kind }) => kind.length)) + 2;
  for (const { kind, file } of differences) console.log(`${kind.padEnd(width)}${file}`);
  const one = (number: number) => `${number} file${number === 1 ? "" : "s"}`;
  if (differences.length === 0) console.error(`${one(count)}: all up to date`);
  else console.error(`${one(differences.length)} not up to date: run protomesh generate`);
  return differences.length === 0 ? 0 : 1;
}

/** Runs buf generate; it prints what it has to say. Returns whether it succeeded. */
function run(args: readonly string[]): boolean {
  const [command, ...before] = findBuf(process.cwd());
  const { status, error } = spawnSync(command as string, [...before, "generate", ...args], {
    stdio: "inherit",
    env: { ...process.env, PATH: [...bins(process.cwd()), process.env.PATH].join(delimiter) },
  });
  if (error) throw new Error(`buf cannot be run (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  return status === 0;
}

/** Where npm puts commands, as `npx` would find them. */
function bins(from: string): string[] {
  const folder = resolve(from);
  const here = join(folder, "node_modules/.bin");
  return dirname(folder) === folder ? [here] : [here, ...bins(dirname(folder))];
}
