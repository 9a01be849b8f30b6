import type { Amplification } from "./amplification.ts";
import { type ChangeClass, changeClasses, classTitles } from "./change.ts";
import { type ChangeGroup, groupChanges } from "./group.ts";
import type { Comparison } from "./report.ts";
import { countsOf, type FileName, longestText } from "./report-text.ts";

const meanings: { readonly [Class in ChangeClass]: string } = {
  none: "concerns nobody yet",
  operational: "runs differently; callers need not care",
  semantic: "answers may be older, shared or made up",
  load: "more may be sent, or for longer, when something goes wrong",
  capacity: "callers that were served may be refused",
  breaking: "callers that worked stop working",
  security: "somebody may do or see what was refused before",
};

/** A report fit for a comment on a pull request: a summary to read, details to unfold. */
export function markdownReport(comparison: Comparison, { file }: { readonly file: FileName }): string {
  const { changes, amplification } = comparison;
  if (changes.length === 0) return "### Policy changes\n\nNone: every method resolves to the same policy.\n";
  const groups = groupChanges(changes);
  const summary = table(
    ["Class", "Changes", "What that means"],
    countsOf(changes).map(([one, count]) => [bold(one), String(count), meanings[one]]),
  );
  const details = [...changeClasses].reverse().flatMap((one) => {
    const members = groups.filter((group) => group.class === one);
    return members.length === 0 ? [] : [fold(one, members, comparison, file)];
  });
  const worstCases =
    amplification.length === 0
      ? []
      : [
          "#### One call at worst",
          table(
            ["Method", "Requests", "At the end of a chain of services", "Longest"],
            amplification.map(({ subject, before, after }) => [
              code(subject),
              arrow(before, after, ({ requests }) => String(requests)),
              arrow(before, after, ({ chain }) => String(chain)),
              arrow(before, after, ({ longestMs }) => longestText(longestMs)),
            ]),
          ),
        ];
  return `${["### Policy changes", summary, ...details, ...worstCases].join("\n\n")}\n`;
}

/** The grave classes are unfolded. */
function fold(one: ChangeClass, groups: readonly ChangeGroup[], comparison: Comparison, file: FileName): string {
  const rows = groups.map((group) => {
    const at = comparison.locate(group);
    return [
      group.subjects.map(code).join("<br>"),
      code(group.option),
      group.before === undefined ? "" : code(group.before),
      group.after === undefined ? "" : code(group.after),
      text(group.text),
      at ? code(`${file(at.file)}:${at.line}`) : "",
    ];
  });
  const open = one === "security" || one === "breaking" || one === "capacity" ? " open" : "";
  const title = `<summary>${classTitles[one]}</summary>`;
  const body = table(["Method", "Option", "Before", "After", "So", "Where"], rows);
  return `<details${open}>${title}\n\n${body}\n\n</details>`;
}

const bold = (one: ChangeClass): string =>
  one === "none" || one === "operational" ? classTitles[one] : `**${classTitles[one]}**`;

const arrow = (before: Amplification, after: Amplification, show: (one: Amplification) => string): string =>
  show(before) === show(after) ? show(after) : `${show(before)} → **${show(after)}**`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** Text of a proto file as code: no character of it can end the cell or mean anything. */
function code(given: string): string {
  const line = given.replace(/\s+/g, " ");
  return /[|`]/.test(line) ? `<code>${text(line)}</code>` : `\`${line}\``;
}

/** Text that means nothing to Markdown: no markup, no mention of a user. */
const text = (given: string): string =>
  given.replace(/\s+/g, " ").replace(/[&<>|`*_~@#[\]\\]/g, (one) => `&#${one.charCodeAt(0)};`);
