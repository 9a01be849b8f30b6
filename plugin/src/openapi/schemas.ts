import type { DescEnum, DescEnumValue, DescField, DescMessage } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { ReferenceObject, SchemaObject } from "openapi3-ts/oas31";
import { isSensitive } from "../sensitive.ts";
import { behaviorOf, type visibleTo } from "./annotations.ts";
import type { Descriptions } from "./comments.ts";
import { exampleOf } from "./examples.ts";
import { exclusivesOf, isNeeded, isRequiredOneof, keywordsOf, type Ruled, rulesOf } from "./rules.ts";
import { fieldSchemaOf, messageSchemaOf } from "./swagger.ts";
import { scalarSchema, unsetValue, wellKnownSchema, zeroValue } from "./well-known.ts";
import type { Decoded } from "./wire.ts";

type Schema = SchemaObject | ReferenceObject;

/** The names of fields that a schema leaves out, because they come from elsewhere: `[["book", "name"]]`. */
export type Omitted = readonly (readonly string[])[];

/** The schemas of one document. What is referred to is collected in `components`. */
export class Schemas {
  readonly components = new Map<string, Schema>();
  readonly #comments: Descriptions;
  readonly #visible: ReturnType<typeof visibleTo>;

  constructor(comments: Descriptions, visible: ReturnType<typeof visibleTo>) {
    this.#comments = comments;
    this.#visible = visible;
  }

  /** A reference to a message, or its form when it has one of its own. */
  message(desc: DescMessage): Schema {
    const known = wellKnownSchema(desc);
    return known ?? this.#component(desc, () => this.object(desc));
  }

