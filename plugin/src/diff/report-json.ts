import type { Amplification } from "./amplification.ts";
import { type ChangeClass, changeClasses } from "./change.ts";
import type { Comparison } from "./report.ts";
import { countsOf, type FileName } from "./report-text.ts";

/** The shape of a report in JSON. A field may be added; everything else would be another `version`. */
export interface JsonReport {
  readonly version: 1;
  /** The gravest class. */
  readonly worst: ChangeClass;
  readonly exitCode: number;
  /** How many changes each class has. */
  readonly counts: { readonly [Class in ChangeClass]: number };
  readonly changes: readonly {
    readonly class: ChangeClass;
    /** The method's path, or the full name of a field. */
    readonly subject: string;
    readonly option: string;
    /** null: it was not there. */
    readonly before: string | null;
    /** null: it is no longer there. */
    readonly after: string | null;
    readonly text: string;
    /** Where it is set after the change, counted from 1; null for what is gone. */
    readonly place: { readonly file: string; readonly line: number; readonly column: number } | null;
  }[];
  /** Methods of which a call can become more, fewer or longer. */
  readonly amplification: readonly {
    readonly subject: string;
    readonly before: JsonAmplification;
    readonly after: JsonAmplification;
  }[];
}

/** What one call can become at worst. */
interface JsonAmplification {
  readonly requests: number;
  readonly chain: number;
  /** null: nothing bounds it. */
  readonly longestMs: number | null;
}

/** A report for programs. */
export function jsonReport(comparison: Comparison, { file }: { readonly file: FileName }): JsonReport {
  const { changes, amplification, worst, exitCode } = comparison;
  const none = Object.fromEntries(changeClasses.map((one) => [one, 0])) as JsonReport["counts"];
  return {
    version: 1,
    worst,
    exitCode,
    counts: { ...none, ...Object.fromEntries(countsOf(changes)) },
    changes: changes.map((change) => {
      const { class: grave, subject, option, before = null, after = null, text } = change;
      const at = comparison.locate(change);
      return { class: grave, subject, option, before, after, text, place: at ? { ...at, file: file(at.file) } : null };
    }),
    amplification: amplification.map(({ subject, before, after }) => ({
      subject,
      before: numbersOf(before),
      after: numbersOf(after),
    })),
  };
}

const numbersOf = ({ longestMs, ...others }: Amplification): JsonAmplification => ({
  ...others,
  longestMs: longestMs === Number.POSITIVE_INFINITY ? null : longestMs,
});
