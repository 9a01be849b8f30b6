import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import type { MethodContract } from "../contract/contract.ts";
import { isSensitive } from "../sensitive.ts";
import type { Block, Inline } from "./blocks.ts";
import { methodId } from "./glance.ts";
import { joined } from "./inline.ts";

/** The id of a message on its page. */
const typeId = (name: string): string => `type-${name}`;

/** A message's name with a link to what is said about it on the page. */
export const typeLink = ({ typeName }: DescMessage): Inline => ({
  link: { code: typeName },
  to: `#${typeId(typeName)}`,
});

/** What methods ask and answer with, each message once, in the order in which methods name them. */
export function typesOf(methods: readonly MethodContract[]): Block[] {
  const users = new Map<DescMessage, MethodContract[]>();
  for (const method of methods)
    for (const message of new Set([method.desc.input, method.desc.output]))
      users.set(message, [...(users.get(message) ?? []), method]);
  return [...users].map(([message, of]) => ({ kind: "section", blocks: blocksOf(message, of, users) }));
}

function blocksOf(
  message: DescMessage,
  users: readonly MethodContract[],
  onPage: ReadonlyMap<DescMessage, unknown>,
): Block[] {
  const { typeName, fields } = message;
  const link = ({ name }: MethodContract): Inline => ({ link: { code: name }, to: `#${methodId(name)}` });
  return [
    { kind: "heading", level: 2, id: typeId(typeName), text: { code: typeName } },
    { kind: "paragraph", text: ["Used by ", joined(users.map(link), ", "), "."] },
    fields.length === 0
      ? { kind: "paragraph", text: { muted: "It has no fields." } }
      : {
          kind: "table",
          caption: `Fields of ${typeName}`,
          head: ["Field", "Type", "Number", "Note"],
          widths: [24, 38, 10, 28],
          rows: fields.map((field) => [
            { code: field.name },
            typeOf(field, onPage),
            String(field.number),
            noteOf(field),
          ]),
        },
  ];
}

function typeOf(field: DescField, onPage: ReadonlyMap<DescMessage, unknown>): Inline {
  if (field.fieldKind === "map") {
    const value = field.message ?? field.enum;
    return { code: `map<${scalar(field.mapKey)}, ${value?.typeName ?? scalar(field.scalar as ScalarType)}>` };
  }
  const repeated = field.fieldKind === "list" ? "repeated " : "";
  const { message } = field;
  if (message && onPage.has(message)) return [repeated, typeLink(message)];
  return { code: `${repeated}${message?.typeName ?? field.enum?.typeName ?? scalar(field.scalar as ScalarType)}` };
}

const scalar = (type: ScalarType): string => ScalarType[type].toLowerCase();

function noteOf(field: DescField): Inline {
  const notes = [
    ...(isSensitive(field) ? ["sensitive: never shown in logs or keys"] : []),
    ...(field.oneof ? [`one of ${field.oneof.name}`] : []),
    ...(field.deprecated ? ["deprecated"] : []),
  ];
  return notes.join("; ");
}
