import { expect, test } from "vitest";
import { compile, requestFor, run } from "../test/compile.ts";

const protos = {
  "a/base.proto": 'syntax = "proto3"; package a; message Base {}',
  "a/b/shop.proto": `syntax = "proto3"; package a.b; import "a/base.proto"; import "google/protobuf/empty.proto";
    message Order {}
    service Shop { rpc Get(a.Base) returns (Order); rpc Drop(Order) returns (google.protobuf.Empty); }`,
};
const set = compile(protos);

/** The modules that the generated file imports. */
function imports(parameter: string, generate: readonly string[] = ["a/b/shop.proto"]): string[] {
  const { files } = run(requestFor(set, generate, parameter));
  return [...(files["a/b/shop_mesh.ts"] ?? "").matchAll(/ from "(.*)";$/gm)].map(([, from]) => from as string);
}

test.each([
  ["", ["@protomesh/runtime", "../../google/protobuf/empty.js", "../base.js", "./shop.js"]],
  ["import_extension=ts", ["@protomesh/runtime", "../../google/protobuf/empty.ts", "../base.ts", "./shop.ts"]],
  ["import_extension=none", ["@protomesh/runtime", "../../google/protobuf/empty", "../base", "./shop"]],
  ["importSuffix=.mjs", ["@protomesh/runtime", "../../google/protobuf/empty.mjs", "../base.mjs", "./shop.mjs"]],
  ["fileSuffix=.pb", ["@protomesh/runtime", "../../google/protobuf/empty.pb.js", "../base.pb.js", "./shop.pb.js"]],
  ["runtime=@acme/mesh", ["@acme/mesh", "../../google/protobuf/empty.js", "../base.js", "./shop.js"]],
  ["Ma/base.proto=@acme/base", ["@acme/base", "@protomesh/runtime", "../../google/protobuf/empty.js", "./shop.js"]],
  [
    "Ma/base.proto=./own/base.js",
    ["@protomesh/runtime", "../../google/protobuf/empty.js", "../../own/base.js", "./shop.js"],
  ],
  ["messages=protobuf-es", ["@bufbuild/protobuf/wkt", "@protomesh/runtime", "../base_pb.js", "./shop_pb.js"]],
  [
    "messages=protobuf-es,import_extension=none",
    ["@bufbuild/protobuf/wkt", "@protomesh/runtime", "../base_pb", "./shop_pb"],
  ],
])("with parameter %j, imports are %j", (parameter, expected) => {
  expect(imports(parameter)).toEqual(expected);
});

test("a well-known type that the run generates itself comes from there, as protoc-gen-es does it", () => {
  const generate = ["google/protobuf/empty.proto", "a/b/shop.proto"];
  expect(imports("messages=protobuf-es", generate)).toContain("../../google/protobuf/empty_pb.js");
});

test("only files that are asked for and have services are generated", () => {
  expect(Object.keys(run(requestFor(set, ["a/base.proto", "a/b/shop.proto"])).files)).toEqual(["a/b/shop_mesh.ts"]);
  expect(Object.keys(run(requestFor(set, ["a/base.proto"])).files)).toEqual([]);
});

test("a file is the same, whatever else is generated with it", () => {
  const more = compile({
    ...protos,
    "z.proto": 'syntax = "proto3"; message Order {} service Shop { rpc A(Order) returns (Order); }',
  });
  const together = run(requestFor(more, ["a/b/shop.proto", "z.proto"])).files["a/b/shop_mesh.ts"];
  expect(together).toBe(run(requestFor(set, ["a/b/shop.proto"])).files["a/b/shop_mesh.ts"]);
});

test("a file that ts-proto cannot name a module for is refused, and works with protobuf-es", () => {
  const odd = compile({ "a.proto.d/x.proto": 'syntax = "proto3"; message M {} service S { rpc A(M) returns (M); }' });
  const request = (parameter: string) => requestFor(odd, ["a.proto.d/x.proto"], parameter);

  expect(run(request("")).errors).toEqual([
    expect.stringMatching(/^a\.proto\.d\/x\.proto:1:1: .*messages=protobuf-es \[names\/module\]$/),
  ]);
  expect(Object.keys(run(request("messages=protobuf-es")).files)).toEqual(["a.proto.d/x_mesh.ts"]);
});
