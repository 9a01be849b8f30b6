import { type BudgetConfig, budgetDefaults, budgetFields } from "../core/budget.ts";
import { choice, duration, flag, nested, number, statusCodes } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { RetryConfig } from "./retry/config.ts";
import { retryFailures } from "./retry/layer.ts";
import { rules } from "./retry/rules.ts";

export type { RetryConfig } from "./retry/config.ts";

/** Sends failed calls again, within a budget. Source: gRFC A6; the budget follows Finagle's RetryBudget. */
export const retry: Policy<"retry", RetryConfig> = {
  name: "retry",
  option: "retry",
  enabledBy: "attempts",
  fields: {
    attempts: number("attempts", { min: 2, max: 5 }),
    on: statusCodes("on", ["UNAVAILABLE"]),
    initialMs: duration("initial", { fallback: () => 100 }),
    maxMs: duration("max", { fallback: (before) => 10 * (before.initialMs as number) }),
    multiplier: number("multiplier", { min: 1, fallback: () => 2 }),
    jitter: choice("jitter", { fallback: () => "PROPORTIONAL" as const }),
    attemptTimeout: flag("attempt_timeout", { fallback: () => false }),
    budget: nested<BudgetConfig>("budget", budgetFields, { fallback: () => budgetDefaults }),
  },
  client: retryFailures,
  rules,
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
