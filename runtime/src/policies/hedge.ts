import { type BudgetConfig, budgetDefaults, budgetFields } from "../core/budget.ts";
import { duration, number, type OptionRecord, parseFields, statusCodes } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { HedgeConfig } from "./hedge/config.ts";
import { hedgeCalls } from "./hedge/layer.ts";
import { rules } from "./hedge/rules.ts";

export type { HedgeConfig } from "./hedge/config.ts";

/** Sends a second request before the first has failed. Source: gRFC A6, "Hedging"; Finagle's BackupRequestFilter. */
export const hedge: Policy<"hedge", HedgeConfig> = {
  name: "hedge",
  option: "hedge",
  enabledBy: "attempts",
  fields: {
    attempts: number("attempts", { min: 2, max: 5 }),
    delayMs: duration("delay"),
    percentile: number("percentile", { min: 50, max: 99 }),
    keepGoingOn: statusCodes("keep_going_on", ["UNAVAILABLE"]),
    budget: {
      option: "",
      parse: (value) => value as unknown as BudgetConfig,
      fallback: (_, { retry }) => {
        const { budget } = (retry ?? {}) as OptionRecord;
        return budget ? parseFields<BudgetConfig>(budgetFields, budget as OptionRecord) : budgetDefaults;
      },
    },
  },
  client: hedgeCalls,
  rules,
  reference: {
    example: 'hedge: { attempts: 2 delay: "80ms" }',
    errors: {},
    outcomes: {
      sent: "another request was sent while none had been answered; `attempt` is its number",
      won: "the answer came from another request than the first; `attempt` is its number",
      throttled: "another request was due, but the budget of the service had none left",
    },
    exports: {
      "gRPC service config":
        "`hedgingPolicy` with `maxAttempts`, `hedgingDelay` and `nonFatalStatusCodes`; `percentile` has no counterpart. @grpc/grpc-js hedges beyond `retryThrottling`, and gives up at a pushback of -1",
      Envoy:
        "`hedge_policy.hedge_on_per_try_timeout` with `per_try_timeout` as the delay and `num_retries` one less than `attempts`: close, not the same",
    },
  },
};
