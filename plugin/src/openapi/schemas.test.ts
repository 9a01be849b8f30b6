import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { generate, root } from "../../test/compile.ts";

const annotations = "protoc-gen-openapiv2/options/annotations.proto";
const swagger = "grpc.gateway.protoc_gen_openapiv2.options";

interface Document {
  readonly components: { readonly schemas: { readonly [name: string]: { readonly [keyword: string]: unknown } } };
  readonly paths: { readonly [path: string]: { readonly [method: string]: { readonly [key: string]: never } } };
}

/** The document of a service whose method takes and returns `M`. */
function documentOf(types: string, rule = 'post: "/v1/m" body: "*"', syntax = 'syntax = "proto3"'): Document {
  const { files, errors } = generate(
    {
      [annotations]: readFileSync(join(root, "testdata/openapi", annotations), "utf8"),
      "t.proto": `${syntax}; package t;
        import "${annotations}"; import "buf/validate/validate.proto"; import "google/api/annotations.proto";
        import "google/api/field_behavior.proto"; import "google/api/visibility.proto";
        import "google/protobuf/wrappers.proto"; import "mesh/v1/options.proto";
        ${types}
        service S { rpc Call(M) returns (M) { option (google.api.http) = { ${rule} }; } }`,
    },
    "openapi=true",
  );
  expect(errors).toEqual([]);
  return JSON.parse(files["t_openapi.json"] as string);
}

/** Of some JSON values, those that a schema of the document takes. */
function taken(document: Document, at: string, values: readonly unknown[]): unknown[] {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "https://example.com/", ...document });
  const validate = ajv.getSchema(`https://example.com/#/${at}`);
  return values.filter((value) => validate?.(value));
}

const ofM = "components/schemas/t.M";
const ofBody = "paths/~1v1~1{a}/post/requestBody/content/application~1json/schema";

test("fields without presence that exclude each other are there in replies all the same, as zero", () => {
  const document = documentOf(`message M {
    option (buf.validate.message).oneof = { fields: ["a", "b", "many"] };
    string a = 1 [(buf.validate.field).string.min_len = 2]; int64 b = 2; repeated string many = 3;
  }`);
  const values = [{}, { a: "" }, { a: "xy", b: "0", many: [] }, { a: "", b: "5", many: [] }, { b: "0", many: ["x"] }];
  expect(taken(document, ofM, values)).toEqual(values);
  expect(taken(document, ofM, [{ a: "xy", b: "5" }, { b: "5", many: ["x"] }, { a: "x" }])).toEqual([]);
});

test("one of them must be set where the rule says so", () => {
  const document = documentOf(`message M {
    option (buf.validate.message).oneof = { fields: ["a", "b"] required: true }; string a = 1; optional string b = 2;
  }`);
  expect(taken(document, ofM, [{ a: "x" }, { a: "", b: "" }])).toHaveLength(2);
  expect(taken(document, ofM, [{}, { a: "" }, { a: "x", b: "" }])).toEqual([]);
});

test("of a oneof that must be set, one is; a member in the path is enough", () => {
  const oneof = (members: string) =>
    `message M { oneof o { option (buf.validate.oneof).required = true; ${members} } }`;
  const three = oneof("string a = 1; string b = 2; string c = 3;");
  expect(taken(documentOf(three), ofM, [{}, { a: "", b: "" }])).toEqual([]);
  expect(taken(documentOf(oneof("string a = 1;")), ofM, [{}])).toEqual([]);
  expect(taken(documentOf(three, 'post: "/v1/{a}" body: "*"'), ofBody, [{}])).toEqual([{}]);
});

test("a message that the path makes is not required, unless it has more that is", () => {
  const types = (more: string) => `message W { string id = 1; ${more} }
    message M { W w = 1 [(google.api.field_behavior) = REQUIRED]; string a = 2; }`;
  const rule = 'post: "/v1/{w.id}" body: "*"';
  const at = ofBody.replace("{a}", "{w.id}");
  expect(taken(documentOf(types(""), rule), at, [{}])).toEqual([{}]);
  const more = types("string more = 2 [(google.api.field_behavior) = REQUIRED];");
  expect(taken(documentOf(more, rule), at, [{}, { w: {} }, { w: { more: "x" } }])).toEqual([{ w: { more: "x" } }]);
});

