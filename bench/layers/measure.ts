import { start } from "../child.ts";
import type { Plan } from "../plan.ts";
import { interleave, type Progress } from "../rounds.ts";
import { type Spread, spread } from "../stats.ts";
import { figure, type Table } from "../table.ts";
import type { LayerAnswers } from "./main.ts";

/** Calls per slice, for each millisecond that a slice of a comparison would last. */
const callsPerMs = 50;

/** What each layer adds to a call, in nanoseconds. */
export async function measureLayers(plan: Plan, progress: Progress): Promise<Table> {
  const child = start<LayerAnswers>("the layers", "layers/main", []);
  try {
    const names = await child.ask("prepare");
    const results = await interleave(names, plan.rounds, (name, round) => {
      progress(`Layers: ${typeof round === "number" ? `round ${round + 1} of ${plan.rounds}` : round}, ${name}`);
      return child.ask("run", { name, calls: callsPerMs * (round === "warm-up" ? plan.warmUpMs : plan.sliceMs) });
    });
    const [bare = "", ...others] = names;
    const base = results.get(bare) as number[];
    return {
      title: "Layers: CPU time per call",
      head: ["", "ns", "quartiles"],
      rows: [
        row(bare, spread(base)),
        ...others.map((name) => {
          const own = results.get(name) as number[];
          return row(name, spread(own.map((ns, round) => ns - (base[round] as number))), "+");
        }),
      ],
    };
  } finally {
    child.stop();
  }
}

const row = (name: string, { median, low, high }: Spread, sign = ""): string[] => [
  name,
  `${median < 0 ? "" : sign}${figure(median)}`,
  `${figure(low)} to ${figure(high)}`,
];
