import { join } from "node:path";
import type { DescMessage } from "@bufbuild/protobuf";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { compileFolder, requestFor, root, run } from "../../../../plugin/test/compile.ts";
import { jsonOf } from "../../../test/arbitrary-json.ts";
import { Kitchen } from "../../../test/kitchen/kitchen_mesh.ts";
import { overHttp } from "../../../test/over-http.ts";
import { registryOf } from "../../messages/descriptors.ts";

// What the generator's document says of a service, held against a gateway in front of it.

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly style?: string;
  readonly schema?: Schema;
}
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly responses: { readonly [status: string]: { readonly content?: { readonly [type: string]: unknown } } };
}
interface Document {
  readonly components: { readonly schemas: { readonly [name: string]: Schema } };
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
}

let document: Document;
let ajv: Ajv2020;

beforeAll(() => {
  const { files } = run(
    requestFor(compileFolder(join(root, "runtime/test")), ["kitchen/kitchen.proto"], "openapi=merge"),
  );
  document = JSON.parse(files["openapi.json"] as string);
  ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: "https://example.com/", ...document });
}, 60_000);

/** What is wrong with a value by a schema of the document; undefined for nothing. */
function wrong(value: unknown, ...at: readonly string[]): unknown {
  const pointer = at.map((step) => encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
  const validate = ajv.getSchema(`https://example.com/#/${pointer}`);
  if (!validate) throw new Error(`the document has no schema at ${pointer}`);
  return validate(value) ? undefined : validate.errors;
}

/** JSON has no such numbers, and schemas do not speak of the text that ProtoJSON has for them. */
const hasNumbersOnly = (json: object) => !/"-?(?:NaN|Infinity)"/.test(JSON.stringify(json));

test("whatever a message holds, its JSON is what the schema says", async () => {
  const { post, get } = await overHttp();
  const kinds = registryOf(Kitchen).getMessage("test.kitchen.v1.AllKinds") as DescMessage;
  const at = ["paths", "/v1/mirror", "post", "responses", "200", "content", "application/json", "schema"];
  await fc.assert(
    fc.asyncProperty(jsonOf(kinds).filter(hasNumbersOnly), async (json) => {
      const response = await post("/v1/mirror", json);
      expect(response.status).toBe(200);
      expect(wrong(await response.json(), ...at)).toBeUndefined();
    }),
    { numRuns: 150 },
  );
  const refused = await get("/v1/mirror?small=x");
  expect(refused.status).toBe(400);
  expect(wrong(await refused.json(), "components", "schemas", "google.rpc.Status")).toBeUndefined();
});

test("a field that is the whole reply, and is not set, is what the schema says", async () => {
  const { post } = await overHttp();
  const at = ["paths", "/v1/mirror/{text}/nested", "post", "responses", "200", "content", "application/json", "schema"];
  for (const body of ["", "{}", '{"name":"x","inner":{}}']) {
    const response = await post("/v1/mirror/x/nested", body);
    expect(response.status).toBe(200);
    expect(wrong(await response.json(), ...at), body).toBeUndefined();
  }
});

/** A text that is no zero and that a schema takes. */
function textFor({ $ref, ...schema }: Schema): string {
  if ($ref !== undefined) return textFor(document.components.schemas[$ref.split("/").at(-1) as string] as Schema);
  if (schema.enum) return String(schema.enum.at(-1));
  if (schema.type === "boolean") return "true";
  if (schema.type === "integer" || schema.type === "number") return "7";
  if (schema.format === "date-time") return "2026-11-21T20:00:00Z";
  if (schema.format === "byte") return "AAAA";
  return schema.format?.endsWith("int64") ? "7" : "7s";
}

test("the gateway reads every parameter of the query that is listed", async () => {
  const { get } = await overHttp({}, { policy: { mirror: { http: { unknownQuery: "REJECT" } } } });
  const { parameters = [] } = document.paths["/v1/mirror"]?.get ?? {};
  expect(parameters.length).toBeGreaterThan(25);
  const none = await (await get("/v1/mirror")).text();
  for (const { name, in: place, style, schema } of parameters) {
    expect(place).toBe("query");
    const query =
      schema === undefined
        ? `${name}=${encodeURIComponent('{"a":1}')}`
        : style === "deepObject"
          ? `${name}[key]=${textFor(schema.additionalProperties as Schema)}`
          : `${name}=${textFor(schema.type === "array" ? (schema.items as Schema) : schema)}`;
    const response = await get(`/v1/mirror?${query}`);
    expect([query, response.status]).toEqual([query, 200]);
    expect(await response.text(), query).not.toBe(none);
  }
});

test("a stream has the media types that are listed, each of their own form", async () => {
  const { get } = await overHttp();
  const { content = {} } = document.paths["/v1/dishes:watch"]?.get?.responses[200] ?? {};
  expect(Object.keys(content)).toHaveLength(3);
  for (const type of Object.keys(content)) {
    const response = await get("/v1/dishes:watch?count=2", { accept: type });
    expect(response.headers.get("content-type")).toBe(type);
    const text = await response.text();
    const values =
      type === "application/json"
        ? [JSON.parse(text)]
        : text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line.replace(/^data: /, ""))]));
    expect(values).toHaveLength(type === "application/json" ? 1 : 2);
    const at = ["paths", "/v1/dishes:watch", "get", "responses", "200", "content", type, "schema"];
    for (const value of values) expect(wrong(value, ...at), type).toBeUndefined();
  }
});
