import { create, createFileRegistry, type FileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  CodeGeneratorRequestSchema,
  type FileDescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { GenerationError } from "./generation-error.ts";
import type { ServiceModel } from "./model.ts";
import { readModels, type Warn } from "./plugin.ts";

export { GenerationError } from "./generation-error.ts";
export type { MethodModel, ServiceModel } from "./model.ts";

/** What a descriptor set says: the same as generated code would, as data. */
export interface DescribedServices {
  readonly services: readonly (ServiceModel & {
    /** Base64 of a `google.protobuf.FileDescriptorSet`: the file of the service and what it needs. */
    readonly descriptors: () => string;
  })[];
  /** Everything that the set declares. */
  readonly registry: FileRegistry;
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
  const { set, registry } = read(image);
  const request = create(CodeGeneratorRequestSchema, {
    fileToGenerate: set.file.filter((file) => file.service.length > 0 && !isImport(file)).map(({ name }) => name),
    parameter: ["messages=protobuf-es", ...parameters].join(","),
    protoFile: set.file,
  });
  const models = readModels(toBinary(CodeGeneratorRequestSchema, request), warn);
  return {
    registry,
    services: models.flatMap(({ services, descriptors }) => services.map((service) => ({ ...service, descriptors }))),
  };
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
