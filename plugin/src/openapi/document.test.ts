import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generate, root } from "../../test/compile.ts";

const annotations = "protoc-gen-openapiv2/options/annotations.proto";
const swagger = "grpc.gateway.protoc_gen_openapiv2.options";

/** One document for files of these options, each with a method of these. */
function documentOf(...files: (readonly [fileOption: string, methodOption?: string])[]) {
  const protos = files.map(([fileOption, methodOption = ""], index) => {
    const name = `t${index}`;
    const text = `syntax = "proto3"; package ${name};
      import "${annotations}"; import "google/api/annotations.proto"; import "mesh/v1/options.proto";
      ${fileOption === "" ? "" : `option (${swagger}.openapiv2_swagger) = { ${fileOption} };`}
      message M { string id = 1; }
      service S { rpc Call(M) returns (M) {
        option (google.api.http) = { get: "/v1/${name}" };
        ${methodOption === "" ? "" : `option (${swagger}.openapiv2_operation) = { ${methodOption} };`}
      } }`;
    return [`${name}.proto`, text] as const;
  });
  const known = { [annotations]: readFileSync(join(root, "testdata/openapi", annotations), "utf8") };
  const { files: made, errors } = generate({ ...known, ...Object.fromEntries(protos) }, "openapi=merge");
  expect(errors).toEqual([]);
  return JSON.parse(made["openapi.json"] as string);
}

test("without a host, calls go to where the document is", () => {
  expect(documentOf([""]).servers).toEqual([{ url: "/" }]);
  expect(documentOf(['base_path: "/api/"']).servers).toEqual([{ url: "/api" }]);
});

test("a host needs no title beside it, and its base path is a part of it", () => {
  const { servers, info } = documentOf(['host: "api.example.com" base_path: "/shop/" schemes: [1, 2, 4]']);
  expect(servers).toEqual([{ url: "http://api.example.com/shop" }, { url: "https://api.example.com/shop" }]);
  expect(info.title).toBe("t0.S");
});

test("of several files, the first one that says something about it is heard", () => {
  const { servers, info } = documentOf([""], ['host: "b.example.com"'], ['info: { title: "C" } host: "c.example.com"']);
  expect(servers).toEqual([{ url: "https://b.example.com" }]);
  expect(info.title).toBe("C");
});

test("operations have ids of their own, which any URL can hold", () => {
  const { paths } = documentOf(
    ["", 'operation_id: "get it"'],
    ["", 'operation_id: "get it"'],
    ["", 'operation_id: ""'],
  );
  const ids = Object.values(paths as { [path: string]: { get: { operationId: string } } }).map(
    ({ get }) => get.operationId,
  );
  expect(ids).toEqual(["get_it", "get_it_2", "S_Call"]);
});

test("an answer is described anew where there is one, and only there", () => {
  const responses =
    '[{ key: "200" value: { description: "Here." } }, { key: "constructor" value: { description: "x" } }]';
  const { paths } = documentOf(["", `responses: ${responses}`]);
  expect(paths["/v1/t0"].get.responses[200].description).toBe("Here.");
  expect(Object.keys(paths["/v1/t0"].get.responses)).not.toContain("constructor");
});

test("the title names what the document has, and nothing that readers must not know of", () => {
  const service = (name: string, option = "") => `syntax = "proto3"; ${name === "" ? "" : `package ${name};`}
    import "google/api/annotations.proto"; import "google/api/visibility.proto"; import "mesh/v1/options.proto";
    message M { string id = 1; }
    service S { ${option} rpc Call(M) returns (M) { option (google.api.http) = { get: "/v1/${name}/x" }; } }`;
  const titleOf = (protos: { readonly [path: string]: string }) => {
    const { files, errors } = generate(protos, "openapi=merge");
    expect(errors).toEqual([]);
    const { info } = JSON.parse(files["openapi.json"] as string);
    return [info.title, info.version];
  };
  const hidden = service("secret.v3", 'option (google.api.api_visibility).restriction = "INTERNAL";');
  const messages = 'syntax = "proto3"; package a.types; message T {}';
  expect(titleOf({ "a.proto": service("b.v2"), "b.proto": hidden, "c.proto": messages })).toEqual(["b.v2.S", "v2"]);
  expect(titleOf({ "a.proto": service("c.v1"), "b.proto": service("b.v2") })).toEqual(["c.v1, b.v2", "v1"]);
  expect(titleOf({ "a.proto": service("").replace("/v1//x", "/v1/x") })).toEqual(["S", "1"]);
});

test("security schemes have names that components may have", () => {
  const scheme = '{ key: "partner key" value: { type: 2 in: 2 name: "x-partner" } }';
  const { paths, components } = documentOf([
    `security_definitions: { security: [${scheme}] }`,
    'security: { security_requirement: { key: "partner key" value: {} } }',
  ]);
  expect(components.securitySchemes).toEqual({ partner_key: { type: "apiKey", in: "header", name: "x-partner" } });
  expect(paths["/v1/t0"].get.security).toEqual([{ partner_key: [] }]);
});
