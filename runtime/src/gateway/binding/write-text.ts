import { create, type DescMessage, type Message, mergeFromJson } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { descend, type FieldPath } from "./fields.ts";
import { complaintOf } from "./json.ts";
import { maskPaths, TextError, textReader } from "./text.ts";

/**
 * Writes the text of a path segment or query parameter into a field: replaces a singular one, adds to a list, sets
 * the `key` of a map. Throws TextError, saying what the field can hold.
 */
export function writeText(
  schema: DescMessage,
  message: Message,
  { parents, field }: FieldPath,
  text: string,
  key = "",
): void {
  const read = textReader(field);
  if (!read) {
    const what = field.fieldKind === "message" ? "a message" : `a ${field.fieldKind} of messages`;
    throw new TextError(`is ${what}, which text cannot hold: send it in the body, or name fields inside it`);
  }
  const owner = descend(schema, message, parents);
  const descriptor = parents.at(-1)?.message ?? schema;
  if (field.fieldKind === "message" && field.message.typeName === FieldMaskSchema.typeName) {
    const mask = create(FieldMaskSchema, { paths: maskPaths(text) });
    reflect(descriptor, owner).set(field, reflect(FieldMaskSchema, mask));
    return;
  }
  const value = read(text);
  const json = field.fieldKind === "list" ? [value] : field.fieldKind === "map" ? { [key]: value } : value;
  try {
    mergeFromJson(descriptor, owner, { [field.jsonName]: json });
  } catch (error) {
    throw new TextError(complaintOf(error), { cause: error });
  }
}
