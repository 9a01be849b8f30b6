import type { MethodPolicy } from "@protomesh/runtime/policies";
import { duration, percent, plain, roughly } from "./format.ts";
import type { Attempt, Wait, WorstCase } from "./worst-case.ts";

/** What a worst case means, in sentences. */
export function worstText(worst: WorstCase, { retry, hedge }: MethodPolicy): string {
  const { sends, attempts, longestMs, bounded, percentile, idleMs } = worst;
  const ends = Number.isFinite(longestMs) ? `over after at most ${roughly(longestMs)}` : "without a bound in time";
  const budget = (sends === "retries" ? retry : hedge)?.budget;
  const silence = idleMs === undefined || idleMs > longestMs ? "" : ` A silence of ${duration(idleMs)} ends it, too.`;
  if (sends === "once") return `Sent once, ${Number.isFinite(longestMs) ? ends : "without a deadline"}.${silence}`;
  const waits = attempts.flatMap(({ wait }) => wait ?? []);
  return [
    `At worst ${attempts.length} times the load of its callers, ${ends}.`,
    ...(sends === "retries" ? [`Waits: ${waits.map(waitText).join(", ")}, unless the server asks for others.`] : []),
    ...(sends === "hedges" && percentile === undefined
      ? [
          `The next request is sent after ${duration(waits[0]?.ms ?? 0)}, or at once after a failure that \`keep_going_on\` names.`,
        ]
      : []),
    ...(percentile === undefined
      ? []
      : [
          `The next request is sent when an answer takes longer than ${percentile} % of the latest did: measured, so the drawing has the order alone.`,
        ]),
    ...(sends === "retries" && !bounded
      ? ["An attempt has no time of its own: each is drawn as if the ones before failed at once."]
      : []),
    ...(sends === "retries" && bounded && !retryCut(retry)
      ? ["An attempt that uses up its time ends the call; those drawn fail just before."]
      : []),
    ...(budget
      ? [
          `All ${sends} of the service stay within ${percent(budget.ratio)} of its calls in ${duration(budget.windowMs)}, and ${plain(budget.floorPerSecond)} a second besides.`,
        ]
      : []),
  ].join(" ");
}

/** Whether an attempt that its time cut off is followed by another. */
const retryCut = (retry: MethodPolicy["retry"]): boolean =>
  retry !== undefined && (retry.attemptTimeout || retry.on.includes("DEADLINE_EXCEEDED"));

const waitText = ({ ms, lowestMs, highestMs }: Wait): string =>
  lowestMs === highestMs ? roughly(ms) : `${roughly(ms)} (${roughly(lowestMs)} to ${roughly(highestMs)})`;

/** The same for readers who do not see the drawing, attempt by attempt. */
export function worstDescription({ attempts, sends, deadlineMs, overMs, percentile }: WorstCase): string {
  const name = sends === "hedges" ? "Request" : "Attempt";
  const one = ({ startMs, endMs, fits }: Attempt, n: number): string => {
    if (fits === "late") return `${name} ${n + 1} is not sent.`;
    const start =
      percentile === undefined || n === 0 ? `starts at ${roughly(startMs)}` : "starts after a measured delay";
    const lastMs = percentile === undefined ? endMs : overMs;
    const until =
      fits === "cut"
        ? `and is cut off at ${roughly(overMs)}`
        : Number.isFinite(lastMs)
          ? `and ends by ${roughly(lastMs)}`
          : "and has no end of its own";
    return `${name} ${n + 1} ${start} ${until}.`;
  };
  const deadline = Number.isFinite(deadlineMs) ? `The deadline is ${duration(deadlineMs)}.` : "There is no deadline.";
  return [...attempts.map(one), deadline].join(" ");
}
