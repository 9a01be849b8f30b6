import { expect, test } from "vitest";
import { generate } from "../../test/compile.ts";

/** The operations and schemas of a method whose headers fill fields. */
function documentOf(headers: string, rule = 'get: "/v1/things/{id}"', fields = "") {
  const { files, errors } = generate(
    {
      "t.proto": `syntax = "proto3"; package t;
        import "google/api/annotations.proto"; import "google/api/field_behavior.proto"; import "google/protobuf/wrappers.proto"; import "mesh/v1/options.proto";
        message M {
          string id = 1;
          // Whose it is.
          string tenant = 2;
          repeated int32 pages = 3;
          Where where = 4;
          ${fields}
        }
        message Where { string region = 1; string zone = 2; }
        service S {
          rpc Call(M) returns (M) {
            option (google.api.http) = { ${rule} };
            option (mesh.v1.method) = { http: { unknown_query: REJECT ${headers} } };
          }
        }`,
    },
    "openapi=true",
  );
  expect(errors).toEqual([]);
  const document = JSON.parse(files["t_openapi.json"] as string);
  const [item] = Object.values(document.paths) as { [method: string]: { parameters: { [key: string]: unknown }[] } }[];
  const [operation] = Object.values(item ?? {});
  return { document, parameters: operation?.parameters ?? [], operation: operation as { [key: string]: unknown } };
}

const namesOf = (parameters: readonly { [key: string]: unknown }[], place: string) =>
  parameters.filter((one) => one.in === place).map(({ name }) => name);

test("a header that fills a field is a parameter with the field's type and comment, and the query has it no more", () => {
  const { parameters } = documentOf('headers: { header: "X-Tenant" field: "tenant" }');
  expect(parameters.filter((one) => one.in === "header")).toEqual([
    { name: "x-tenant", in: "header", description: "Whose it is.", schema: { type: "string" } },
  ]);
  expect(namesOf(parameters, "query")).toEqual(["pages", "where.region", "where.zone"]);
});

test("lists and fields of fields", () => {
  const { parameters } = documentOf(
    'headers: [{ header: "x-pages" field: "pages" }, { header: "x-region" field: "where.region" }]',
  );
  expect(parameters.filter((one) => one.in === "header")).toEqual([
    { name: "x-pages", in: "header", schema: { type: "array", items: { type: "integer", format: "int32" } } },
    { name: "x-region", in: "header", schema: { type: "string" } },
  ]);
  expect(namesOf(parameters, "query")).toEqual(["tenant", "where.zone"]);
});

test("a required and a deprecated field are that as headers, too", () => {
  const { parameters } = documentOf(
    'headers: [{ header: "x-must" field: "must" }, { header: "x-old" field: "old" }]',
    undefined,
    "string must = 8 [(google.api.field_behavior) = REQUIRED]; string old = 9 [deprecated = true];",
  );
  expect(parameters.filter((one) => one.in === "header")).toEqual([
    { name: "x-must", in: "header", required: true, schema: { type: "string" } },
    { name: "x-old", in: "header", deprecated: true, schema: { type: "string" } },
  ]);
});

test("with a body, the field is a header and no part of the body", () => {
  const { document, parameters, operation } = documentOf(
    'headers: { header: "x-tenant" field: "tenant" }',
    'post: "/v1/things" body: "*"',
  );
  expect(parameters).toEqual([
    { name: "x-tenant", in: "header", description: "Whose it is.", schema: { type: "string" } },
  ]);
  const { content } = operation.requestBody as { content: { [type: string]: { schema: { properties?: object } } } };
  expect(Object.keys(content["application/json"]?.schema.properties ?? {})).toEqual(["id", "pages", "where"]);
  expect(document.components.schemas["t.M"].properties).toHaveProperty("tenant");
});

