import { join } from "node:path";
import { folder, generators, root, runNode, step, withParameter } from "./run.mjs";

const runs = 3;

/** Time and peak memory of each generator for one request: medians, and how many times ours they are. */
export async function bench(request, count) {
  const results = new Map(Object.keys(generators).map((name) => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (const [name, parameter] of Object.entries(generators)) {
      const input = withParameter(request, parameter);
      const result = await step(`${name}, run ${run + 1} of ${runs}`, () => {
        return runNode(join(root, "node_modules/.bin", name), { input, output: join(folder, "bench.res") });
      });
      if (result.status !== 0) throw new Error(`${name} failed:\n${result.stderr}`);
      results.get(name).push(result);
    }
  }
  const ours = results.get("protoc-gen-mesh");
  const rows = [...results].map(([name, measured]) => {
    const seconds = median(measured.map((one) => one.seconds));
    const bytes = median(measured.map((one) => one.peakBytes));
    return {
      generator: name,
      seconds: seconds.toFixed(2),
      spread: `${Math.min(...measured.map((one) => one.seconds)).toFixed(2)} to ${Math.max(...measured.map((one) => one.seconds)).toFixed(2)}`,
      "time, times ours": (seconds / median(ours.map((one) => one.seconds))).toFixed(1),
      "peak MB": Math.round(bytes / 1e6),
      "memory, times ours": (bytes / median(ours.map((one) => one.peakBytes))).toFixed(1),
    };
  });
  console.log(`${count} service files of google-proto-files, the same request for all, median of ${runs}:`);
  console.table(Object.fromEntries(rows.map(({ generator, ...row }) => [generator, row])));
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
