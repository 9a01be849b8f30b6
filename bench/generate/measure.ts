import { generators } from "../../scripts/corpus/run.mjs";
import type { Plan } from "../plan.ts";
import { interleave, type Progress } from "../rounds.ts";
import { ratios, type Spread, spread } from "../stats.ts";
import { figure, type Table } from "../table.ts";
import { measureLint } from "./lint.ts";
import { type Cost, generate, runNode } from "./program.ts";
import { allFiles, type Requests, smallest, someFiles } from "./requests.ts";

/** Everything that our plugin can write in one run. */
const everything =
  "target=ts,target=service-config,target=envoy,target=istio,target=gateway-api,target=docs,openapi=true";

/** One generator and what it is asked for. */
type Contenders = { readonly [name: string]: (requests: Requests) => Promise<Cost> };

const ours: Contenders = {
  "protoc-gen-mesh, TypeScript": ({ plain }) => generate("protoc-gen-mesh", plain, ""),
  "protoc-gen-mesh, everything": ({ withPolicies }) => generate("protoc-gen-mesh", withPolicies, everything),
};

const all: Contenders = {
  "ts-proto": ({ plain }) => generate("protoc-gen-ts_proto", plain, generators["protoc-gen-ts_proto"]),
  "protoc-gen-es": ({ plain }) => generate("protoc-gen-es", plain, generators["protoc-gen-es"]),
  ...ours,
};

/** What generating costs next to ts-proto and protoc-gen-es, and what it adds to starting Node.js and to `buf lint`. */
export async function measureGenerate(plan: Plan, progress: Progress): Promise<Table[]> {
  const quick = plan.sliceMs < 100;
  // A run takes seconds, not a slice.
  const rounds = Math.ceil(plan.rounds / 10);
  const ofSmall = quick ? 1 : rounds * 3;
  progress("generation: compiling proto files");
  const some = await someFiles(quick);
  const tables = [
    compared(
      `Generation: ${some.count} files of google-proto-files`,
      await run(all, some, rounds, progress),
      "ts-proto",
      "protoc-gen-es",
    ),
  ];
  if (!quick) {
    progress("generation: compiling all proto files");
    const every = await allFiles();
    const [first] = Object.keys(ours);
    tables.push(compared(`Generation: all ${every.count} files`, await run(ours, every, 1, progress), first as string));
  }
  const small = await smallest();
  const start: Contenders = { "bare node": () => runNode(["--eval", "0"]), ...all };
  tables.push(added(`Generation: ${small.count} file`, await run(start, small, ofSmall, progress)));
  tables.push(await measureLint(ofSmall, progress));
  return tables;
}

async function run(
  contenders: Contenders,
  requests: Requests,
  rounds: number,
  progress: Progress,
): Promise<ReadonlyMap<string, readonly Cost[]>> {
  return interleave(Object.keys(contenders), rounds, async (name, round) => {
    // Nothing to warm up: each run is a process of its own.
    if (round === "warm-up") return { ms: 0, cpuMs: 0, peakBytes: 0 };
    progress(`generation: ${requests.count} files, round ${round + 1} of ${rounds}, ${name}`);
    return (contenders[name] as Contenders[string])(requests);
  });
}

/** As ratios to some of the contenders. */
function compared(title: string, costs: ReadonlyMap<string, readonly Cost[]>, ...baselines: readonly string[]): Table {
  const of = {
    CPU: ({ cpuMs }: Cost) => cpuMs,
    wall: ({ ms }: Cost) => ms,
    memory: ({ peakBytes }: Cost) => peakBytes,
  };
  const columns = baselines.flatMap((base) => Object.entries(of).map(([what, take]) => ({ base, what, take })));
  return {
    title,
    head: ["", "CPU, s", "peak MB", ...columns.map(({ base, what }) => `${what} / ${base}`)],
    rows: [...costs].map(([name, own]) => [
      name,
      figure(spread(own.map(({ cpuMs }) => cpuMs / 1000)).median),
      figure(spread(own.map(({ peakBytes }) => peakBytes / 1e6)).median),
      ...columns.map(({ base, take }) => cell(spread(ratios(own.map(take), (costs.get(base) ?? []).map(take))))),
    ]),
  };
}

/** As what a run takes beyond the first contender. */
function added(title: string, costs: ReadonlyMap<string, readonly Cost[]>): Table {
  const [[, base] = ["", []]] = costs;
  const beyond = (own: readonly Cost[], take: (cost: Cost) => number) =>
    figure(spread(own.map((cost, round) => take(cost) - take(base[round] as Cost))).median);
  return {
    title: `${title}, beyond bare node`,
    head: ["", "CPU, ms", "wall, ms"],
    rows: [...costs]
      .slice(1)
      .map(([name, own]) => [name, beyond(own, ({ cpuMs }) => cpuMs), beyond(own, ({ ms }) => ms)]),
  };
}

const cell = ({ median, low, high }: Spread): string => `${median.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
