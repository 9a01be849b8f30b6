// Hostile input by the million: npm run fuzz -- --help
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    case: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(`npm run fuzz -- [--requests N] [--seed N] [--case N]
  --requests N  so many, default 1000000
  --seed N      the seed that a run has printed: the same requests again; default random
  --case N      one case of that seed alone`);
  process.exit();
}
const seed = Number(values.seed);
console.log(`seed ${seed}`);
const started = performance.now();
const { requests, cases, statuses, memory, failures } = await fuzz({
  requests: Number(values.requests),
  seed,
  only: values.case === undefined ? undefined : Number(values.case),
  onProgress: (sent, heap) =>
    console.log(`${sent} requests, ${Math.round((performance.now() - started) / 1000)} s, heap ${heap >> 20} MB`),
});
const answers = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
console.log(`${requests} requests over ${cases} connections. Answers: ${answers.join(", ")}`);
console.log(
  `heap ${memory.before} MB after a tenth, ${memory.after} MB at the end, at most ${memory.most} MB of memory`,
);
if (failures.length > 0) {
  console.error(failures.join("\n\n"));
  process.exitCode = 1;
} else console.log("each ended in an answer or a closed connection: no crash, no hang, no 500, bounded memory");
