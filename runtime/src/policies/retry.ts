import type { Code } from "../core/error.ts";
import { choice, duration, flag, nested, number, statusCodes } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** When and how a failed call is sent again. */
export interface RetryConfig {
  /** With the first one. */
  readonly attempts: number;
  /** Codes worth another attempt. */
  readonly on: readonly Code[];
  readonly initialMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
  readonly jitter: "PROPORTIONAL" | "FULL" | "EQUAL" | "NONE";
  /** Also retry an attempt that its own timeout cut off. */
  readonly attemptTimeout: boolean;
  readonly budget: BudgetConfig;
}

/** The share of calls that may be retries. */
export interface BudgetConfig {
  readonly ratio: number;
  readonly floorPerSecond: number;
  readonly windowMs: number;
}

const budgetDefaults: BudgetConfig = { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 };

export const retry: Policy<"retry", RetryConfig> = {
  name: "retry",
  option: "retry",
  fields: {
    attempts: number("attempts", { min: 2, max: 5, fallback: () => 3 }),
    on: statusCodes("on", ["UNAVAILABLE"]),
    initialMs: duration("initial", { fallback: () => 100 }),
    maxMs: duration("max", { fallback: (before) => 10 * (before.initialMs as number) }),
    multiplier: number("multiplier", { min: 1, fallback: () => 2 }),
    jitter: choice("jitter", { fallback: () => "PROPORTIONAL" as const }),
    attemptTimeout: flag("attempt_timeout", { fallback: () => false }),
    budget: nested<BudgetConfig>(
      "budget",
      {
        ratio: number("ratio", { min: 0.001, max: 1, fallback: () => budgetDefaults.ratio }),
        floorPerSecond: number("floor_per_second", { min: 0, fallback: () => budgetDefaults.floorPerSecond }),
        windowMs: duration("window", { fallback: () => budgetDefaults.windowMs }),
      },
      { fallback: () => budgetDefaults },
    ),
  },
};
