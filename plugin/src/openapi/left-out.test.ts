import { expect, test } from "vitest";
import { generate } from "../../test/compile.ts";

const file = (name: string, rpcs: string) => `syntax = "proto3";
package ${name};
import "google/api/annotations.proto";
import "mesh/v1/options.proto";
message M { string id = 1; string name = 2; }
service S {
  option (mesh.v1.service) = { auth: { access: PUBLIC } timeout: { total: "1s" } };
${rpcs}
}`;

/** What is said about documents, of protos whose methods begin in line 8. */
function leftOut(protos: { readonly [name: string]: string }, parameter = "openapi=true"): string[] {
  const { errors, warnings } = generate(
    Object.fromEntries(Object.entries(protos).map(([name, rpcs]) => [`${name}.proto`, file(name, rpcs)])),
    parameter,
  );
  expect(errors).toEqual([]);
  return warnings.filter((line) => line.includes("[openapi/"));
}

const rpc = (name: string, rule: string) =>
  `  rpc ${name}(M) returns (M) { option (google.api.http) = { ${rule} }; }\n`;

test("a kind for which OpenAPI has no word is told, with file, line, method and route", () => {
  const custom = 'custom: { kind: "PROPFIND" path: "/v1/b/{id}" }';
  expect(leftOut({ a: rpc("Get", 'get: "/v1/a/{id}"') + rpc("Find", custom) })).toEqual([
    "a.proto:9:29: warning: a.S.Find: PROPFIND /v1/b/{id} is not in the OpenAPI document, which has no word for PROPFIND; the gateway serves it all the same [openapi/left-out]",
  ]);
  expect(leftOut({ a: rpc("Get", `get: "/v1/a/{id}" additional_bindings { ${custom} }`) })).toMatchObject([
    expect.stringMatching(/^a\.proto:8:\d+: warning: a\.S\.Get: PROPFIND \/v1\/b\/\{id\} is not in/),
  ]);
});

test("of two routes that OpenAPI takes for one, the one that it has not is told, with the one that it has", () => {
  const routes = rpc("Wide", 'get: "/v1/things/{name=**}"') + rpc("Narrow", 'get: "/v1/things/{id}"');
  expect(leftOut({ a: routes })).toEqual([
    "a.proto:8:29: warning: a.S.Wide: GET /v1/things/{name=**} is not in the OpenAPI document: GET /v1/things/{id} of a.S.Narrow has the same path and method there; the gateway serves both [openapi/left-out]",
  ]);
});

test("a route of every method is told when another path takes a part of it, not when the same path does", () => {
  const all = (path: string) => `custom: { kind: "*" path: "${path}" } body: "*"`;
  expect(leftOut({ a: rpc("All", all("/v1/a/{id}")) + rpc("Post", 'post: "/v1/a/{id}" body: "*"') })).toEqual([]);
  expect(
    leftOut({ a: rpc("All", all("/v1/a/{name=**}")) + rpc("Post", 'post: "/v1/a/{id}" body: "*"') }),
  ).toMatchObject([
    expect.stringContaining(
      "a.S.All: * /v1/a/{name=**} is not in the OpenAPI document with some of its methods: POST /v1/a/{id} of a.S.Post",
    ),
  ]);
});

test("in one document for all files, routes of two files are compared; in a document each they are not", () => {
  const protos = { a: rpc("Wide", 'get: "/v1/{name=**}"'), b: rpc("Narrow", 'get: "/v1/{id}"') };
  expect(leftOut(protos)).toEqual([]);
  expect(leftOut(protos, "openapi=merge")).toMatchObject([
    expect.stringMatching(/^a\.proto:8:29: warning: a\.S\.Wide: .* GET \/v1\/\{id\} of b\.S\.Narrow/),
  ]);
});

test("who asks for no document is told nothing, and neither is one whose document has everything", () => {
  const custom = rpc("Find", 'custom: { kind: "PROPFIND" path: "/v1/b/{id}" }');
  expect(leftOut({ a: custom }, "")).toEqual([]);
  const whole = rpc("Get", 'get: "/v1/a/{id}"') + rpc("Put", 'put: "/v1/a/{name}" body: "*"');
  expect(leftOut({ a: whole })).toEqual([]);
});
