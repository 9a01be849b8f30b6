import { create, createFileRegistry, type DescFile, type FileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  CodeGeneratorRequestSchema,
  type FileDescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { analyse } from "./analyse.ts";
import type { Analysis } from "./analysis.ts";
import { type Contract, contractOf } from "./contract/contract.ts";
import { exportAll } from "./export/export.ts";
import type { Exported } from "./export/target.ts";
import { targets as exportTargets } from "./export/targets.ts";
import { GenerationError } from "./generation-error.ts";
import { lint } from "./lint/run.ts";
import type { ServiceModel } from "./model.ts";
import { type Parameters, parseParameters } from "./parameters.ts";
import type { Warn } from "./plugin.ts";
import type { Finding } from "./problems.ts";
import { type Request, readRequest } from "./request.ts";

export type { Contract, MethodContract, ServiceContract } from "./contract/contract.ts";
export {
  type Change,
  type ChangeClass,
  changeClasses,
  classTitles,
  exitCodeOf,
  type Threshold,
  thresholds,
  worst,
} from "./diff/change.ts";
export { diffContracts } from "./diff/diff.ts";
export { type EffectiveOption, effectiveOptions } from "./diff/effective-options.ts";
export { type ChangeGroup, groupChanges } from "./diff/group.ts";
export { type Comparison, compareContracts } from "./diff/report.ts";
export { type JsonReport, jsonReport } from "./diff/report-json.ts";
export { markdownReport } from "./diff/report-markdown.ts";
export { summaryOf, textReport } from "./diff/report-text.ts";
export { GenerationError } from "./generation-error.ts";
export type { MethodModel, ServiceModel } from "./model.ts";
export { type Finding, lineOf } from "./problems.ts";

/** What a descriptor set says: the same as generated code would, as data. */
export interface DescribedServices {
  readonly services: readonly (ServiceModel & {
    /** Base64 of a `google.protobuf.FileDescriptorSet`: the file of the service and what it needs. */
    readonly descriptors: () => string;
  })[];
  /** Everything that the set declares. */
  readonly registry: FileRegistry;
}

/** What a descriptor set promises, and everything that is wrong with it. */
export interface DescribedContract {
  /** Meaningful only where no finding is an error. */
  readonly contract: Contract;
  readonly findings: readonly Finding[];
}

/**
 * Reads the services of an encoded `google.protobuf.FileDescriptorSet`, as `buf build -o` or
 * `protoc --include_imports --descriptor_set_out` writes it; of what buf marks as imported, none. `parameters` are the
 * plugin's, such as `unannotated=post`.
 *
 * Throws `GenerationError` when the bytes are something else, or an option is wrong; it names file and line where the set has
 * source information.
 */
export function describeServices(image: Uint8Array, parameters: readonly string[], warn: Warn): DescribedServices {
  const { analysis, registry } = analyseImage(image, parameters);
  const { files, problems } = analysis;
  for (const line of problems.warnings) warn(line);
  if (problems.failed) throw new GenerationError(problems.errors.join("\n"));
  return {
    registry,
    services: files.flatMap(({ model: { services, descriptors } }) =>
      services.map((service) => ({ ...service, descriptors })),
    ),
  };
}

/**
 * Reads what an encoded `google.protobuf.FileDescriptorSet` promises, like `describeServices`.
 *
 * Throws `GenerationError` when the bytes are something else, or a parameter is wrong. What is wrong with options is a finding.
 */
export function describeContract(image: Uint8Array, parameters: readonly string[]): DescribedContract {
  const { analysis, request, files } = analyseImage(image, parameters);
  lint(files, analysis, request);
  return { contract: contractOf(analysis, request), findings: analysis.problems.findings };
}

/** What a contract can be written for, besides TypeScript. */
export const targets: readonly { readonly name: string; readonly summary: string }[] = exportTargets;

/** What was written for a target. */
export interface ExportedContract {
  /** Names are relative, with slashes. Empty where a finding is an error. */
  readonly files: Exported["files"];
  /** Everything that is wrong, and what the target cannot express: rules that begin with `export/`. */
  readonly findings: readonly Finding[];
}

/**
 * Writes what an encoded `google.protobuf.FileDescriptorSet` promises for a target. `parameters` are the plugin's, such as
 * `config=mesh.yaml`.
 *
 * Throws `GenerationError` when the bytes are something else, or a parameter or the configuration is wrong.
 */
export function exportContract(image: Uint8Array, target: string, parameters: readonly string[]): ExportedContract {
  const found = analyseImage(image, [...parameters, `target=${target}`]);
  const { analysis, request } = found;
  const files = analysis.problems.failed ? [] : exportAll(analysis, request, found.parameters);
  return { files, findings: analysis.problems.findings };
}

function analyseImage(
  image: Uint8Array,
  given: readonly string[],
): {
  readonly analysis: Analysis;
  readonly request: Request;
  readonly registry: FileRegistry;
  readonly files: readonly DescFile[];
  readonly parameters: Parameters;
} {
  const { set, registry } = read(image);
  const request = readRequest(
    toBinary(CodeGeneratorRequestSchema, create(CodeGeneratorRequestSchema, { protoFile: set.file })),
  );
  const parameters = parseParameters(["messages=protobuf-es", ...given].join(","));
  const wanted = set.file.filter((file) => !isImport(file)).map(({ name }) => name);
  const files = wanted.map((name) => registry.getFile(name) as DescFile);
  const analysis = analyse({ files, allFiles: [...registry.files] }, request, parameters);
  return { analysis, request, registry, files, parameters };
}

function read(image: Uint8Array): { readonly set: FileDescriptorSet; readonly registry: FileRegistry } {
  let set: FileDescriptorSet;
  try {
    set = fromBinary(FileDescriptorSetSchema, image);
    if (set.file.length === 0 || set.file.some(({ name }) => !name.endsWith(".proto")))
      throw new Error("no proto file");
  } catch (cause) {
    throw new GenerationError("it is no descriptor set: write it by buf build -o image.binpb", { cause });
  }
  const names = new Set(set.file.map(({ name }) => name));
  for (const { name, dependency } of set.file) {
    const missing = dependency.find((one) => !names.has(one));
    if (missing !== undefined)
      throw new GenerationError(
        `${name} imports ${missing}, which the set does not have: write it by buf build, or by protoc with --include_imports`,
      );
  }
  try {
    return { set, registry: createFileRegistry(set) };
  } catch (cause) {
    throw new GenerationError(`its descriptors do not fit together: ${(cause as Error).message}`, { cause });
  }
}

/** Whether buf marks a file as one that others need. Source: buf/alpha/image/v1/image.proto. */
function isImport({ $unknown = [] }: FileDescriptorProto): boolean {
  const extension = $unknown.find(({ no, wireType }) => no === 8042 && wireType === WireType.LengthDelimited);
  if (!extension) return false;
  const outer = new BinaryReader(extension.data);
  const reader = new BinaryReader(outer.bytes());
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.Varint) return reader.bool();
    reader.skip(wireType, field);
  }
  return false;
}
