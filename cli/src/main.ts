import manifest from "../package.json" with { type: "json" };
import { asksHelp, type Command, helpOf, parse, UsageError } from "./command.ts";
import { commands } from "./commands.ts";

const { name, version } = manifest;

/** What the running command ends with when it fails. */
let failure: Required<Command>["failure"] = { usage: 2, other: 1 };

/** Exit codes: 1 when a command fails, 2 for a command line that makes no sense; commands document others. */
async function main([command, ...args]: readonly string[]): Promise<number> {
  if (command === "--version" || command === "-v") return say(`${name} ${version}`);
  if (command === undefined || command === "--help" || command === "-h" || command === "help") return say(overview());
  const row = commands.find((row) => row.name === command);
  if (!row) throw new UsageError(`unknown command ${command}: try protomesh --help`);
  const loaded = await row.load();
  failure = loaded.failure ?? failure;
  return asksHelp(args) ? say(helpOf(loaded)) : loaded.run(parse(loaded, args));
}

function say(text: string): number {
  console.log(text);
  return 0;
}

function overview(): string {
  const width = Math.max(...commands.map((row) => row.name.length)) + 2;
  return `${name} ${version}

${commands.map((row) => `  ${name} ${row.name.padEnd(width)}${row.summary}`).join("\n")}

  ${name} <command> --help
  ${name} --version`;
}

// Whoever reads may have seen enough, such as head: the exit code is still the answer.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof Error ? `protomesh: ${error.message}` : error);
    process.exitCode = error instanceof UsageError ? failure.usage : failure.other;
  },
);
