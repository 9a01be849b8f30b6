import { type Child, start } from "./child.ts";
import type { Plan } from "./plan.ts";
import { interleave, type Progress } from "./rounds.ts";
import type { Slice } from "./slice.ts";
import { ratios, type Spread, spread } from "./stats.ts";

/** Several contenders doing the same work, each with a server and a client process. */
export interface Comparison {
  readonly title: string;
  /** Where the programs `server` and `client` are. Both get the contender's name as their argument. */
  readonly folder: string;
  readonly contenders: readonly string[];
  /** The contender that the others are a ratio of. */
  readonly baseline: string;
  /** What is done, and what it counts, such as `call`. */
  readonly workloads: readonly { readonly name: string; readonly unit: string }[];
}

/** What a server program answers. */
export type ServerAnswers = {
  /** Serves on a free port and returns it. */
  serve(): Promise<number>;
  cpuUs(): number;
};

/** What a client program answers. */
export type ClientAnswers = {
  /** Connects, and fails when the server answers anything but what it must. */
  connect(port: number): Promise<void>;
  run(task: { workload: string; ms: number }): Promise<Slice>;
};

/** How one contender did on one workload. */
export interface Result {
  readonly workload: string;
  readonly contender: string;
  /** Per second. */
  readonly rate: number;
  /** Median over the rounds of the median time of one call, in microseconds; only without concurrency. */
  readonly p50Us?: number;
  /** CPU time for one, in microseconds. */
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
  /** Divided by the baseline's of the same round. Of a rate more is better, of the others less. */
  readonly rateRatio: Spread;
  readonly p50Ratio?: Spread;
  readonly cpuRatio: Spread;
  readonly serverCpuRatio: Spread;
}

interface Pair {
  readonly server: Child<ServerAnswers>;
  readonly client: Child<ClientAnswers>;
}

interface Round extends Slice {
  readonly serverCpuUs: number;
}

/** Runs every workload on every contender. Fails when one does not start or answers wrongly. */
export async function compare(comparison: Comparison, plan: Plan, progress: Progress): Promise<Result[]> {
  const { folder, contenders, baseline, workloads } = comparison;
  const pairs = new Map<string, Pair>();
  try {
    for (const name of contenders) {
      progress(`${comparison.title}: starting ${name}, checking its answers`);
      const server = start<ServerAnswers>(`the server of ${name}`, `${folder}/server`, [name]);
      const client = start<ClientAnswers>(`the client of ${name}`, `${folder}/client`, [name]);
      pairs.set(name, { server, client });
      await client.ask("connect", await server.ask("serve"));
    }
    const results: Result[] = [];
    for (const { name: workload } of workloads) {
      const rounds = await interleave(contenders, plan.rounds, (name, round) => {
        const step = typeof round === "number" ? `round ${round + 1} of ${plan.rounds}` : round;
        progress(`${comparison.title}: ${workload}, ${step}, ${name}`);
        return runSlice(pairs.get(name) as Pair, workload, round === "warm-up" ? plan.warmUpMs : plan.sliceMs, plan);
      });
      const base = rounds.get(baseline) as Round[];
      for (const [contender, own] of rounds) results.push({ workload, contender, ...summary(own, base) });
    }
    return results;
  } finally {
    for (const { server, client } of pairs.values()) {
      client.stop();
      server.stop();
    }
  }
}

async function runSlice({ server, client }: Pair, workload: string, ms: number, plan: Plan): Promise<Round> {
  await client.ask("run", { workload, ms: plan.settleMs });
  const before = await server.ask("cpuUs");
  const slice = await client.ask("run", { workload, ms });
  return { ...slice, serverCpuUs: (await server.ask("cpuUs")) - before };
}

function summary(own: readonly Round[], base: readonly Round[]): Omit<Result, "workload" | "contender"> {
  const rate = ({ count, ms }: Round) => (count / ms) * 1000;
  const clientCpu = ({ count, cpuUs }: Round) => cpuUs / count;
  const serverCpu = ({ count, serverCpuUs }: Round) => serverCpuUs / count;
  const p50 = ({ p50Us = Number.NaN }: Round) => p50Us;
  const median = (of: (round: Round) => number) => spread(own.map(of)).median;
  const ratio = (of: (round: Round) => number) => spread(ratios(own.map(of), base.map(of)));
  return {
    rate: median(rate),
    clientCpuUs: median(clientCpu),
    serverCpuUs: median(serverCpu),
    rateRatio: ratio(rate),
    cpuRatio: ratio((round) => clientCpu(round) + serverCpu(round)),
    serverCpuRatio: ratio(serverCpu),
    ...(own[0]?.p50Us === undefined ? {} : { p50Us: median(p50), p50Ratio: ratio(p50) }),
  };
}
