import type { Criticality } from "../../core/criticality.ts";

/** How many calls may run at once, and how much they matter. */
export interface ConcurrencyConfig {
  /** Absent: no limit. */
  readonly max?: number;
  /** Lower bound of an adaptive limit. */
  readonly min?: number;
  /** Calls that may wait. */
  readonly queue: number;
  readonly adaptive: "FIXED" | "GRADIENT";
  /** How much calls of the method matter at most, and how much those matter that claim nothing. */
  readonly criticality: Criticality;
}
