import type { Comparison, Result } from "./compare.ts";
import type { Spread } from "./stats.ts";
import { figure, type Table } from "./table.ts";

/** Overviews of ratios, then one table per workload. */
export function comparisonTables(
  { title, baseline, contenders, workloads }: Comparison,
  results: readonly Result[],
): Table[] {
  const names = workloads.map(({ name }) => name);
  const timed = names.filter((name) => results.some(({ workload, p50Us }) => workload === name && p50Us !== undefined));
  const overview = (what: string, columns: readonly string[], of: (result: Result) => Spread | undefined): Table => ({
    title: `${title}: ${what} as a ratio to ${baseline}`,
    head: ["", ...columns],
    rows: contenders.map((contender) => [
      contender,
      ...columns.map((name) =>
        ratio(results.filter((one) => one.workload === name && one.contender === contender).map(of)[0]),
      ),
    ]),
  });
  return [
    overview("rate (more is better)", names, ({ rateRatio }) => rateRatio),
    overview("CPU time of both sides (less is better)", names, ({ cpuRatio }) => cpuRatio),
    ...(timed.length > 0 ? [overview("median latency (less is better)", timed, ({ p50Ratio }) => p50Ratio)] : []),
    ...workloads.map(({ name, unit }) =>
      detail(
        `${title}: ${name}`,
        unit,
        results.filter(({ workload }) => workload === name),
      ),
    ),
  ];
}

function detail(title: string, unit: string, results: readonly Result[]): Table {
  const timed = results.some(({ p50Us }) => p50Us !== undefined);
  const times = timed ? ["p50, µs", "p50 ratio"] : [];
  return {
    title,
    head: ["", ...times, `${unit}s/s`, "rate ratio", "client CPU, µs", "server CPU, µs", "CPU ratio"],
    rows: results.map((result) => [
      result.contender,
      ...(timed ? [figure(result.p50Us ?? Number.NaN), ratio(result.p50Ratio)] : []),
      figure(result.rate),
      ratio(result.rateRatio),
      figure(result.clientCpuUs),
      figure(result.serverCpuUs),
      ratio(result.cpuRatio),
    ]),
  };
}

/** `0.97 [0.95, 0.99]`: median and quartiles. */
const ratio = (value: Spread | undefined): string =>
  value ? `${value.median.toFixed(2)} [${value.low.toFixed(2)}, ${value.high.toFixed(2)}]` : "";
