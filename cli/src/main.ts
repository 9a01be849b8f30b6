import manifest from "../package.json" with { type: "json" };
import { UsageError } from "./arguments.ts";
import { gateway, gatewayHelp } from "./gateway.ts";

const { name, version } = manifest;

const help = `${name} ${version}

  protomesh gateway     ${gatewayHelp.split("\n", 1)[0]}
  protomesh --version
  protomesh <command> --help`;

const [command, ...args] = process.argv.slice(2);
const asksHelp = (list: readonly string[]) => list.includes("--help") || list.includes("-h");

/** Exit codes: 1 when a command fails, 2 for a command line that makes no sense. */
async function main(): Promise<void> {
  if (command === "--version" || command === "-v") return console.log(`${name} ${version}`);
  if (command === undefined || command === "--help" || command === "-h" || command === "help") return console.log(help);
  if (command !== "gateway") throw new UsageError(`unknown command ${command}: try protomesh --help`);
  if (asksHelp(args)) return console.log(gatewayHelp);
  await gateway(args);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? `protomesh: ${error.message}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
