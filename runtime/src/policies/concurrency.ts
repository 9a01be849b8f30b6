import type { Criticality } from "../core/criticality.ts";
import { choice, number } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** How many calls may run at once, and how much they matter. */
export interface ConcurrencyConfig {
  /** Absent: no limit. */
  readonly max?: number;
  /** Lower bound of an adaptive limit. */
  readonly min?: number;
  /** Calls that may wait. */
  readonly queue: number;
  readonly adaptive: "FIXED" | "GRADIENT";
  /** How much calls of the method matter at most. */
  readonly criticality: Criticality;
}

/** How many calls may run at once, and which go first. Source: Netflix concurrency-limits; Google SRE book, "Handling Overload". */
export const concurrency: Policy<"concurrency", ConcurrencyConfig> = {
  name: "concurrency",
  option: "concurrency",
  fields: {
    adaptive: choice("adaptive", { fallback: () => "FIXED" as const }),
    max: number("max", { min: 1, fallback: ({ adaptive }) => (adaptive === "GRADIENT" ? 200 : undefined) }),
    min: number("min", {
      min: 1,
      fallback: ({ adaptive, max }) => (adaptive === "GRADIENT" ? Math.min(20, max as number) : undefined),
    }),
    queue: number("queue", { min: 0, fallback: () => 0 }),
    criticality: choice("criticality", { fallback: () => "CRITICAL" as const }),
  },
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
