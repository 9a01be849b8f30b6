import { duration, number } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** What a method promises. */
export interface ObjectiveConfig {
  /** Share of calls that succeed. */
  readonly availability?: number;
  /** Calls of the quantile are answered within this time. */
  readonly latencyMs?: number;
  readonly quantile: number;
}

/** The base of alerts and exports; installs no layer. */
export const objective: Policy<"objective", ObjectiveConfig> = {
  name: "objective",
  option: "objective",
  fields: {
    availability: number("availability", { min: 0.000001, max: 0.999999999 }),
    latencyMs: duration("latency"),
    quantile: number("quantile", { min: 0.000001, max: 0.999999999, fallback: () => 0.99 }),
  },
  reference: {
    example: 'objective: { availability: 0.999 latency: "200ms" quantile: 0.99 }',
    errors: {},
    outcomes: {},
    exports: {},
  },
};
