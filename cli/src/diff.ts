import { writeFileSync } from "node:fs";
import {
  compareContracts,
  jsonReport,
  markdownReport,
  summaryOf,
  textReport,
  thresholds,
} from "../../plugin/src/library.ts";
import { readAgainst } from "./against.ts";
import { choose } from "./choose.ts";
import { type Command, noAnswer, UsageError } from "./command.ts";
import { contractOf, optFlag } from "./described.ts";
import { filesOf } from "./files.ts";
import { inputOperand, readImage } from "./image.ts";

const formats = ["text", "markdown", "json"] as const;

/** Says what has changed for callers since another version. */
export const diff: Command = {
  summary: "Says what policies promise differently than another version does, and how grave that is.",
  examples: [
    "protomesh diff --against main",
    "protomesh diff proto --against origin/main --format markdown --output policy.md",
    "protomesh diff image.binpb --against released.binpb --format json",
    "protomesh diff --against '.git#branch=main,subdir=proto' --fail-on breaking",
  ],
  operands: [inputOperand],
  flags: [
    {
      name: "against",
      value: "version",
      text: "a git ref such as main or origin/main, a folder, a descriptor set, or what else buf build takes",
    },
    { name: "format", value: "format", text: `${formats.join(", ")}; default text` },
    { name: "output", value: "file", text: "writes the report there, and one line to stdout" },
    {
      name: "fail-on",
      value: "class",
      text: `the mildest class that fails: ${thresholds.join(", ")}; default semantic`,
    },
    optFlag,
  ],
  notes: `Exit codes; the gravest change decides:
  0   no change, operational, or milder than --fail-on
  1   semantic change, load risk
  2   capacity, breaking
  3   security loosened
  64  the command line is wrong
  65  the versions cannot be compared: no such ref, no repository, proto files with errors`,
  failure: noAnswer,
  async run(given) {
    const against = given.one("against");
    if (against === undefined)
      throw new UsageError("--against is missing: name what to compare with, such as --against main");
    const format = choose(given, "format", formats) ?? "text";
    const failOn = choose(given, "fail-on", thresholds) ?? "semantic";
    const [input = "."] = given.operands;

    const file = filesOf(input);
    const opts = given.all("opt");
    const after = contractOf(readImage(input), input, opts, file);
    const before = contractOf(readAgainst(against, input), against, opts, (name) => name);
    const comparison = compareContracts(before, after, failOn);
    const output = given.one("output");
    const report =
      format === "json"
        ? `${JSON.stringify(jsonReport(comparison, { file }), undefined, 2)}\n`
        : format === "markdown"
          ? markdownReport(comparison, { file })
          : textReport(comparison, { colour: output === undefined && coloured(), file });
    if (output === undefined) process.stdout.write(report);
    else {
      write(output, report);
      console.log(summaryOf(comparison));
    }
    return comparison.exitCode;
  },
};

/** Whether stdout shows colours, and they are welcome. Source: no-color.org. */
const coloured = (): boolean => process.stdout.isTTY === true && !process.env.NO_COLOR;

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new Error(`${file}: cannot be written (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}
