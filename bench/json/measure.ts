import { start } from "../child.ts";
import type { Plan } from "../plan.ts";
import { interleave, type Progress } from "../rounds.ts";
import { spread } from "../stats.ts";
import { figure, type Table } from "../table.ts";
import type { JsonAnswers } from "./main.ts";

/** Messages per slice, for each millisecond that a slice of a comparison would last. */
const timesPerMs = 20;

/** What a message costs between JSON and objects, in nanoseconds. */
export async function measureJson(plan: Plan, progress: Progress): Promise<Table> {
  const child = start<JsonAnswers>("JSON", "json/main", []);
  try {
    const names = await child.ask("prepare");
    const results = await interleave(names, plan.rounds, (name, round) => {
      progress(`JSON: ${typeof round === "number" ? `round ${round + 1} of ${plan.rounds}` : round}, ${name}`);
      return child.ask("run", { name, times: timesPerMs * (round === "warm-up" ? plan.warmUpMs : plan.sliceMs) });
    });
    return {
      title: "ProtoJSON: CPU time per message",
      head: ["", "ns", "quartiles", "times protobuf-es's speed"],
      rows: names.map((name) => {
        const own = results.get(name) as number[];
        // Each job of three contenders begins with protobuf-es.
        const theirs = results.get(`${name.slice(0, name.indexOf(":"))}: protobuf-es`) as number[];
        const { median, low, high } = spread(own);
        const faster = spread(own.map((ns, round) => (theirs[round] as number) / ns)).median;
        return [name, figure(median), `${figure(low)} to ${figure(high)}`, faster.toFixed(2)];
      }),
    };
  } finally {
    child.stop();
  }
}
