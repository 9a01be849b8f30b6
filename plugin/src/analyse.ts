import type { DescFile } from "@bufbuild/protobuf";
import type { Analysis } from "./analysis.ts";
import { buildModel, type Context } from "./build-model.ts";
import { type Fields, protobufEs, tsProto, unknown } from "./cel/fields.ts";
import { Comments } from "./comments.ts";
import { Descriptors } from "./descriptors.ts";
import type { FileModel } from "./model.ts";
import { ProtobufEsNames } from "./names/protobuf-es.ts";
import { camelCase, TsProtoNames } from "./names/ts-proto.ts";
import { Resolver } from "./options/resolve.ts";
import type { Parameters } from "./parameters.ts";
import { Problems } from "./problems.ts";
import type { Request } from "./request.ts";
import { jsonName, restModel } from "./rest.ts";
import { type ExternalRule, type RouteSources, Routes } from "./routes.ts";
import { parseServiceConfig, readServiceConfig } from "./service-config.ts";

/** Files as descriptors. */
export interface Schema {
  /** What to look at. */
  readonly files: readonly DescFile[];
  /** With what they import. */
  readonly allFiles: readonly DescFile[];
}

/** The parameters that say how files are read. */
export type AnalysisParameters = Pick<
  Parameters,
  | "messages"
  | "importExtension"
  | "tsProto"
  | "tsProtoFields"
  | "useJsonName"
  | "rest"
  | "unannotated"
  | "apiConfigurations"
>;

/** Checks files and turns them into models. Throws `GenerationError` when a file of routes cannot be read. */
export function analyse(schema: Schema, request: Request, parameters: AnalysisParameters): Analysis {
  const problems = new Problems(request.sources);
  const resolver = new Resolver(problems);
  const generated = new Set(schema.files.map((file) => file.proto.name));
  const context: Context = {
    problems,
    comments: new Comments(request.sources),
    resolver,
    descriptors: new Descriptors(request),
    messages:
      parameters.messages === "ts-proto"
        ? new TsProtoNames(parameters.tsProto, problems)
        : new ProtobufEsNames(parameters.importExtension, generated),
    fields: fieldsOf(parameters),
    routes: new Routes(problems, routeSources(schema, parameters, problems)),
  };
  const files = schema.files.flatMap((file) => {
    const model = buildModel(file, context);
    return model ? [{ file, model: withRest(file, model, context, parameters) }] : [];
  });
  return { files, problems, resolver };
}

function fieldsOf({ messages, tsProto: { camelCaseNames }, tsProtoFields }: AnalysisParameters): Fields {
  if (messages === "protobuf-es") return protobufEs;
  return tsProtoFields === "other"
    ? unknown
    : tsProto(camelCaseNames ? camelCase : (name) => name, tsProtoFields.longs);
}

/** The model with what a client for browsers needs, when one was asked for. */
function withRest(file: DescFile, model: FileModel, { messages }: Context, parameters: AnalysisParameters): FileModel {
  const { rest, useJsonName, tsProto, importExtension } = parameters;
  if (!rest) return model;
  const key = (name: string) => (useJsonName ? jsonName(name) : tsProto.camelCaseNames ? camelCase(name) : name);
  const mesh = `./${file.name}_mesh${importExtension}`;
  return { ...model, rest: restModel(file, mesh, rest, { message: (desc) => messages.message(desc), key }) };
}

/** Rules from outside the proto files. Throws `GenerationError` when a file of them cannot be read. */
function routeSources(schema: Schema, parameters: AnalysisParameters, problems: Problems): RouteSources {
  const { unannotated, apiConfigurations } = parameters;
  if (apiConfigurations.length === 0) return { unannotated, external: new Map() };
  const services = schema.allFiles.flatMap((file) => file.services);
  const methods = services.flatMap((service) => service.methods.map(({ name }) => `${service.typeName}.${name}`));
  const external = new Map<string, ExternalRule>();
  for (const path of apiConfigurations) parseServiceConfig(path, readServiceConfig(path), methods, external, problems);
  return { unannotated, external };
}
