import type { DescMethod } from "@bufbuild/protobuf";
import type { CodeGeneratorResponse } from "@bufbuild/protobuf/wkt";
import { createEcmaScriptPlugin } from "@bufbuild/protoplugin";
import manifest from "../package.json" with { type: "json" };
import { analyse } from "./analyse.ts";
import { emitFile, finish, finishRest } from "./emit/file.ts";
import { emitRest } from "./emit/rest.ts";
import { exportAll } from "./export/export.ts";
import type { Exported } from "./export/target.ts";
import { GenerationError } from "./generation-error.ts";
import { lint } from "./lint/run.ts";
import type { FileModel } from "./model.ts";
import { type Documented, openApiFiles } from "./openapi/files.ts";
import { type Parameters, parseParameters } from "./parameters.ts";
import { Problems } from "./problems.ts";
import { type Request, readRequest } from "./request.ts";
import { placeOfRoute } from "./routes.ts";

const { name, version } = manifest;

/** Name and version, as `--version` prints them and generated files name them. */
export const generator = `${name} ${version}`;

/** Takes warnings, one line each. */
export type Warn = (line: string) => void;

/** What a compiler gets back. */
export interface Answer {
  /** The answer without its files: what this plugin supports. */
  readonly head: CodeGeneratorResponse;
  /** Each file is completed when it is taken: with their descriptors, all together can be large. */
  readonly files: Iterable<{ readonly name: string; readonly content: string }>;
}

/**
 * Answers an encoded `google.protobuf.compiler.CodeGeneratorRequest`.
 *
 * Throws `GenerationError` when an option or a parameter is wrong.
 */
export function run(bytes: Uint8Array, warn: Warn): Answer {
  const request = readRequest(bytes);
  const parameters = parseParameters(request.message.parameter);
  const models = new Map<string, FileModel>();
  const documented: Documented[] = [];
  let exported: Exported["files"] = [];
  const plugin = createEcmaScriptPlugin({
    name,
    version,
    generateTs(schema) {
      const analysis = analyse(schema, request, parameters);
      const { files, problems } = analysis;
      lint(schema.files, analysis, request);
      if (!problems.failed) exported = exportAll(analysis, request, parameters);
      for (const line of problems.warnings) warn(line);
      if (problems.failed) throw new GenerationError(problems.errors.join("\n"));
      for (const { file, model } of files) {
        models.set(model.output, model);
        documented.push({ file, model });
        if (!parameters.typeScript) continue;
        emitFile(model, schema.generateFile(model.output), parameters);
        if (!model.rest) continue;
        models.set(model.rest.output, model);
        emitRest(model, model.rest, schema.generateFile(model.rest.output), parameters.runtime);
      }
    },
    // Not reached: the target is always ts. The built-in one would need a TypeScript compiler.
    transpile: () => [],
  });
  // Import paths are complete when they reach protoplugin: it must not change what they end with.
  request.message.parameter = "target=ts,import_extension=js";
  const { file: drafts, ...head } = plugin.run(request.message);
  return {
    head: { ...head, file: [] },
    files: finishAll(drafts, models, exported, documented, request, parameters, warn),
  };
}

function* finishAll(
  drafts: CodeGeneratorResponse["file"],
  models: ReadonlyMap<string, FileModel>,
  exported: Exported["files"],
  documented: readonly Documented[],
  { sources }: Request,
  { openApi, visibility, providers }: Parameters,
  warn: Warn,
): Answer["files"] {
  for (const draft of drafts) {
    const model = models.get(draft.name) as FileModel;
    const complete = draft.name === model.output ? finish : finishRest;
    yield { name: draft.name, content: complete(draft.content, model, generator) };
  }
  yield* exported;
  if (openApi === "none") return;
  const problems = new Problems(sources);
  const leftOut = (method: DescMethod, binding: number, text: string) =>
    problems.warning(placeOfRoute(method, binding), text, "openapi/left-out");
  yield* openApiFiles(documented, openApi === "merged", { sources, visibility, providers, leftOut });
  for (const line of problems.warnings) warn(line);
}
