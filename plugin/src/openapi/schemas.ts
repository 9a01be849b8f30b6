import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import type { ReferenceObject, SchemaObject } from "openapi3-ts/oas31";
import { isSensitive } from "../sensitive.ts";
import { behaviorOf, type visibleTo } from "./annotations.ts";
import type { Descriptions } from "./comments.ts";
import { exampleOf } from "./examples.ts";
import { exclusivesOf, isRequiredOneof, keywordsOf, rulesOf } from "./rules.ts";
import { fieldSchemaOf, messageSchemaOf } from "./swagger.ts";
import { scalarSchema, wellKnownSchema } from "./well-known.ts";
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
    const base = this.#value(field);
    const description = this.#comments.of(field);
    const behavior = behaviorOf(field);
    const own = fieldKeywords(field);
    const schema = {
      ...base,
      ...keywordsOf(rulesOf(field), base as SchemaObject, field.enum),
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
    return desc.fields.filter((field) => this.#visible(field) && (!field.message || this.#visible(field.message)));
  }

  /** Whether a request must have a field. */
  isRequired(field: DescField): boolean {
    return behaviorOf(field).has("REQUIRED") || rulesOf(field).required === true || field.proto.label === 2;
  }

  /** The schema of a message itself, without the fields that come from elsewhere. */
  object(desc: DescMessage, omitted: Omitted = []): SchemaObject {
    const properties: [string, Schema][] = [];
    const required: string[] = [];
    for (const field of this.fieldsOf(desc)) {
      const inside = omitted.filter(([first]) => first === field.name).map(([, ...rest]) => rest);
      if (inside.some((rest) => rest.length === 0)) continue;
      const schema = inside.length > 0 && field.message ? this.object(field.message, inside) : this.field(field);
      properties.push([field.jsonName, schema]);
      if (this.isRequired(field)) required.push(field.jsonName);
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
    const names = new Set([
      ...required,
      ...((keywords.required as string[] | undefined) ?? []).map((name) => jsonNameOf(name, desc)),
    ]);
    return {
      type: "object",
      ...(typeof keywords.title === "string" && { title: keywords.title }),
      ...(description && { description }),
      ...(typeof keywords.description === "string" && { description: keywords.description }),
      ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
      ...(names.size > 0 && { required: [...names].filter((name) => present.has(name)) }),
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
        const items = this.#element(field);
        const rules = (rulesOf(field).repeated as Decoded | undefined)?.items as Decoded | undefined;
        return {
          type: "array",
          items: { ...items, ...(rules && keywordsOf(rules, items as SchemaObject, field.enum)) },
        };
      }
      case "map": {
        const value = this.#element(field);
        const rules = rulesOf(field).map as { keys?: Decoded; values?: Decoded } | undefined;
        const keys = rules?.keys && keywordsOf(rules.keys, { type: "string" }, undefined);
        return {
          type: "object",
          ...(keys && Object.keys(keys).length > 0 && { propertyNames: keys }),
          additionalProperties: {
            ...value,
            ...(rules?.values && keywordsOf(rules.values, value as SchemaObject, field.enum)),
          },
        };
      }
    }
  }

  #element(field: DescField & { fieldKind: "list" | "map" }): Schema {
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
  const members = fields.map(({ jsonName }) => jsonName).filter((member) => present.has(member));
  if (members.length < 2) return undefined;
  const each = members.map((member) => ({ title: member, required: [member] }));
  const absent = Object.fromEntries(members.map((member) => [member, false])) as unknown as SchemaObject["properties"];
  const none = { title: `no ${name}`, properties: absent ?? {} };
  return { oneOf: required ? each : [...each, none] };
}

const jsonNameOf = (name: string, desc: DescMessage): string =>
  desc.fields.find((field) => field.name === name)?.jsonName ?? name;

/** What grpc-gateway's annotation of a field says, in the words of OpenAPI 3.1. Examples of what is sensitive are left out. */
function fieldKeywords(field: DescField): SchemaObject {
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
  const keywords: { [keyword: string]: unknown } = { ...others };
  if (maximum !== undefined) keywords[exclusiveMaximum === true ? "exclusiveMaximum" : "maximum"] = maximum;
  if (minimum !== undefined) keywords[exclusiveMinimum === true ? "exclusiveMinimum" : "minimum"] = minimum;
  if (isSensitive(field)) return keywords;
  if (typeof fallback === "string") keywords.default = json(fallback);
  if (typeof example === "string")
    keywords.examples = [field.message ? exampleOf(field.message, example) : json(example)];
  return keywords;
}

/** What is no JSON is meant as text. */
function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
