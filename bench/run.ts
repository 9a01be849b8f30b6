// `npm run bench`: what the generated client and server, the gateway and the policies cost, next to their peers.
import { build } from "./build.ts";
import { type Comparison, compare } from "./compare.ts";
import { measureGenerate } from "./generate/measure.ts";
import { gateways, http } from "./http/comparison.ts";
import { buildGateways } from "./http/remote/build.mjs";
import { measureJson } from "./json/measure.ts";
import { measureLayers } from "./layers/measure.ts";
import { type PartName, type Plan, planOf, usage } from "./plan.ts";
import { writeReadme } from "./readme.ts";
import { comparisonTables } from "./report.ts";
import { rpc } from "./rpc/comparison.ts";
import { type Table, toText } from "./table.ts";

/** Shows how far the bench is: on one line of a terminal, and not at all in a log. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

const compared = (comparison: Comparison) => async (plan: Plan) =>
  comparisonTables(comparison, await compare(comparison, plan, progress));

const parts: { readonly [Name in PartName]: (plan: Plan) => Promise<Table[]> } = {
  rpc: compared(rpc),
  http: compared(http),
  gateways: compareGateways,
  layers: async (plan) => [await measureLayers(plan, progress)],
  json: async (plan) => [await measureJson(plan, progress)],
  generate: async (plan) => measureGenerate(plan, progress),
};

async function compareGateways(plan: Plan): Promise<Table[]> {
  progress("building grpc-gateway, fetching Envoy");
  const { env, missing } = buildGateways();
  for (const [name, why] of Object.entries(missing)) console.warn(`*** ${name} is NOT compared: ${why} ***\n`);
  Object.assign(process.env, env);
  const contenders = gateways.contenders.filter((name) => !(name in missing));
  return compared({ ...gateways, contenders })(plan);
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes("--help")) return console.log(usage);
  const plan = planOf(args);
  progress("building");
  await build();
  const tables: Table[] = [];
  for (const part of plan.parts) {
    for (const table of await parts[part](plan)) {
      progress("");
      console.log(`${toText(table)}\n`);
      tables.push(table);
    }
  }
  if (plan.keep) console.log(`Written to ${await writeReadme(tables, plan)}.`);
  else console.log("Not kept: bench/README.md takes all parts, from at least ten rounds of full length.");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  progress("");
  console.error(error instanceof TypeError ? `${error.message}\n\n${usage}` : error);
  process.exitCode = 1;
}
