import type { BudgetConfig } from "../../core/budget.ts";
import type { Code } from "../../core/error.ts";

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
