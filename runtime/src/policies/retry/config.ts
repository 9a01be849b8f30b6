import type { BudgetConfig } from "../../core/budget.ts";
import type { Code } from "../../core/error.ts";

/** When and how a failed call is sent again. */
export interface RetryConfig {
  /** With the first one. */
  readonly attempts: number;
  /** Codes worth another attempt. */
  readonly on: readonly Code[];
  /** Wait before the second attempt. */
  readonly initialMs: number;
  /** Longest wait. */
  readonly maxMs: number;
  /** Growth of the wait from attempt to attempt. */
  readonly multiplier: number;
  readonly jitter: "PROPORTIONAL" | "FULL" | "EQUAL" | "NONE";
  /** Also retry an attempt that `timeout.attempt` cut off. */
  readonly attemptTimeout: boolean;
  /** Shared by the methods of a service within one client. */
  readonly budget: BudgetConfig;
}
