/** A rate as so many in one unit of time. */
export interface WholeRate {
  readonly requests: number;
  readonly unit: "Second" | "Minute" | "Hour" | "Day";
}

const units = [
  ["Second", 1],
  ["Minute", 60],
  ["Hour", 3600],
  ["Day", 86_400],
] as const;

/** What the infrastructure counts with has 32 bits. */
const most = 2 ** 32 - 1;

/** A positive rate per second in the smallest unit of which it is a whole number; rounded down in days when there is none, but at least 1. */
export function wholeRate(perSecond: number): WholeRate {
  for (const [unit, seconds] of units) {
    // Rates come as quotients, such as 24 / 60, whose last digits are rounded.
    const requests = Number((perSecond * seconds).toPrecision(12));
    if (Number.isInteger(requests)) return { requests: Math.min(requests, most), unit };
  }
  return { requests: Math.max(1, Math.floor(perSecond * 86_400)), unit: "Day" };
}
