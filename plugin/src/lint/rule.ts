import type { DescFile } from "@bufbuild/protobuf";
import type { ServiceContract } from "../contract/contract.ts";
import type { Resolver } from "../options/resolve.ts";
import type { Place } from "../problems.ts";

/** What a list of rules says about one. */
export interface RuleInfo {
  /** `<policy>/<what>`, such as `timeout/missing`. */
  readonly id: string;
  /** An error fails generation; a warning is printed. */
  readonly severity: "error" | "warning";
  /** What should be so: one sentence of at most 256 characters, from a capital to a full stop. */
  readonly purpose: string;
}

/** A check on files, services, profiles or fields: what concerns one policy of one method is a rule of that policy. */
export interface LintRule extends RuleInfo {
  readonly check: (subject: Subject, report: Report) => void;
}

/** What the files of a run that use options of `mesh.v1` say. Files that use none are nobody's concern. */
export interface Subject {
  readonly files: readonly DescFile[];
  /** Their services, with the methods whose options are right by themselves. */
  readonly services: readonly ServiceContract[];
  readonly resolver: Resolver;
}

/** Takes a finding: where it is, what is wrong and the remedy, and the method that has it when the place is above that. */
export type Report = (place: Place, text: string, method?: string) => void;
