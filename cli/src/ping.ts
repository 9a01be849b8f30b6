import { setTimeout as sleep } from "node:timers/promises";
import { createClient, Health, RpcError } from "@protomesh/runtime";
import { type Command, type Given, UsageError } from "./command.ts";
import { addressOperand, connectionFlags, connectionNotes, connectTo, metadataOf } from "./connection.ts";
import { durationOf } from "./duration.ts";
import { printable } from "./failure.ts";

/** The worst of the answers is the exit code. Source: grpc_health_probe, "Exit codes". */
const exits = { serving: 0, usage: 1, unreachable: 2, failed: 3, notServing: 4, interrupted: 130 } as const;

/** Asks a server how it is, and how long that takes. */
export const ping: Command = {
  summary:
    "Asks a server whether it is healthy (grpc.health.v1), several times, and measures how long each answer takes.",
  examples: [
    "protomesh ping localhost:50051",
    "protomesh ping localhost:50051 shop.v1.Inventory -c 1",
    "protomesh ping users:443 -c 0 -i 500ms",
  ],
  operands: [
    addressOperand,
    { name: "service", text: "full name of a service; default: the server as a whole", optional: true },
  ],
  flags: [
    { name: "count", short: "c", value: "number", text: "how often; 0: until Ctrl-C; default 4" },
    { name: "interval", short: "i", value: "duration", text: "from the end of a check to the next; default 1s" },
    { name: "timeout", value: "duration", text: "of one check; default 1s" },
    ...connectionFlags,
  ],
  notes: `${connectionNotes}

The first time includes connecting. Ctrl-C ends it with the summary.

Exit codes, as grpc_health_probe has them; of several checks, the highest:
  0    SERVING
  1    the command line is wrong
  2    no connection
  3    the check failed, such as for a server without health service, or an unknown service
  4    the answer is not SERVING
  130  Ctrl-C before the first answer`,
  failure: { usage: exits.usage, other: exits.usage },
  async run(given) {
    const [address = "", service = ""] = given.operands;
    const count = countOf(given);
    const interval = durationOf(given, "interval") ?? 1_000;
    const timeoutMs = durationOf(given, "timeout") ?? 1_000;
    if (timeoutMs === 0) throw new UsageError("--timeout 0 leaves no time: write 1s, or leave it out");
    const metadata = metadataOf(given);
    const target = connectTo(address, given);
    const health = createClient(Health, target);
    const stop = new AbortController();
    const interrupt = () => stop.abort();
    process.once("SIGINT", interrupt);
    // Without an end, it ends when nobody reads any more.
    if (count === Number.POSITIVE_INFINITY) process.stdout.once("error", interrupt);
    const checks: Check[] = [];
    console.log(`PING ${target.name}${service === "" ? "" : ` ${service}`}`);
    for (let at = 1; at <= count && !stop.signal.aborted; at++) {
      const check = await measure(() =>
        health.check(
          { $typeName: "grpc.health.v1.HealthCheckRequest", service },
          { metadata, timeoutMs, signal: stop.signal },
        ),
      );
      if (stop.signal.aborted) break;
      checks.push(check);
      console.log(`${check.text}  check=${at}  time=${milliseconds(check.time)}`);
      if (at < count) await sleep(interval, undefined, { signal: stop.signal }).catch(() => {});
    }
    process.off("SIGINT", interrupt);
    process.stdout.off("error", interrupt);
    await target.close();
    console.log(summaryOf(target.name, checks));
    return checks.length === 0 ? exits.interrupted : Math.max(...checks.map(({ exit }) => exit));
  },
};

interface Check {
  readonly exit: number;
  readonly text: string;
  /** Milliseconds. */
  readonly time: number;
}

/** Source: grpc/health/v1/health.proto, ServingStatus. */
const states = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;

async function measure(run: () => Promise<{ readonly status: number }>): Promise<Check> {
  const start = performance.now();
  try {
    const { status } = await run();
    const exit = states[status] === "SERVING" ? exits.serving : exits.notServing;
    return { exit, text: states[status] ?? `status ${status}`, time: performance.now() - start };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const exit = error.origin === "transport" ? exits.unreachable : exits.failed;
    return { exit, text: `${error.code}: ${printable(error.text)}`, time: performance.now() - start };
  }
}

function countOf(given: Given): number {
  const text = given.one("count") ?? "4";
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`--count ${text} is no number: write how often, or 0 for until Ctrl-C`);
  return Number(text) || Number.POSITIVE_INFINITY;
}

/** Times of checks that were answered. */
function summaryOf(name: string, checks: readonly Check[]): string {
  const serving = checks.filter(({ exit }) => exit === exits.serving).length;
  const answered = checks.filter(({ exit }) => exit === exits.serving || exit === exits.notServing);
  const times = answered.map(({ time }) => time);
  const lines = [
    `--- ${name}`,
    `${checks.length} check${checks.length === 1 ? "" : "s"}, ${serving} serving, ${checks.length - answered.length} failed`,
  ];
  if (times.length > 0) {
    const average = times.reduce((sum, time) => sum + time, 0) / times.length;
    lines.push(`time min/avg/max = ${[Math.min(...times), average, Math.max(...times)].map(milliseconds).join(" / ")}`);
  }
  return lines.join("\n");
}

const milliseconds = (time: number): string => `${time.toFixed(time < 10 ? 2 : time < 100 ? 1 : 0)} ms`;
