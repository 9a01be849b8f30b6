import { type DescField, type DescFile, getOption, hasOption } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { field as fieldOption } from "./gen/mesh/v1/options_pb.js";

/** Whether (mesh.v1.field).sensitive says that a field's value appears nowhere in clear. */
export const isSensitive = (field: DescField): boolean =>
  hasOption(field, fieldOption) && getOption(field, fieldOption).sensitive === true;

/** Whether a message of a file has such a field. */
export function hasSensitive(file: DescFile): boolean {
  for (const desc of nestedTypes(file)) if (desc.kind === "message" && desc.fields.some(isSensitive)) return true;
  return false;
}

/** Of an option's extensions, the one that says so. */
export const isSensitiveOption = (options: string, no: number): boolean =>
  options === fieldOption.extendee.typeName && no === fieldOption.number;
