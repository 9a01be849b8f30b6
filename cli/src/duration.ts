import { type Given, UsageError } from "./command.ts";

const units: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The milliseconds of a flag such as `--timeout 1.5s`, or undefined. A bare number is seconds. Throws a UsageError. */
export function durationOf(given: Given, flag: string): number | undefined {
  const text = given.one(flag);
  if (text === undefined) return undefined;
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`--${flag} ${text} is no duration: write 500ms, 1.5s or 2m`);
  return Number(number) * (units[unit] as number);
}
