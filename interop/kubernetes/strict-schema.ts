import type { Structural } from "./crds.ts";

/** Keywords that say nothing about a value, or that `rules.ts` checks. */
const ignored = /^(x-kubernetes-.*|description|title|example|externalDocs|nullable)$/;

/**
 * Plain JSON Schema that refuses what a cluster would drop or refuse: unknown fields, which structural schemas only prune,
 * duplicates in sets, and null where it is not allowed.
 */
export function strictSchema(schema: Structural): object {
  if (schema["x-kubernetes-int-or-string"])
    return { ...plain(schema), anyOf: [{ type: "integer" }, { type: "string" }] };
  const strict: { [keyword: string]: unknown } = { ...plain(schema) };
  const { properties, items, additionalProperties, nullable, type } = schema;
  if (properties) strict.properties = mapValues(properties, strictSchema);
  if (items) strict.items = strictSchema(items);
  if (typeof additionalProperties === "object") strict.additionalProperties = strictSchema(additionalProperties);
  else if (type === "object" && !schema["x-kubernetes-preserve-unknown-fields"])
    strict.additionalProperties = additionalProperties ?? false;
  if (schema["x-kubernetes-list-type"] === "set") strict.uniqueItems = true;
  if (nullable && type !== undefined) strict.type = [type, "null"];
  return strict;
}

/** What every object has, of which definitions say no more than that it is an object. Source: Kubernetes, ObjectMeta; RFC 1123. */
export const metadataSchema = {
  type: "object",
  required: ["name"],
  additionalProperties: false,
  properties: {
    name: {
      type: "string",
      maxLength: 253,
      pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    },
    namespace: { type: "string", maxLength: 63, pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" },
  },
};

const plain = (schema: Structural) =>
  Object.fromEntries(Object.entries(schema).filter(([keyword]) => !ignored.test(keyword)));

const mapValues = <From, To>(record: { readonly [name: string]: From }, change: (value: From) => To) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
