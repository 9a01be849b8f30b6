import type { DescMessage } from "@bufbuild/protobuf";
import { FieldRulesSchema, file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { expect, test } from "vitest";
import { generate } from "../../test/compile.ts";
import { ruleShapes } from "./rules.ts";
import type { Shape } from "./wire.ts";

test("rules have the names and numbers that protovalidate gives them", () => {
  check(FieldRulesSchema, ruleShapes);
  expect(file_buf_validate_validate.extensions.map(({ number }) => number)).toContain(1159);
});

function check(desc: DescMessage, shape: Shape): void {
  for (const [name, [number, kind]] of Object.entries(shape)) {
    const field = desc.fields.find((one) => one.number === number);
    expect(field?.localName, `${desc.typeName}.${name}`).toBe(name);
    if (typeof kind === "object" && "message" in kind && field?.message && field.message !== desc)
      check(field.message, name === "repeated" || name === "map" ? {} : kind.message());
  }
}

/** What the document says about a field with this option. */
function schemaOf(field: string): unknown {
  const { files, errors } = generate(
    {
      "t.proto": `syntax = "proto3"; package t; import "buf/validate/validate.proto"; import "mesh/v1/options.proto";
        import "google/protobuf/wrappers.proto";
        enum Kind { KIND_UNSPECIFIED = 0; A = 1; B = -2; }
        message M { ${field}; }
        service S { rpc Call(M) returns (M); }`,
    },
    "openapi=true,unannotated=post",
  );
  expect(errors).toEqual([]);
  const document = JSON.parse(files["t_openapi.json"] as string);
  return Object.values(document.components.schemas["t.M"].properties)[0];
}

test.each([
  ["int32 f = 1 [(buf.validate.field).int32 = { gte: -5 lt: 7 }]", { minimum: -5, exclusiveMaximum: 7 }],
  ["sint64 f = 1 [(buf.validate.field).sint64.gt = -5]", { "x-exclusiveMinimum": "-5" }],
  ["fixed64 f = 1 [(buf.validate.field).fixed64 = { in: [1, 2] }]", { enum: ["1", "2"] }],
  ["sfixed32 f = 1 [(buf.validate.field).sfixed32.const = -3]", { const: -3 }],
  ["uint64 f = 1 [(buf.validate.field).uint64.lte = 18446744073709551615]", { "x-maximum": "18446744073709551615" }],
  ["uint32 f = 1 [(buf.validate.field).uint32.lte = 4294967295]", { maximum: 4294967295 }],
  ["fixed32 f = 1 [(buf.validate.field).fixed32.lte = 4294967295]", { maximum: 4294967295 }],
  ["fixed64 f = 1 [(buf.validate.field).fixed64.const = 18446744073709551615]", { const: "18446744073709551615" }],
  ["sfixed64 f = 1 [(buf.validate.field).sfixed64.gte = -3]", { "x-minimum": "-3" }],
  ["google.protobuf.UInt64Value f = 1 [(buf.validate.field).uint64.gte = 5]", { "x-minimum": "5" }],
  ["google.protobuf.UInt64Value f = 1 [(buf.validate.field).uint64.const = 5]", { const: "5" }],
  ["google.protobuf.Int32Value f = 1 [(buf.validate.field).int32.gte = 5]", { minimum: 5 }],
  ["double f = 1 [(buf.validate.field).double = { lte: 0.5 }]", { maximum: 0.5 }],
  ["string f = 1 [(buf.validate.field).string.len = 3]", { minLength: 3, maxLength: 3 }],
  [
    "string f = 1 [(buf.validate.field).string = { prefix: 'a.' suffix: '$' }]",
    { pattern: "^a\\.", allOf: [{ pattern: "\\$$" }] },
  ],
  ["string f = 1 [(buf.validate.field).string.ip = true]", { anyOf: [{ format: "ipv4" }, { format: "ipv6" }] }],
  ["string f = 1 [(buf.validate.field).string.email = false]", {}],
  ["string f = 1 [(buf.validate.field).string = { not_in: ['x'] }]", { not: { enum: ["x"] } }],
  ["bool f = 1 [(buf.validate.field).bool.const = true]", { const: true }],
  ["Kind f = 1 [(buf.validate.field).enum = { not_in: [-2] }]", { enum: ["KIND_UNSPECIFIED", "A"] }],
  ["Kind f = 1 [(buf.validate.field).enum.const = -2]", { enum: ["B"] }],
  ["repeated string f = 1 [(buf.validate.field).repeated = { min_items: 1 }]", { minItems: 1 }],
])("%s", (field, keywords) => {
  expect(schemaOf(field)).toMatchObject(keywords);
});

test.each([
  ["(?i)^a$", "flags in a pattern, which only newer Node.js know"],
  ["^[[:alpha:]]+$", "classes by name"],
  ["\\\\Aa\\\\z", "other ends"],
  ["[\\\\w-.]", "a hyphen that is no range"],
])("%s has no form in JSON Schema, %s: it is said for readers", (pattern) => {
  const text = JSON.parse(`"${pattern}"`);
  expect(schemaOf(`string f = 1 [(buf.validate.field).string.pattern = "${pattern}"]`)).toEqual({
    type: "string",
    "x-pattern": text,
  });
});

test("a pattern that both know is a pattern", () => {
  for (const pattern of ["^(?:a|b)$", "^\\\\(?[0-9]+$", "^\\\\p{L}+$"])
    expect(schemaOf(`string f = 1 [(buf.validate.field).string.pattern = "${pattern}"]`)).toEqual({
      type: "string",
      pattern: JSON.parse(`"${pattern}"`),
    });
});

test("numbers that JSON has not leave no trace", () => {
  expect(schemaOf("double f = 1 [(buf.validate.field).double = { in: [1, inf] lt: inf }]")).toEqual({
    type: "number",
    format: "double",
  });
});

test("rules that are never checked are not there", () => {
  const rules = "{ ignore: IGNORE_ALWAYS required: true string: { min_len: 3 } }";
  expect(schemaOf(`string f = 1 [(buf.validate.field) = ${rules}]`)).toEqual({ type: "string" });
});

test.each([
  ["string f = 1", "string: { min_len: 3 }", "", { minLength: 3 }],
  ["int64 f = 1", "int64: { const: 5 }", "0", { const: "5" }],
  ["uint32 f = 1", "uint32: { gte: 5 }", 0, { minimum: 5 }],
  ["bool f = 1", "bool: { const: true }", false, { const: true }],
  ["Kind f = 1", "enum: { const: 1 }", "KIND_UNSPECIFIED", { enum: ["A"] }],
  ["repeated string f = 1", "repeated: { min_items: 2 }", [], { minItems: 2 }],
  ["map<string, string> f = 1", "map: { min_pairs: 2 }", {}, { minProperties: 2 }],
])("%s may be zero where a rule says so", (field, rules, zero, keywords) => {
  const ignore = (when: string) => `${field} [(buf.validate.field) = { ignore: ${when} ${rules} }]`;
  const { anyOf, ...always } = schemaOf(ignore("IGNORE_IF_ZERO_VALUE")) as { anyOf?: unknown };
  expect(anyOf).toEqual([{ const: zero }, keywords]);
  expect(schemaOf(ignore("IGNORE_UNSPECIFIED"))).toEqual({ ...always, ...keywords });
});

test("a field that has to be set to be there is checked when it is zero", () => {
  const rules = "[(buf.validate.field) = { ignore: IGNORE_IF_ZERO_VALUE string: { min_len: 3 } }]";
  expect(schemaOf(`optional string f = 1 ${rules}`)).toEqual({ type: "string", minLength: 3 });
});

test("elements may be zero where a rule says so", () => {
  const rules = "{ ignore: IGNORE_IF_ZERO_VALUE string: { min_len: 3 } }";
  const schema = { type: "string", anyOf: [{ const: "" }, { minLength: 3 }] };
  expect(schemaOf(`repeated string f = 1 [(buf.validate.field).repeated.items = ${rules}]`)).toEqual({
    type: "array",
    items: schema,
  });
  expect(schemaOf(`map<int32, string> f = 1 [(buf.validate.field).map.values = ${rules}]`)).toEqual({
    type: "object",
    additionalProperties: schema,
  });
});

test("a schema says nothing of rules that are not there", () => {
  expect(schemaOf("string f = 1")).toEqual({ type: "string" });
});
