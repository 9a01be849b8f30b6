import { oneLine } from "../one-line.ts";
import type { Amplification } from "./amplification.ts";
import { type ChangeClass, changeClasses, classTitles } from "./change.ts";
import { type ChangeGroup, groupChanges } from "./group.ts";
import { durationText } from "./option-text.ts";
import type { Comparison } from "./report.ts";

/** How a file of a contract is called where the report is read. */
export type FileName = (file: string) => string;

const reset = "\u001b[0m";
const colours: { readonly [Class in ChangeClass]: string } = {
  none: "\u001b[2m",
  operational: "\u001b[2m",
  semantic: "\u001b[36m",
  load: "\u001b[33m",
  capacity: "\u001b[33m",
  breaking: "\u001b[31m",
  security: "\u001b[1;31m",
};

/** A report for a terminal, the gravest changes first. */
export function textReport(
  comparison: Comparison,
  { colour, file }: { readonly colour: boolean; readonly file: FileName },
): string {
  const paint = (one: ChangeClass, text: string) => (colour ? `${colours[one]}${text}${reset}` : text);
  const groups = groupChanges(comparison.changes);
  const lines: string[] = [];
  for (const one of [...changeClasses].reverse()) {
    const members = groups.filter((group) => group.class === one);
    if (members.length === 0) continue;
    lines.push(paint(one, classTitles[one]));
    for (const group of members) {
      const at = comparison.locate(group);
      const where = at ? `${file(at.file)}:${at.line}:${at.column}: ` : "";
      lines.push(`  ${where}${subjectsOf(group)}`, `    ${oneLine(changeOf(group))}`, `    ${oneLine(group.text)}`);
    }
    lines.push("");
  }
  if (comparison.amplification.length > 0) {
    lines.push("One call at worst");
    for (const { subject, before, after } of comparison.amplification)
      lines.push(`  ${subject}`, `    ${amplificationOf(before)} -> ${amplificationOf(after)}`);
    lines.push("");
  }
  lines.push(summaryOf(comparison));
  return `${lines.join("\n")}\n`;
}

/** One line: how many changes of which class. */
export function summaryOf({ changes }: Comparison): string {
  const counts = countsOf(changes);
  if (counts.length === 0) return "No policy has changed.";
  const texts = counts.map(([one, count]) => `${count} ${classTitles[one].toLowerCase()}`);
  return `${changes.length} ${changes.length === 1 ? "change" : "changes"}: ${texts.join(", ")}`;
}

/** How many changes a class has, the gravest first; classes without any are left out. */
export function countsOf(changes: readonly { readonly class: ChangeClass }[]): (readonly [ChangeClass, number])[] {
  return [...changeClasses]
    .reverse()
    .map((one) => [one, changes.filter((change) => change.class === one).length] as const)
    .filter(([, count]) => count > 0);
}

/** `timeout.total: 2s -> 3s`. */
function changeOf({ option, before, after }: ChangeGroup): string {
  if (before === undefined) return `${option}: added ${after}`;
  return after === undefined ? `${option}: removed, was ${before}` : `${option}: ${before} -> ${after}`;
}

const mostSubjects = 3;

/** The methods of a group. */
function subjectsOf({ subjects }: ChangeGroup): string {
  const rest = subjects.length - mostSubjects;
  return `${subjects.slice(0, mostSubjects).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function amplificationOf({ requests, chain, longestMs }: Amplification): string {
  const below = chain === requests ? "" : `, ${chain} at the end of a chain of services`;
  return `${requests} ${requests === 1 ? "request" : "requests"}${below}, ${longestText(longestMs)}`;
}

/** How long a call may take. */
export const longestText = (ms: number): string => (ms === Number.POSITIVE_INFINITY ? "for ever" : durationText(ms));
