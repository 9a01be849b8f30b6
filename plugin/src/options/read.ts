import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import type { OptionRecord, OptionValue } from "@protomesh/runtime/policies";
import type { Problems } from "../problems.ts";
import type { OptionPath } from "./path.ts";

/**
 * An option message as plain data. Only what is set is there, so that presence decides when levels merge.
 *
 * Reports what a newer version of the option schema has added: obeying half of a policy would be worse than failing.
 */
export function readOption(desc: DescMessage, message: Message, at: OptionPath, problems: Problems): OptionRecord {
  return readMessage(reflect(desc, message), at, problems);
}

/** Reports the fields of a message that this version's option schema does not have. */
export function reportNewer(message: Message, at: OptionPath, problems: Problems): void {
  for (const { no } of message.$unknown ?? []) {
    problems.error(at, `field ${no} is newer than this protoc-gen-mesh: update protoc-gen-mesh`, "options/newer");
  }
}

function readMessage(message: ReflectMessage, at: OptionPath, problems: Problems): OptionRecord {
  reportNewer(message.message, at, problems);
  const record: { [field: string]: OptionValue } = {};
  for (const field of message.fields) {
    if (message.isSet(field)) record[field.name] = readField(message, field, at.field(field.name), problems);
  }
  return record;
}

function readField(message: ReflectMessage, field: DescField, at: OptionPath, problems: Problems): OptionValue {
  if (field.fieldKind === "list") {
    return [...message.get(field)].map((item, index) => {
      if (field.listKind === "message") return readMessage(item as ReflectMessage, at.item(index), problems);
      return field.listKind === "enum" ? readEnum(field, item as number, at, problems) : (item as OptionValue);
    });
  }
  if (field.fieldKind === "message") return readMessage(message.get(field), at, problems);
  if (field.fieldKind === "enum") return readEnum(field, message.get(field), at, problems);
  return message.get(field) as OptionValue;
}

function readEnum(field: DescField, number: number, at: OptionPath, problems: Problems): string {
  const value = field.enum?.values.find((candidate) => candidate.number === number);
  if (!value)
    problems.error(at, `value ${number} is newer than this protoc-gen-mesh: update protoc-gen-mesh`, "options/newer");
  return value?.name ?? String(number);
}
