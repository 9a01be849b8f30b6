import type { Rule } from "../../core/policy.ts";
import type { ConcurrencyConfig } from "./config.ts";

/** What must hold for a limit of concurrency. */
export const rules: readonly Rule<ConcurrencyConfig>[] = [
  {
    id: "concurrency/min-above-max",
    severity: "error",
    purpose: "The least limit of concurrency is not above the greatest.",
    check: ({ min, max }) =>
      min !== undefined && max !== undefined && min > max
        ? `min (${min}) is above max (${max}): lower min or raise max`
        : undefined,
  },
  {
    id: "concurrency/min-of-fixed",
    severity: "error",
    purpose: "Only a limit of concurrency that adapts has a least value.",
    check: ({ min, adaptive }) =>
      min !== undefined && adaptive === "FIXED"
        ? "min bounds a limit that adapts, and this one is fixed: set adaptive: GRADIENT or remove min"
        : undefined,
  },
  {
    id: "concurrency/queue-without-limit",
    severity: "error",
    purpose: "A queue has a limit of concurrency to wait for.",
    check: ({ queue, max }) =>
      queue > 0 && max === undefined ? "nobody waits where everybody may run: set max, or remove queue" : undefined,
  },
  {
    id: "concurrency/gradient-of-stream",
    severity: "error",
    purpose: "Only unary methods have a limit that follows latency.",
    check: ({ adaptive }, { kind }) =>
      adaptive === "GRADIENT" && kind !== "unary"
        ? "how long a stream lasts says nothing about load, so no limit can follow it: use a fixed max"
        : undefined,
  },
  {
    id: "concurrency/endless-queue",
    severity: "warning",
    purpose: "Who waits in a queue has a deadline.",
    check: ({ queue }, { policy }) =>
      queue > 0 && !bounded(policy.timeout)
        ? "a caller without a deadline may wait as long as the load lasts: set timeout.total or timeout.max"
        : undefined,
  },
];

/** Whether `timeout` of the same method gives every call a deadline. */
function bounded(timeout: unknown): boolean {
  const { totalMs, maxMs } = (timeout ?? {}) as { readonly totalMs?: number; readonly maxMs?: number };
  return totalMs !== undefined || maxMs !== undefined;
}