test("required fields are those of proto2, also in editions, those of protovalidate and of field_behavior", () => {
  const legacy = documentOf(
    "message M { string a = 1 [features.field_presence = LEGACY_REQUIRED]; string b = 2; }",
    undefined,
    'edition = "2023"',
  );
  expect(legacy.components.schemas["t.M"]?.required).toEqual(["a"]);
  const rules = documentOf(`message M {
    string a = 1 [(buf.validate.field).required = true]; string b = 2 [(google.api.field_behavior) = REQUIRED];
    string c = 3 [(buf.validate.field) = { required: true ignore: IGNORE_ALWAYS }];
  }`);
  expect(rules.components.schemas["t.M"]?.required).toEqual(["a", "b"]);
});

test("enums and values that readers must not know of appear nowhere", () => {
  const hidden = '.restriction = "INTERNAL"';
  const document = documentOf(`
    enum Kind { KIND_UNSPECIFIED = 0; OPEN = 1; SECRET_KIND = 2 [(google.api.value_visibility)${hidden}]; }
    enum SecretType { option (google.api.enum_visibility)${hidden}; NONE = 0; SECRET_VALUE = 1; }
    message M {
      Kind kind = 1 [(buf.validate.field).enum = { not_in: [0] }]; SecretType type = 2; repeated SecretType types = 3;
      repeated Kind kinds = 4 [(buf.validate.field).repeated.items.enum.not_in = 0];
    }`);
  expect(document.components.schemas["t.M"]?.properties).toMatchObject({
    kind: { enum: ["OPEN"] },
    kinds: { items: { enum: ["OPEN"] } },
  });
  expect(JSON.stringify(document)).not.toMatch(/secret/i);
});

test("examples and defaults have the type of their field", () => {
  const field = (type: string, name: string, keywords: string, number: number) =>
    `${type} ${name} = ${number} [(${swagger}.openapiv2_field) = { ${keywords} }];`;
  const document = documentOf(`message M {
    ${field("int64", "big", 'default: "5"', 1)}
    ${field("string", "digits", 'example: "123"', 2)}
    ${field("string", "quoted", 'example: "\\"123\\""', 3)}
    ${field("int32", "small", 'default: "5"', 4)}
    ${field("repeated string", "many", 'example: "[\\"a\\"]"', 5)}
    ${field("google.protobuf.StringValue", "boxed", 'example: "123" default: "null"', 6)}
  }`);
  const properties = document.components.schemas["t.M"]?.properties as { [name: string]: object };
  for (const [name, property] of Object.entries({
    big: { default: "5" },
    digits: { examples: ["123"] },
    quoted: { examples: ["123"] },
    small: { default: 5 },
    many: { examples: [["a"]] },
    boxed: { examples: ["123"], default: null },
  }))
    expect(properties[name], name).toMatchObject(property);
});

test("examples show nothing sensitive, in maps and lists neither", () => {
  const user = '{\\"name\\": \\"ada\\", \\"password\\": \\"hidden\\"}';
  const example = (text: string) => `[(${swagger}.openapiv2_field).example = "${text}"]`;
  const document = documentOf(`
    message User { string name = 1; string password = 2 [(mesh.v1.field).sensitive = true]; }
    message M {
      User one = 1 ${example(user)};
      repeated User many = 2 ${example(`[${user}]`)};
      map<string, User> by_name = 3 ${example(`{\\"ada\\": ${user}}`)};
      User broken = 4 ${example("password: hidden")};
    }`);
  const properties = document.components.schemas["t.M"]?.properties;
  expect(properties).toMatchObject({
    one: { examples: [{ name: "ada" }] },
    many: { examples: [[{ name: "ada" }]] },
    byName: { examples: [{ ada: { name: "ada" } }] },
  });
  expect(JSON.stringify(document)).not.toContain("hidden");
  expect(properties).toHaveProperty("broken", { $ref: "#/components/schemas/t.User" });
});
