import type { BudgetConfig, MethodPolicy } from "@protomesh/runtime/policies";
import { duration, percent, plain, roughly } from "./format.ts";
import type { Attempt, Wait, WorstCase } from "./worst-case.ts";

/** What a worst case means, in sentences. */
export function worstText(worst: WorstCase, policy: MethodPolicy): string {
  const { sends, attempts, longestMs, idleMs } = worst;
  const finite = Number.isFinite(longestMs);
  const ends = `over after at most ${roughly(longestMs)}`;
  const sentences =
    sends === "once"
      ? [`Sent once, ${finite ? ends : "without a deadline"}.`]
      : [
          `At worst ${attempts.length} times the load of its callers, ${finite ? ends : "without a bound in time"}.`,
          ...(sends === "retries" ? ofRetries(worst, policy.retry) : ofHedges(worst)),
          ...ofBudget((sends === "retries" ? policy.retry : policy.hedge)?.budget),
        ];
  if (idleMs !== undefined && idleMs <= longestMs) sentences.push(`A silence of ${duration(idleMs)} ends it, too.`);
  const other = policy.fallback?.method;
  if (other !== undefined) sentences.push(`When that has failed, \`${other}\` is called in what is left of the time.`);
  return sentences.join(" ");
}

function ofRetries({ attempts, bounded }: WorstCase, retry: MethodPolicy["retry"]): string[] {
  const waits = attempts.flatMap(({ wait }) => (wait ? [waitText(wait)] : []));
  const sentences = [`Waits: ${waits.join(", ")}, unless the server asks for others.`];
  if (!bounded)
    sentences.push("An attempt has no time of its own: each is drawn as if the ones before failed at once.");
  else if (!retryCut(retry))
    sentences.push("An attempt that uses up its time ends the call; those drawn fail just before.");
  return sentences;
}

const ofHedges = ({ attempts, percentile }: WorstCase): string[] => [
  percentile === undefined
    ? `The next request is sent after ${duration(attempts[1]?.wait?.ms ?? 0)}, or at once after a failure that \`keep_going_on\` names, unless the server asks for a wait.`
    : `The next request is sent when an answer takes longer than ${percentile} % of the latest did: measured, so the drawing has the order alone.`,
];

/** One client's retries and hedges share it. */
const ofBudget = (budget: BudgetConfig | undefined): string[] =>
  budget
    ? [
        `What a client sends again stays within ${percent(budget.ratio)} of its calls to the service in ${duration(budget.windowMs)}, and ${plain(budget.floorPerSecond)} a second besides.`,
      ]
    : [];

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
