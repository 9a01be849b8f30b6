import { create, type DescFile, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** A file without imports the way `ServiceSpec.descriptors` holds files. */
export const descriptorsOf = ({ proto }: Pick<DescFile, "proto">): string =>
  base64Encode(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [proto] })));