  /** The value of a field in JSON. */
  field(field: DescField): Schema {
    const base = this.#value(field) as SchemaObject;
    const description = this.#comments.of(field);
    const behavior = behaviorOf(field);
    const own = fieldKeywords(field, base);
    const ruled = { base, names: this.#namesOf(field), zero: unsetValue(field) };
    const schema = {
      ...base,
      ...keywordsOf(rulesOf(field), ruled),
      ...own,
      ...(description && own.description === undefined && { description }),
      ...(behavior.has("OUTPUT_ONLY") && { readOnly: true }),
      ...(behavior.has("INPUT_ONLY") && { writeOnly: true }),
      ...(behavior.has("IMMUTABLE") && { "x-immutable": true }),
      ...(field.deprecated && { deprecated: true }),
    };
    if (!isSensitive(field)) return schema;
    return {
      ...schema,
      "x-sensitive": true,
      ...(schema.type === "string" && !schema.format && { format: "password" }),
    };
  }

  /** The fields that readers may know of and that JSON has. */
  fieldsOf(desc: DescMessage): DescField[] {
    return desc.fields.filter((field) => {
      const type = field.message ?? field.enum;
      return this.#visible(field) && (!type || this.#visible(type));
    });
  }

  /** Whether a request must have a field. */
  isRequired(field: DescField): boolean {
    const { presence } = field;
    if (presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) return true;
    return behaviorOf(field).has("REQUIRED") || isNeeded(rulesOf(field));
  }

  /** The schema of a message itself, without the fields that come from elsewhere. */
  object(desc: DescMessage, omitted: Omitted = []): SchemaObject {
    const properties: [string, Schema][] = [];
    const required: string[] = [];
    for (const field of this.fieldsOf(desc)) {
      const inside = omitted.filter(([first]) => first === field.name).map(([, ...rest]) => rest);
      if (inside.some((rest) => rest.length === 0)) continue;
      const rest = inside.length > 0 && field.message ? this.object(field.message, inside) : undefined;
      properties.push([field.jsonName, rest ?? this.field(field)]);
      // What comes from elsewhere makes the message that it is in.
      if (this.isRequired(field) && (!rest || rest.required)) required.push(field.jsonName);
    }
    const description = this.#comments.of(desc);
    const { keywords, example } = messageSchemaOf(desc);
    const given = example === undefined || omitted.length > 0 ? undefined : exampleOf(desc, example);
    const present = new Set(properties.map(([name]) => name));
    const choices = [
      ...desc.oneofs.map((oneof) => choice(oneof.name, oneof.fields, isRequiredOneof(oneof), present)),
      ...exclusivesOf(desc).map(({ fields, required: needed }) => {
        const members = desc.fields.filter(({ name }) => fields.includes(name));
        return choice(fields.join(" or "), members, needed, present);
      }),
    ].filter((one) => one !== undefined);
    const annotated = ((keywords.required as string[] | undefined) ?? []).map((name) => jsonNameOf(name, desc));
    const needed = [...new Set([...required, ...annotated.filter((name) => present.has(name))])];
    return {
      type: "object",
      ...(typeof keywords.title === "string" && { title: keywords.title }),
      ...(description && { description }),
      ...(typeof keywords.description === "string" && { description: keywords.description }),
      ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
      ...(needed.length > 0 && { required: needed }),
      ...(choices.length === 1 && choices[0]),
      ...(choices.length > 1 && { allOf: choices }),
      ...(given !== undefined && { examples: [given] }),
      ...(desc.deprecated && { deprecated: true }),
    };
  }

  /** One value, without what is said about the field. */
  #value(field: DescField): Schema {
    switch (field.fieldKind) {
      case "scalar":
        return scalarSchema(field.scalar);
      case "enum":
        return this.#enumeration(field.enum);
      case "message":
        return this.message(field.message);
      case "list": {
        const items = this.#elementSchema(field);
        const rules = (rulesOf(field).repeated as Decoded | undefined)?.items as Decoded | undefined;
        return {
          type: "array",
          items: { ...items, ...(rules && keywordsOf(rules, this.#element(field, items))) },
        };
      }
      case "map": {
        const value = this.#elementSchema(field);
        const rules = rulesOf(field).map as { keys?: Decoded; values?: Decoded } | undefined;
        const keys = rules?.keys && keywordsOf(rules.keys, { base: { type: "string" } });
        return {
          type: "object",
          ...(keys && Object.keys(keys).length > 0 && { propertyNames: keys }),
          additionalProperties: {
            ...value,
            ...(rules?.values && keywordsOf(rules.values, this.#element(field, value))),
          },
        };
      }
    }
  }

  #element(field: DescField, schema: Schema): Ruled {
    return { base: schema as SchemaObject, names: this.#namesOf(field), zero: zeroValue(field) };
  }

  #namesOf({ enum: type }: DescField): DescEnumValue[] | undefined {
    return type?.values.filter((value) => this.#visible(value));
  }

  #elementSchema(field: DescField & { fieldKind: "list" | "map" }): Schema {
    if (field.message) return this.message(field.message);
    if (field.enum) return this.#enumeration(field.enum);
    return scalarSchema(field.scalar as never);
  }

  #enumeration(desc: DescEnum): Schema {
    if (desc.typeName === "google.protobuf.NullValue") return { type: "null" };
    return this.#component(desc, () => {
      const values = desc.values.filter((value) => this.#visible(value));
      const said = values.flatMap((value) => {
        const text = this.#comments.of(value).replace(/\s+/g, " ");
        return text === "" ? [] : [`- \`${value.name}\`: ${text}`];
      });
      const description = [this.#comments.of(desc), said.join("\n")].filter((part) => part !== "").join("\n\n");
      return {
        type: "string",
        ...(description && { description }),
        enum: values.map(({ name }) => name),
        ...(desc.deprecated && { deprecated: true }),
      };
    });
  }

  #component(desc: DescMessage | DescEnum, make: () => Schema): ReferenceObject {
    const name = desc.typeName;
    if (!this.components.has(name)) {
      // First the name: a type may contain itself.
      this.components.set(name, {});
      this.components.set(name, make());
    }
    return { $ref: `#/components/schemas/${name}` };
  }
}

/** At most one of some fields is set, or exactly one. */
function choice(
  name: string,
  fields: readonly DescField[],
  required: boolean,
  present: ReadonlySet<string>,
): SchemaObject | undefined {
  const members = fields.filter(({ jsonName }) => present.has(jsonName));
  // Where one is not shown, or comes from elsewhere, that may be the one.
  const exactly = required && members.length === fields.length;
  if (members.length < (exactly ? 1 : 2)) return undefined;
  const each = members.map((member): SchemaObject => {
    const unset = unsetValue(member);
    const properties = unset !== undefined && { properties: { [member.jsonName]: { not: { const: unset } } } };
    return { title: member.jsonName, required: [member.jsonName], ...properties };
  });
  const absent = members.map((member) => {
    const unset = unsetValue(member);
    return [member.jsonName, unset === undefined ? false : { const: unset }];
  });
  const none = { title: `no ${name}`, properties: Object.fromEntries(absent) };
  return { oneOf: exactly ? each : [...each, none] };
}

const jsonNameOf = (name: string, desc: DescMessage): string =>
  desc.fields.find((field) => field.name === name)?.jsonName ?? name;

/** What grpc-gateway's annotation of a field says, in the words of OpenAPI 3.1. Examples of what is sensitive are left out. */
function fieldKeywords(field: DescField, { type }: SchemaObject): SchemaObject {
  const given = fieldSchemaOf(field);
  const {
    example,
    default: fallback,
    exclusiveMaximum,
    exclusiveMinimum,
    maximum,
    minimum,
    required: _,
    ...others
  } = given;
  const types = [type].flat();
  const read = (text: string) => jsonOf(text, types);
  const keywords: { [keyword: string]: unknown } = { ...others };
  if (Array.isArray(others.enum)) keywords.enum = others.enum.map(read);
  if (maximum !== undefined) keywords[exclusiveMaximum === true ? "exclusiveMaximum" : "maximum"] = maximum;
  if (minimum !== undefined) keywords[exclusiveMinimum === true ? "exclusiveMinimum" : "minimum"] = minimum;
  if (isSensitive(field)) return keywords;
  if (typeof fallback === "string") keywords.default = read(fallback);
  if (typeof example !== "string") return keywords;
  const isText = !field.message || types.includes("string");
  const shown = isText ? read(example) : exampleOf(field.message, example, field.fieldKind === "map");
  if (shown !== undefined) keywords.examples = [shown];
  return keywords;
}

/** A value of these types that an annotation gives as JSON. What is no JSON is meant as text, and so is what must be text. */
function jsonOf(text: string, types: readonly unknown[]): unknown {
  try {
    const value: unknown = JSON.parse(text);
    const isMeant = typeof value === "string" || (value === null && types.includes("null"));
    return types.includes("string") && !isMeant ? text : value;
  } catch {
    return text;
  }
}
