import { type Given, UsageError } from "./command.ts";

/** One of the values that a flag may have, or undefined. Throws a UsageError for another one. */
export function choose<T extends string>(given: Given, flag: string, values: readonly T[]): T | undefined {
  const value = given.one(flag);
  if (value === undefined || (values as readonly string[]).includes(value)) return value as T | undefined;
  throw new UsageError(`--${flag} ${value} is unknown: use ${values.join(", ")}`);
}
