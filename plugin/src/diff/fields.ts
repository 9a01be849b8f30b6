import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { Contract } from "../contract/contract.ts";
import { placeOf } from "../names/place.ts";
import { isSensitive } from "../sensitive.ts";
import type { Change } from "./change.ts";

/** Which fields of the messages that methods take and give have become sensitive, or no longer are. A field is known by its number. */
export function diffFields(before: Contract, after: Contract): Change[] {
  const old = messagesOf(before);
  return [...messagesOf(after)].flatMap(([name, message]) =>
    message.fields.flatMap((field) => {
      const known = old.get(name)?.fields.find(({ number }) => number === field.number);
      return known && isSensitive(known) !== isSensitive(field) ? [change(known, field)] : [];
    }),
  );
}

function change(before: DescField, after: DescField): Change {
  const sensitive = isSensitive(after);
  return {
    class: sensitive ? "operational" : "security",
    subject: `${after.parent.typeName}.${after.name}`,
    option: "(mesh.v1.field).sensitive",
    before: String(!sensitive),
    after: String(sensitive),
    text: sensitive
      ? "the value no longer appears in logs, spans, keys and examples"
      : "the value may appear in logs, spans, keys and examples",
    place: placeOf(after),
    placeBefore: placeOf(before),
  };
}

/** All messages that requests and replies may hold, by their full name. */
function messagesOf({ services }: Contract): Map<string, DescMessage> {
  const found = new Map<string, DescMessage>();
  const add = (message: DescMessage | undefined) => {
    if (message) found.set(message.typeName, message);
  };
  for (const { methods } of services) {
    for (const { desc } of methods) {
      add(desc.input);
      add(desc.output);
    }
  }
  // The map grows while it is walked; a message that is there keeps its place.
  for (const [, { fields }] of found) {
    for (const { message } of fields) if (message && !found.has(message.typeName)) add(message);
  }
  return found;
}
