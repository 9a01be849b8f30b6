import type { DescFile } from "@bufbuild/protobuf";
import type { CodeGeneratorResponse } from "@bufbuild/protobuf/wkt";
import { createEcmaScriptPlugin, type Schema } from "@bufbuild/protoplugin";
import manifest from "../package.json" with { type: "json" };
import { buildModel, type Context } from "./build-model.ts";
import { type Fields, protobufEs, tsProto, unknown } from "./cel/fields.ts";
import { Comments } from "./comments.ts";
import { Descriptors } from "./descriptors.ts";
import { emitFile, finish, finishRest } from "./emit/file.ts";
import { emitRest } from "./emit/rest.ts";
import { GenerationError } from "./generation-error.ts";
import type { FileModel } from "./model.ts";
import { ProtobufEsNames } from "./names/protobuf-es.ts";
import { camelCase, TsProtoNames } from "./names/ts-proto.ts";
import { type Documented, openApiFiles } from "./openapi/files.ts";
import { Resolver } from "./options/resolve.ts";
import { type Parameters, parseParameters } from "./parameters.ts";
import { Problems } from "./problems.ts";
import { type Request, readRequest } from "./request.ts";
import { jsonName, restModel } from "./rest.ts";
import { type ExternalRule, type RouteSources, Routes } from "./routes.ts";
import { parseServiceConfig, readServiceConfig } from "./service-config.ts";

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
  const plugin = createEcmaScriptPlugin({
    name,
    version,
    generateTs(schema) {
      for (const { file, model } of buildModels(schema, request, parameters, warn)) {
        models.set(model.output, model);
        documented.push({ file, model });
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
  return { head: { ...head, file: [] }, files: finishAll(drafts, models, documented, request, parameters) };
}

/**
 * What the files of an encoded `google.protobuf.compiler.CodeGeneratorRequest` say, without printing it.
 *
 * Throws `GenerationError` when an option or a parameter is wrong.
 */
export function readModels(bytes: Uint8Array, warn: Warn): readonly FileModel[] {
  const request = readRequest(bytes);
  const parameters = parseParameters(request.message.parameter);
  const models: FileModel[] = [];
  const plugin = createEcmaScriptPlugin({
    name,
    version,
    generateTs: (schema) =>
      void models.push(...buildModels(schema, request, parameters, warn).map(({ model }) => model)),
    transpile: () => [],
  });
  request.message.parameter = "target=ts,import_extension=js";
  plugin.run(request.message);
  return models;
}

function* finishAll(
  drafts: CodeGeneratorResponse["file"],
  models: ReadonlyMap<string, FileModel>,
  documented: readonly Documented[],
  { sources }: Request,
  { openApi, visibility, providers }: Parameters,
): Answer["files"] {
  for (const draft of drafts) {
    const model = models.get(draft.name) as FileModel;
    const complete = draft.name === model.output ? finish : finishRest;
    yield { name: draft.name, content: complete(draft.content, model, generator) };
  }
  if (openApi !== "none") yield* openApiFiles(documented, openApi === "merged", { sources, visibility, providers });
}

function fieldsOf({ messages, tsProto: { camelCaseNames }, tsProtoFields }: Parameters): Fields {
  if (messages === "protobuf-es") return protobufEs;
  return tsProtoFields === "other"
    ? unknown
    : tsProto(camelCaseNames ? camelCase : (name) => name, tsProtoFields.longs);
}

/** The model with what a client for browsers needs, when one was asked for. */
function withRest(file: DescFile, model: FileModel, { messages }: Context, parameters: Parameters): FileModel {
  const { rest, useJsonName, tsProto, importExtension } = parameters;
  if (!rest) return model;
  const key = (name: string) => (useJsonName ? jsonName(name) : tsProto.camelCaseNames ? camelCase(name) : name);
  const mesh = `./${file.name}_mesh${importExtension}`;
  return { ...model, rest: restModel(file, mesh, rest, { message: (desc) => messages.message(desc), key }) };
}

/** Rules from outside the proto files. Throws `GenerationError` when a file of them cannot be read. */
function routeSources(schema: Schema, parameters: Parameters, problems: Problems): RouteSources {
  const { unannotated, apiConfigurations } = parameters;
  if (apiConfigurations.length === 0) return { unannotated, external: new Map() };
  const services = schema.allFiles.flatMap((file) => file.services);
  const methods = services.flatMap((service) => service.methods.map(({ name }) => `${service.typeName}.${name}`));
  const external = new Map<string, ExternalRule>();
  for (const path of apiConfigurations) parseServiceConfig(path, readServiceConfig(path), methods, external, problems);
  return { unannotated, external };
}

function buildModels(schema: Schema, request: Request, parameters: Parameters, warn: Warn): Documented[] {
  const problems = new Problems(request.sources);
  const generated = new Set(schema.files.map((file) => file.proto.name));
  const context: Context = {
    problems,
    comments: new Comments(request.sources),
    resolver: new Resolver(problems),
    descriptors: new Descriptors(request),
    messages:
      parameters.messages === "ts-proto"
        ? new TsProtoNames(parameters.tsProto, problems)
        : new ProtobufEsNames(parameters.importExtension, generated),
    fields: fieldsOf(parameters),
    routes: new Routes(problems, routeSources(schema, parameters, problems)),
  };
  const models = schema.files.flatMap((file) => {
    const model = buildModel(file, context);
    return model ? [{ file, model: withRest(file, model, context, parameters) }] : [];
  });
  for (const line of problems.warnings) warn(line);
  if (problems.failed) throw new GenerationError(problems.errors.join("\n"));
  return models;
}
