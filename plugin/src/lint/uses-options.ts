import { type DescFile, hasOption } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import {
  field as fieldOption,
  file as fileOption,
  method as methodOption,
  service as serviceOption,
} from "../gen/mesh/v1/options_pb.js";

/** Whether a file, or anything in it, has an option of `mesh.v1`. */
export function usesOptions(file: DescFile): boolean {
  if (hasOption(file, fileOption)) return true;
  for (const service of file.services) {
    if (hasOption(service, serviceOption)) return true;
    if (service.methods.some((method) => hasOption(method, methodOption))) return true;
  }
  for (const type of nestedTypes(file)) {
    if (type.kind === "message" && type.fields.some((field) => hasOption(field, fieldOption))) return true;
  }
  return false;
}