test("headers of which OpenAPI ignores parameters are left out", () => {
  const { parameters } = documentOf('headers: { header: "Accept" field: "tenant" }');
  expect(namesOf(parameters, "header")).toEqual([]);
  expect(namesOf(parameters, "query")).not.toContain("tenant");
});

test("lists and maps of what fits into a text are in the query as the gateway reads it, others are not", () => {
  const { parameters, document } = documentOf(
    "",
    'get: "/v1/things/{id}" response_body: "id"',
    "map<string, int32> counts = 8; repeated Place places = 9; map<string, Place> by_name = 10; } message Place { string name = 1;",
  );
  expect(document.components.schemas).not.toHaveProperty("t.Place");
  expect(parameters.filter(({ style }) => style !== undefined)).toEqual([
    {
      name: "pages",
      in: "query",
      schema: { type: "array", items: { type: "integer", format: "int32" } },
      style: "form",
      explode: true,
    },
    {
      name: "counts",
      in: "query",
      schema: { type: "object", additionalProperties: { type: "integer", format: "int32" } },
      style: "deepObject",
      explode: true,
    },
  ]);
  expect(namesOf(parameters, "query")).toEqual(["tenant", "pages", "where.region", "where.zone", "counts"]);
});

test("a header that fills two fields is one parameter, and required only where what it is in is, too", () => {
  const { parameters } = documentOf(
    'headers: [{ header: "x-id" field: "id" }, { header: "X-ID" field: "tenant" }, { header: "x-floor" field: "house.floor" }]',
    'get: "/v1/things"',
    "House house = 8; } message House { string floor = 1 [(google.api.field_behavior) = REQUIRED];",
  );
  expect(parameters.filter((one) => one.in === "header")).toEqual([
    { name: "x-id", in: "header", schema: { type: "string" } },
    { name: "x-floor", in: "header", schema: { type: "string" } },
  ]);
});

test("no text is null, so outside of a body a wrapper is what is in it", () => {
  const { parameters } = documentOf(
    "",
    'get: "/v1/things/{key}"',
    `google.protobuf.UInt64Value key = 8; google.protobuf.StringValue note = 9; google.protobuf.BoolValue old = 10;
     repeated google.protobuf.Int32Value sizes = 11; map<string, google.protobuf.DoubleValue> weights = 12;`,
  );
  const schemas = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
  expect(schemas).toMatchObject({
    key: { type: "string", format: "uint64" },
    note: { type: "string" },
    old: { type: "boolean" },
    sizes: { type: "array", items: { type: "integer" } },
    weights: { type: "object", additionalProperties: { type: "number" } },
  });
});

test("the query has no parameters that are deeper than a gateway reads", () => {
  const deep = Array.from({ length: 18 }, (_, n) => `message D${n} { D${n + 1} d = 1; string s = 2; }`).join("\n");
  const { parameters } = documentOf("", undefined, `D0 d = 8; } ${deep} message D18 { string s = 2;`);
  const depths = namesOf(parameters, "query").map((name) => (name as string).split(".").length);
  expect(Math.max(...depths)).toBe(16);
});

test("what a path says without a parameter is no part of the body", () => {
  const { operation } = documentOf("", 'post: "/v1/{name=things}" body: "*"', "string name = 8;");
  const { content } = operation.requestBody as { content: { [type: string]: { schema: { properties?: object } } } };
  expect(Object.keys(content["application/json"]?.schema.properties ?? {})).toEqual(["id", "tenant", "pages", "where"]);
});

test("types that contain each other in millions of ways, with nothing for a query in them, are given up on", () => {
  const all = Array.from({ length: 11 }, (_, n) => n);
  const types = all.map((n) => `message T${n} { ${all.map((m) => `T${m} t${m} = ${m + 1};`).join(" ")} }`);
  const { parameters } = documentOf("", undefined, `string first = 8; T0 t = 9; } ${types.join("\n")} message Last {`);
  expect(namesOf(parameters, "query")).toContain("first");
});
