import { type Finding, lineOf } from "../../plugin/src/library.ts";
import { choose } from "./choose.ts";
import { type Command, noAnswer } from "./command.ts";
import { describe, optFlag } from "./described.ts";
import { filesOf } from "./files.ts";
import { inputOperand, readImage } from "./image.ts";

const formats = ["text", "json", "github"] as const;

/** Reports what generation would, without generating. */
export const lint: Command = {
  summary: "Finds what is wrong with the policies and routes of proto files, and what should be looked at.",
  examples: ["protomesh lint", "protomesh lint proto --strict", "protomesh lint proto --format github"],
  operands: [inputOperand],
  flags: [
    {
      name: "format",
      value: "format",
      text: "text, json, or github: annotations of a GitHub Actions workflow; default text",
    },
    { name: "strict", text: "warnings fail, too" },
    optFlag,
  ],
  notes: `Exit codes:
  0   no errors, and with --strict no warnings
  1   findings
  64  the command line is wrong
  65  the proto files do not compile`,
  failure: noAnswer,
  async run(given) {
    const format = choose(given, "format", formats) ?? "text";
    const [input = "."] = given.operands;
    const file = filesOf(input);
    const { findings: found } = describe(readImage(input), input, given.all("opt"));
    const findings = found.map((finding) => ({ ...finding, file: file(finding.file) }));
    const errors = findings.filter(({ severity }) => severity === "error").length;
    process.stdout.write(print[format](findings));
    if (format === "text")
      console.error(`${counted(errors, "error")}, ${counted(findings.length - errors, "warning")}`);
    return errors > 0 || (given.has("strict") && findings.length > 0) ? 1 : 0;
  },
};

const print: { readonly [Format in (typeof formats)[number]]: (findings: readonly Finding[]) => string } = {
  text: (findings) => findings.map((finding) => `${lineOf(finding)}\n`).join(""),
  json: (findings) => `${JSON.stringify({ version: 1, findings: findings.map(jsonOf) }, undefined, 2)}\n`,
  github: (findings) => findings.map((finding) => `${annotation(finding)}\n`).join(""),
};

/** Fields of the JSON output; more may come. */
const jsonOf = ({ severity, rule, file, line, column, subject, text }: Finding) => ({
  severity,
  rule,
  file,
  line,
  column,
  subject,
  text,
});

/** A workflow command. Source: GitHub Actions, "Workflow commands"; escapes as @actions/core has them. */
function annotation({ severity, rule, file, line, column, subject, text }: Finding): string {
  const data = (given: string) => given.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  const property = (given: string) => data(given).replaceAll(":", "%3A").replaceAll(",", "%2C");
  return `::${severity} file=${property(file)},line=${line},col=${column},title=${property(rule)}::${data(`${subject}: ${text}`)}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
