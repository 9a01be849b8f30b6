import type { DescEnum, DescExtension, DescField, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import type { Place } from "../problems.ts";

// Numbers of the fields of google.protobuf.FileDescriptorProto and DescriptorProto.
const inFile = { message: 4, enum: 5, service: 6, extension: 7 };
const inMessage = { message: 3, enum: 4, extension: 6 };
const fieldOfMessage = 2;
const methodOfService = 2;

/** Where an element is declared. Searches, so only for elements that have a problem. */
export function placeOf(desc: DescMessage | DescEnum | DescField | DescExtension | DescService | DescMethod): Place {
  if (desc.kind === "service") {
    const { file, typeName } = desc;
    return { file, path: [inFile.service, file.proto.service.indexOf(desc.proto)], name: typeName };
  }
  if (desc.kind === "rpc") {
    const { file, path, name } = placeOf(desc.parent);
    const index = desc.parent.proto.method.indexOf(desc.proto);
    return { file, path: [...path, methodOfService, index], name: `${name}.${desc.name}` };
  }
  if (desc.kind === "field") {
    const { file, path } = placeOf(desc.parent);
    return {
      file,
      path: [...path, fieldOfMessage, desc.parent.proto.field.indexOf(desc.proto)],
      name: desc.toString(),
    };
  }
  const { file, parent } = desc;
  const kind = desc.kind;
  const siblings = parent
    ? { message: parent.proto.nestedType, enum: parent.proto.enumType, extension: parent.proto.extension }[kind]
    : { message: file.proto.messageType, enum: file.proto.enumType, extension: file.proto.extension }[kind];
  const index = (siblings as readonly unknown[]).indexOf(desc.proto);
  const path = parent ? [...placeOf(parent).path, inMessage[kind], index] : [inFile[kind], index];
  return { file, path, name: desc.typeName };
}
