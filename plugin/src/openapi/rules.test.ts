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

test("a schema says nothing of rules that are not there", () => {
  expect(schemaOf("string f = 1")).toEqual({ type: "string" });
});
