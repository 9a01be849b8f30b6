import type { Code } from "../../core/error.ts";

/** Faults that a run-time configuration injects into the calls of a method. */
export interface FaultConfig {
  /** On which side the calls are disturbed. */
  readonly side: "CLIENT" | "SERVER";
  /** Makes calls wait, `percent` of them: 0 to 100, in steps of a ten-thousandth. */
  readonly delay?: { readonly ms: number; readonly percent: number };
  /** Makes calls fail, `percent` of them, delayed or not: 0 to 100, in steps of a ten-thousandth. */
  readonly abort?: { readonly code: Code; readonly percent: number };
  /** Only calls whose request metadata has this key are disturbed, such as `x-fault`. Default: all. */
  readonly header?: string;
  /** While so many calls of the method are being delayed, others pass undisturbed. Default: no limit. */
  readonly maxActive?: number;
}
