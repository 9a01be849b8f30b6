import { createEcmaScriptPlugin, type Plugin, type Schema } from "@bufbuild/protoplugin";
import manifest from "../package.json" with { type: "json" };
import { buildModel, type Context } from "./build-model.ts";
import { Descriptors } from "./descriptors.ts";
import { emitFile, finish } from "./emit/file.ts";
import { ProtobufEsNames } from "./names/protobuf-es.ts";
import { TsProtoNames } from "./names/ts-proto.ts";
import { Resolver } from "./options/resolve.ts";
import { type Parameters, parseParameters } from "./parameters.ts";
import { GenerationError, Problems } from "./problems.ts";

const { name, version } = manifest;

/** What the plugin's run may be told from outside. */
export interface PluginOptions {
  /** Takes warnings, one line each. Default: they go to stderr. */
  readonly warn?: (line: string) => void;
}

/** The plugin: a `CodeGeneratorRequest` becomes a `CodeGeneratorResponse`. Throws `GenerationError` when an input is wrong. */
export function createPlugin({ warn = console.error }: PluginOptions = {}): Plugin {
  return {
    name,
    version,
    run(request) {
      const parameters = parseParameters(request.parameter);
      const sources = new Map<string, string>();
      const inner = createEcmaScriptPlugin({
        name,
        version,
        generateTs: (schema) => generate(schema, parameters, sources, warn),
        transpile: () => [],
      });
      // Paths are complete when they reach protoplugin; it must not change their extensions.
      const response = inner.run({ ...request, parameter: "target=ts,import_extension=js" });
      for (const file of response.file) {
        file.content = finish(file.content, `${name} ${version}`, sources.get(file.name) as string);
      }
      return response;
    },
  };
}

function generate(schema: Schema, parameters: Parameters, sources: Map<string, string>, warn: (line: string) => void) {
  const problems = new Problems();
  const generated = new Set(schema.files.map((file) => file.proto.name));
  const context: Context = {
    problems,
    resolver: new Resolver(problems),
    descriptors: new Descriptors(schema.proto.protoFile),
    messages:
      parameters.messages === "ts-proto"
        ? new TsProtoNames(parameters.tsProto, problems)
        : new ProtobufEsNames(parameters.importExtension, generated),
  };
  const models = schema.files.flatMap((file) => buildModel(file, context) ?? []);
  for (const line of problems.warnings) warn(line);
  if (problems.failed) throw new GenerationError(problems.errors.join("\n"));
  for (const model of models) {
    sources.set(model.output, model.source);
    emitFile(model, schema.generateFile(model.output), parameters);
  }
}
