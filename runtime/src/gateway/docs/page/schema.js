import { el, prose } from "./dom.js";

/** What a reference stands for, with what is said next to it. */
export function resolve(node, root) {
  let found = node ?? {};
  for (let steps = 0; found.$ref !== undefined && steps < 20; steps++) {
    const { $ref, ...beside } = found;
    const target = $ref
      .replace(/^#\//, "")
      .split("/")
      .reduce((at, key) => at?.[decodeURIComponent(key).replaceAll("~1", "/").replaceAll("~0", "~")], root);
    found = { ...target, ...beside };
  }
  return found;
}

/** What a schema says of a value that may also be null. */
function besidesNull({ anyOf: [first, second, ...more] = [] }) {
  return second?.type === "null" && more.length === 0 ? first : undefined;
}

/** A type in few words: `Book`, `string (uuid)`, `list of Book`. */
export function typeName(schema, root) {
  if (schema.$ref !== undefined) {
    const { enum: values } = resolve(schema, root);
    const name = schema.$ref.split("/").at(-1).split(".").at(-1);
    return values ? `${name} (one of ${values.length})` : name;
  }
  const { type, format, items, additionalProperties } = schema;
  const value = besidesNull(schema);
  if (value) return `${typeName(value, root)} or null`;
  if (type === "array") return `list of ${typeName(items ?? {}, root)}`;
  if (type === "object" && typeof additionalProperties === "object")
    return `map to ${typeName(additionalProperties, root)}`;
  const name = Array.isArray(type) ? type.join(" or ") : (type ?? "any");
  return format ? `${name} (${format})` : name;
}

const limits = [
  ["minimum", (value) => `≥ ${value}`],
  ["exclusiveMinimum", (value) => `> ${value}`],
  ["maximum", (value) => `≤ ${value}`],
  ["exclusiveMaximum", (value) => `< ${value}`],
  ["x-minimum", (value) => `≥ ${value}`],
  ["x-exclusiveMinimum", (value) => `> ${value}`],
  ["x-maximum", (value) => `≤ ${value}`],
  ["x-exclusiveMaximum", (value) => `< ${value}`],
  ["minLength", (value) => `at least ${value} characters`],
  ["maxLength", (value) => `at most ${value} characters`],
  ["minItems", (value) => `at least ${value}`],
  ["maxItems", (value) => `at most ${value}`],
  ["minProperties", (value) => `at least ${value}`],
  ["maxProperties", (value) => `at most ${value}`],
  ["uniqueItems", () => "no two alike"],
  ["pattern", (value) => value],
  ["x-pattern", (value) => value],
  ["const", (value) => `always ${JSON.stringify(value)}`],
  ["default", (value) => `default ${JSON.stringify(value)}`],
  ["readOnly", () => "only in answers"],
  ["writeOnly", () => "only in requests"],
  ["x-immutable", () => "set once"],
  ["x-sensitive", () => "sensitive"],
  ["deprecated", () => "deprecated"],
];

/** What values may be, as small labels. */
export function labels(schema, root) {
  const resolved = resolve(schema, root);
  // A value that stands for none, or one that keeps to rules.
  const [none, rules] = resolved.anyOf ?? [];
  const mayBeNone = none !== undefined && "const" in none;
  const whole = mayBeNone ? { ...resolved, ...rules } : resolved;
  const said = limits.flatMap(([key, print]) =>
    whole[key] === undefined || whole[key] === false ? [] : [print(whole[key])],
  );
  if (mayBeNone) said.push(`or ${JSON.stringify(none.const)}`);
  const values = whole.enum ?? resolve(whole.items, root).enum ?? [];
  return [...said, ...values.map(String)].map((text) => el("span.label", null, text));
}

/** A schema as a tree whose inner levels are made when they are opened: types may contain themselves. */
export function tree(schema, root) {
  const whole = resolve(besidesNull(schema) ?? schema, root);
  const inner = whole.type === "array" ? resolve(whole.items, root) : mapValue(whole, root);
  const { properties } = inner ?? whole;
  const box = el("div.schema");
  if (!properties) {
    box.append(el("span.type", null, typeName(schema, root)), " ", ...labels(schema, root));
    if (whole.description) box.append(prose(whole.description));
    return box;
  }
  const required = new Set((inner ?? whole).required ?? []);
  for (const [name, property] of Object.entries(properties)) box.append(row(name, property, required.has(name), root));
  const choices = [inner ?? whole, ...((inner ?? whole).allOf ?? [])].flatMap(({ oneOf }) => (oneOf ? [oneOf] : []));
  for (const choice of choices) {
    const names = choice.flatMap((one) => one.required ?? []);
    const exactly = choice.length === names.length ? "Exactly one of" : "At most one of";
    box.append(el("p.quiet", null, `${exactly} ${names.join(", ")}.`));
  }
  return box;
}

function mapValue({ type, additionalProperties }, root) {
  return type === "object" && typeof additionalProperties === "object"
    ? resolve(additionalProperties, root)
    : undefined;
}

function row(name, property, required, root) {
  const whole = resolve(property, root);
  const inner = whole.type === "array" ? resolve(whole.items, root) : (mapValue(whole, root) ?? whole);
  const head = [
    el("code.name", null, name),
    required && el("span.required", { title: "required" }, "*"),
    " ",
    el("span.type", null, typeName(property, root)),
    " ",
    ...labels(property, root),
  ];
  const about = property.description ?? (property.$ref === undefined ? whole.description : undefined);
  const said = about ? prose(about) : undefined;
  if (!inner.properties) return el("div.row", null, ...head, said);
  const details = el("details.row", null, el("summary", null, ...head), said);
  details.addEventListener("toggle", () => details.append(tree(inner, root)), { once: true });
  return details;
}

/** A value that a schema allows, for a first try; patterns are left to the reader. */
export function sample(schema, root, depth = 0) {
  const whole = resolve(schema, root);
  if (whole.examples?.length > 0) return whole.examples[0];
  if (whole.default !== undefined) return whole.default;
  if (whole.const !== undefined) return whole.const;
  if (whole.enum) return whole.enum.find((value) => !/UNSPECIFIED$/.test(value)) ?? whole.enum[0];
  const type = Array.isArray(whole.type) ? whole.type[0] : whole.type;
  if (type === "object") return sampleObject(whole, root, depth);
  if (type === "array") {
    const length = Math.max(whole.minItems ?? 0, depth > 2 ? 0 : Math.min(1, whole.maxItems ?? 1));
    return Array.from({ length: Math.min(length, mostPadding) }, () => sample(whole.items, root, depth + 1));
  }
  if (type === "boolean") return false;
  if (type === "integer" || type === "number") return nearZero(whole);
  if (type === "null" || type === undefined) return null;
  const byFormat = {
    int64: "0",
    uint64: "0",
    uuid: "00000000-0000-4000-8000-000000000000",
    email: "name@example.com",
    "date-time": "2030-01-01T00:00:00Z",
    uri: "https://example.com",
    byte: "",
  };
  if (whole.format in byFormat) return byFormat[whole.format];
  if (/\)\?s\$$/.test(whole.pattern ?? "")) return "1s";
  return "a".repeat(Math.min(whole.minLength ?? 0, mostPadding));
}

/** Of what a schema asks for at least, as much is made. */
const mostPadding = 100;

function nearZero({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }) {
  const least = minimum ?? (exclusiveMinimum === undefined ? Number.NEGATIVE_INFINITY : exclusiveMinimum + 1);
  const most = maximum ?? (exclusiveMaximum === undefined ? Number.POSITIVE_INFINITY : exclusiveMaximum - 1);
  return Math.max(least, Math.min(most, 0));
}

function sampleObject(whole, root, depth) {
  const left = new Set();
  // Of what excludes each other, the first stays.
  for (const { oneOf = [] } of [whole, ...(whole.allOf ?? [])])
    for (const one of oneOf.slice(1)) for (const name of one.required ?? []) left.add(name);
  const entries = Object.entries(whole.properties ?? {}).filter(([name, property]) => {
    const inner = resolve(property, root);
    if (inner.readOnly || left.has(name)) return false;
    const nests = inner.properties !== undefined || inner.type === "array" || inner.type === "object";
    return whole.required?.includes(name) ? depth < 6 : !nests || depth < 1;
  });
  return Object.fromEntries(entries.map(([name, property]) => [name, sample(property, root, depth + 1)]));
}
