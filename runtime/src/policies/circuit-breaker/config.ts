import type { Code } from "../../core/error.ts";

/** When a method is not called any more. */
export interface CircuitBreakerConfig {
  /** True: a share of the calls is refused. False: all or none. */
  readonly adaptive: boolean;
  /** Share of failures at which it opens; adaptive: the share that is borne. */
  readonly ratio: number;
  readonly minCalls: number;
  /** How long a call counts. */
  readonly windowMs: number;
  /** How long it stays open the first time. */
  readonly openMs: number;
  /** Calls let through when that is over. */
  readonly probes: number;
  /** Codes that are failures. */
  readonly on: readonly Code[];
  /** A slower answer is a failure too. */
  readonly slowMs?: number;
  /** Set by a run-time configuration. */
  readonly force: "NONE" | "OPEN" | "CLOSED";
}
