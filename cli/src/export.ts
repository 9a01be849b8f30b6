import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ExportedContract, exportContract, lineOf, targets } from "../../plugin/src/library.ts";
import { type Command, UsageError } from "./command.ts";
import { filesOf } from "./files.ts";
import { inputOperand, readImage } from "./image.ts";

const names = targets.map(({ name }) => name).join(", ");
const column = Math.max(...targets.map(({ name }) => name.length)) + 2;

/** Writes a contract for other enforcement points. */
export const exportCommand: Command = {
  summary: "Writes what proto files promise for another enforcement point, and says what that cannot express.",
  examples: [
    "protomesh export envoy --config mesh.yaml --out deploy",
    "protomesh export service-config proto --opt service_config=grpc-js --out deploy",
    "protomesh export istio proto --config mesh.yaml --out deploy --strict",
  ],
  operands: [{ name: "target", text: `what to write for: ${names}` }, inputOperand],
  flags: [
    {
      name: "config",
      value: "file",
      text: "where services are and whom to trust: mesh.v1.Config as YAML or JSON",
    },
    { name: "out", value: "folder", text: "where files go; without it, a single file goes to stdout" },
    { name: "strict", text: "fails, and writes nothing, when something cannot be expressed" },
    {
      name: "opt",
      value: "key=value",
      many: true,
      text: "a parameter of protoc-gen-mesh, such as --opt service_config=grpc-js or --opt unannotated=post",
    },
  ],
  notes: `Targets:
${targets.map(({ name, summary }) => `  ${name.padEnd(column)}${summary}`).join("\n")}

What a target cannot express is a warning on stderr that says what becomes of it.`,
  async run(given) {
    const [target = "", input = "."] = given.operands;
    if (!targets.some(({ name }) => name === target))
      throw new UsageError(`there is no target ${target}: use ${names}`);
    const { files, findings } = written(target, input, given.one("config"), given.all("opt"));
    const file = filesOf(input);
    const lines = (severity: "error" | "warning") =>
      findings
        .filter((one) => one.severity === severity && (severity === "error" || one.rule.startsWith("export/")))
        .map((one) => lineOf({ ...one, file: one.path ? file(one.file) : one.file }));
    const errors = lines("error");
    if (errors.length > 0)
      throw new Error(`${input} has errors, so nobody can say what it promises:\n${errors.join("\n")}`);
    const losses = lines("warning");
    for (const loss of losses) console.error(loss);
    if (losses.length > 0 && given.has("strict"))
      throw new Error(`${counted(losses.length, "option")} cannot be expressed, and nothing was written`);
    write(files, given.one("out"));
    return 0;
  },
};

function written(target: string, input: string, config: string | undefined, opt: readonly string[]): ExportedContract {
  const image = readImage(input);
  try {
    return exportContract(image, target, [...opt, ...(config === undefined ? [] : [`config=${config}`])]);
  } catch (error) {
    throw new Error(`${input}: ${(error as Error).message}`, { cause: error });
  }
}

function write(files: ExportedContract["files"], out: string | undefined): void {
  if (files.length === 0) throw new Error("there is nothing to write: the input has no services");
  if (out === undefined) {
    const [only, ...others] = files;
    if (others.length > 0) throw new UsageError(`there are ${files.length} files to write: name a folder by --out`);
    process.stdout.write(only?.content ?? "");
    return;
  }
  for (const { name, content } of files) {
    const path = join(out, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  console.error(`${counted(files.length, "file")} in ${out}: ${files.map(({ name }) => name).join(", ")}`);
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
