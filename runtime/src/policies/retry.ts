import { type BudgetConfig, budgetDefaults, budgetFields } from "../core/budget.ts";
import { choice, duration, flag, nested, number, statusCodes } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { RetryConfig } from "./retry/config.ts";
import { retryFailures } from "./retry/layer.ts";
import { rules } from "./retry/rules.ts";

export { backoff } from "./retry/backoff.ts";
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
  reference: {
    example: 'retry: { attempts: 3 on: [UNAVAILABLE] initial: "50ms" }',
    errors: {},
    outcomes: {
      sent: "another attempt was sent; `attempt` is its number",
      exhausted: "another attempt was due, but the budget of the service had none left",
      late: "another attempt was due, but could not have started before the call's deadline",
    },
    exports: {
      "gRPC service config":
        "`retryPolicy`; the spread is always PROPORTIONAL there. `budget` becomes `retryThrottling`, which counts failures instead of calls",
      Envoy:
        "`retry_policy` with `num_retries` one less than `attempts`, `retry_on` for the five codes that it knows, `retry_back_off` (multiplier 2, full jitter), `per_try_timeout`; `budget` is `retry_budget` of the cluster",
      Istio: "`retries` of the route, one less than `attempts`; `budget` is `retryBudget` of the destination rule",
      "Gateway API":
        "`retry` of an HTTPRoute (experimental), which knows no gRPC codes; `budget` is `retryConstraint` of a backend traffic policy",
    },
  },
};
