import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** A field inside a message, and the messages on the way to it. */
export interface FieldPath {
  /** Proto names joined by dots. */
  readonly name: string;
  /** From the outermost message inwards, without `field`. */
  readonly parents: readonly DescField[];
  readonly field: DescField;
}

const tables = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** The fields of a message by both of their spellings. */
function fieldsOf(descriptor: DescMessage): ReadonlyMap<string, DescField> {
  let table = tables.get(descriptor);
  if (!table) {
    const { fields } = descriptor;
    // Proto names last: where one is another field's JSON name, it stays what the proto file says.
    table = new Map([
      ...fields.map((one) => [one.jsonName, one] as const),
      ...fields.map((one) => [one.name, one] as const),
    ]);
    tables.set(descriptor, table);
  }
  return table;
}

/** Looked up a name: a field, nothing, or a step through something that has no fields of its own. */
export type FieldLookup =
  | { readonly kind: "found"; readonly path: FieldPath }
  | { readonly kind: "unknown" }
  | { readonly kind: "blocked"; readonly by: DescField };

/** Finds a field by its dotted path; each step in either spelling. */
export function findField(descriptor: DescMessage, steps: readonly string[]): FieldLookup {
  const parents: DescField[] = [];
  let message: DescMessage = descriptor;
  for (const [index, step] of steps.entries()) {
    const field = fieldsOf(message).get(step);
    if (!field) return { kind: "unknown" };
    if (index === steps.length - 1) {
      return { kind: "found", path: { name: [...parents, field].map(({ name }) => name).join("."), parents, field } };
    }
    if (field.fieldKind !== "message" || opaque(field.message)) return { kind: "blocked", by: field };
    parents.push(field);
    message = field.message;
  }
  return { kind: "unknown" };
}

/** Messages with a JSON form of their own: nobody addresses what is inside. Source: ProtoJSON, "JSON Representation". */
export const opaque = ({ typeName }: DescMessage) =>
  /^google\.protobuf\.(Any|Timestamp|Duration|FieldMask|Struct|ListValue|(\w+)?Value)$/.test(typeName);
