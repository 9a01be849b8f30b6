import { oneLine } from "../one-line.ts";

const durations: readonly (readonly [string, number])[] = [
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
];

/** Milliseconds as an option says them: `250ms`, `1.5s`, `2m`, `24h`. Infinity: `no limit`. */
export function durationText(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return "no limit";
  const whole = durations.find(([, unit]) => ms >= unit && ms % unit === 0);
  if (whole) return `${ms / whole[1]}${whole[0]}`;
  return ms >= 1000 && ms % 100 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

const rates: readonly (readonly [string, number])[] = [
  ["s", 1],
  ["m", 60],
  ["h", 3600],
];

/** Calls per second as an option says them: `200/s`, `90/m`, `20/h`. */
export function rateText(perSecond: number): string {
  for (const [unit, seconds] of rates) {
    const count = Math.round(perSecond * seconds * 1e6) / 1e6;
    if (Number.isInteger(count) && count > 0) return `${count}/${unit}`;
  }
  return `${Math.round(perSecond * 3600 * 1e6) / 1e6}/h`;
}

/**
 * A value of a resolved policy as an option would say it. `key` is its key there, whose end tells the unit: `totalMs` are
 * milliseconds, `perSecond` is a rate.
 */
export function optionText(key: string, value: unknown): string {
  if (typeof value === "number") {
    if (key.endsWith("Ms")) return durationText(value);
    return key === "perSecond" ? rateText(value) : String(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => optionText("", item)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return oneLine(String(value));
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{ ${fields.map(([name, inner]) => `${name}: ${optionText(name, inner)}`).join(", ")} }`;
}
