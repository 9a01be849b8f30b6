import { type BudgetConfig, budgetDefaults, budgetFields } from "../core/budget.ts";
import type { Code } from "../core/error.ts";
import { duration, number, type OptionRecord, parseFields, statusCodes } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** When and how a second request is sent before the first has failed. */
export interface HedgeConfig {
  /** With the first one. */
  readonly attempts: number;
  /** How long each request gets before the next is sent. Absent: by the percentile. */
  readonly delayMs?: number;
  /** The percentile of the latest latencies that is the delay. */
  readonly percentile?: number;
  /** Codes after which the next request is sent at once. */
  readonly keepGoingOn: readonly Code[];
  /** Shared with the retries of the service's other methods. */
  readonly budget: BudgetConfig;
}

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
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
