import type { Contract } from "../contract/contract.ts";
import type { Finding } from "../problems.ts";
import { type AmplificationChange, diffAmplification } from "./amplification.ts";
import { type Change, type ChangeClass, exitCodeOf, type Threshold, worst } from "./change.ts";
import { diffContracts } from "./diff.ts";

/** What a report of two contracts says, whatever its format. */
export interface Comparison {
  readonly changes: readonly Change[];
  readonly amplification: readonly AmplificationChange[];
  /** The gravest class. */
  readonly worst: ChangeClass;
  /** 0 to 3, see `exitCodeOf`. */
  readonly exitCode: number;
  /** Where a change is in the contract after it; undefined for what is gone. */
  locate(change: Pick<Change, "place">): Pick<Finding, "file" | "line" | "column"> | undefined;
}

/** Compares two contracts without errors. `failOn` is the mildest class that fails, see `exitCodeOf`. */
export function compareContracts(before: Contract, after: Contract, failOn?: Threshold): Comparison {
  const changes = diffContracts(before, after);
  return {
    changes,
    amplification: diffAmplification(before, after),
    worst: worst(changes),
    exitCode: exitCodeOf(changes, failOn),
    locate: ({ place }) => place && after.locate(place),
  };
}
