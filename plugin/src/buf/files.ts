import { create, createFileRegistry, type DescFile } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { type AnalysisParameters, analyse } from "../analyse.ts";
import type { Analysis } from "../analysis.ts";
import { type Request, readRequest } from "../request.ts";
import type { FileDescriptor } from "./gen/check_pb.js";

/** Files of a request, read and analysed. */
export interface Analysed {
  readonly analysis: Analysis;
  readonly request: Request;
  /** What the request is about; the rest is only imported by it. */
  readonly files: readonly DescFile[];
}

// Number of CodeGeneratorRequest.proto_file.
const protoFile = 15;

/** Analyses what buf hands over. Throws `GenerationError` when a file of routes cannot be read. */
export function analyseFiles(given: readonly FileDescriptor[], parameters: AnalysisParameters): Analysed {
  const writer = new BinaryWriter();
  for (const { fileDescriptorProto } of given)
    writer.tag(protoFile, WireType.LengthDelimited).bytes(fileDescriptorProto);
  const request = readRequest(writer.finish());
  const imported = new Set(given.flatMap(({ isImport }, index) => (isImport ? [index] : [])));
  const own = request.message.protoFile.filter((_, index) => !imported.has(index)).map(({ name }) => name);
  request.message.protoFile = inOrder(request.message.protoFile);
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.message.protoFile }));
  const files = own.sort().map((name) => registry.getFile(name) as DescFile);
  return { analysis: analyse({ files, allFiles: [...registry.files] }, request, parameters), request, files };
}

/** Files after what they import: buf has no order. */
function inOrder(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const ordered = new Set<FileDescriptorProto>();
  const add = (file: FileDescriptorProto) => {
    if (!byName.delete(file.name)) return;
    for (const name of file.dependency) {
      const dependency = byName.get(name);
      if (dependency) add(dependency);
    }
    ordered.add(file);
  };
  for (const file of files) add(file);
  return [...ordered];
}
