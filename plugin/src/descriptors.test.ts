import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  file_google_protobuf_descriptor,
  file_google_protobuf_timestamp,
} from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { factsOf } from "../../runtime/src/config/facts.ts";
import type { MethodSpec } from "../../runtime/src/core/spec.ts";
import { registryOf, wellKnownFiles } from "../../runtime/src/messages/descriptors.ts";
import { generate } from "../test/compile.ts";
import { atRuntime } from "./descriptors.ts";

const protos = {
  "options.proto": `syntax = "proto3"; package opt; import "google/protobuf/descriptor.proto";
    message Rule { string text = 1; }
    extend google.protobuf.FieldOptions { Rule rule = 50123; }
    extend google.protobuf.MessageOptions { string note = 50124; }`,
  "deep.proto": `syntax = "proto3"; package deep; import "options.proto";
    // A comment.
    message Deep { option (opt.note) = "custom"; option deprecated = true; string id = 1 [(opt.rule).text = "x"]; }`,
  "door.proto": `syntax = "proto3"; package door; import public "deep.proto"; message Door {}`,
  "a.proto": `syntax = "proto3"; package a; import "door.proto"; import "google/protobuf/timestamp.proto"; import "options.proto";
    message A { deep.Deep deep = 1; google.protobuf.Timestamp at = 2 [(opt.rule).text = "y"]; }
    service First { rpc Get(A) returns (deep.Deep); }`,
  "b.proto": `syntax = "proto3"; package b; import "a.proto"; import public "deep.proto"; import "door.proto";
    message B { a.A a = 1; map<string, deep.Deep> deeps = 2; door.Door door = 3; }
    service Second { rpc Get(B) returns (B); }`,
  "declares.proto": `syntax = "proto3"; package d; import "options.proto"; import "google/protobuf/descriptor.proto";
    extend google.protobuf.FieldOptions { opt.Rule mine = 50125; }
    message M {}
    service Third { rpc Get(M) returns (M); }`,
};
const { files } = generate(protos);

const base64Of = (content = "") => /const descriptors =\s+"([^"]+)"/.exec(content)?.[1] ?? "";

const embedded = (path: string): FileDescriptorProto[] =>
  fromBinary(FileDescriptorSetSchema, Buffer.from(base64Of(files[path]), "base64")).file;

test("a file brings the files whose types it uses, dependencies first, well-known types excepted", () => {
  expect(embedded("a_mesh.ts").map((file) => file.name)).toEqual(["deep.proto", "a.proto"]);
  expect(embedded("b_mesh.ts").map((file) => file.name)).toEqual(["deep.proto", "a.proto", "door.proto", "b.proto"]);
});

test("imports are those of used types: straight to their file, public only where the file says so", () => {
  const a = embedded("a_mesh.ts").at(-1);
  expect(a?.dependency).toEqual(["deep.proto", "google/protobuf/timestamp.proto"]);
  expect(a?.publicDependency).toEqual([]);

  const b = embedded("b_mesh.ts").at(-1);
  expect(b?.dependency).toEqual(["a.proto", "deep.proto", "door.proto"]);
  expect(b?.publicDependency).toEqual([1]);
});

test("custom options and comments stay out, standard options stay", () => {
  const [deep] = embedded("a_mesh.ts");
  const message = deep?.messageType[0];
  expect(message?.options?.deprecated).toBe(true);
  expect(message?.options?.$unknown).toBeUndefined();
  expect(message?.field[0]?.options?.$unknown).toBeUndefined();
  expect(deep?.sourceCodeInfo).toBeUndefined();
});

test("fields are marked as sensitive, which the runtime reads; other options of ours are left out", () => {
  const { files } = generate({
    "s.proto": `syntax = "proto3"; package s; import "mesh/v1/options.proto"; import "google/protobuf/descriptor.proto";
      extend google.protobuf.FieldOptions { string note = 50123; }
      message Q { string a = 1; string b = 2 [(mesh.v1.field).sensitive = true, (note) = "x"]; }
      service S { option (mesh.v1.service) = { auth: { access: PUBLIC } }; rpc Get(Q) returns (Q); }`,
  });
  const [file] = fromBinary(FileDescriptorSetSchema, Buffer.from(base64Of(files["s_mesh.ts"]), "base64")).file;
  expect(file?.dependency).toEqual(["google/protobuf/descriptor.proto"]);
  expect(file?.service[0]?.options?.$unknown).toBeUndefined();
  const options = file?.messageType[0]?.field.map(({ options }) => options?.$unknown?.map(({ no }) => no));
  expect(options).toEqual([undefined, [51510]]);
  const method = { name: "Get", path: "/s.S/Get", kind: "unary", policy: {} } as MethodSpec;
  const service = { name: "s.S", descriptors: base64Of(files["s_mesh.ts"]), methods: { get: method } };
  const { field } = factsOf(method, service, {});
  expect(["a", "b"].map((path) => field(path)?.sensitive)).toEqual([false, true]);
});

test("a file's bytes are the same, whoever embeds it", () => {
  const [ofA, ofB] = ["a_mesh.ts", "b_mesh.ts"].map((path) =>
    embedded(path).find((file) => file.name === "deep.proto"),
  );
  expect(ofA).toEqual(ofB);
});

test("an extension that a file declares keeps the file of its type", () => {
  expect(embedded("declares_mesh.ts").map((file) => file.name)).toEqual(["options.proto", "declares.proto"]);
});

test("the set is complete: with the well-known types it makes a registry", () => {
  for (const [path, service] of [
    ["b_mesh.ts", "b.Second"],
    ["declares_mesh.ts", "d.Third"],
  ] as const) {
    const file = [...wellKnown, ...embedded(path)];
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
    expect(registry.getService(service)?.methods).toHaveLength(1);
  }
});

const wellKnown = [file_google_protobuf_descriptor, file_google_protobuf_timestamp].map(({ proto }) => proto);

test("the runtime reads the set back, files that several others import included", () => {
  const diamond = generate({
    "bottom.proto": 'syntax = "proto3"; package t; message Bottom {}',
    "left.proto": 'syntax = "proto3"; package t; import "bottom.proto"; message Left { Bottom bottom = 1; }',
    "right.proto": 'syntax = "proto3"; package t; import "bottom.proto"; message Right { Bottom bottom = 1; }',
    "both.proto":
      'syntax = "proto3"; package t; import "left.proto"; import "right.proto"; message Both { Left left = 1; Right right = 2; }',
    "top.proto":
      'syntax = "proto3"; package t; import "both.proto"; import "right.proto"; service Top { rpc A(Both) returns (Right); }',
  });
  const registry = registryOf({ name: "t.Top", descriptors: base64Of(diamond.files["top_mesh.ts"]), methods: {} });

  expect([...registry.files].map((file) => file.name).sort()).toEqual(["both", "bottom", "left", "right", "top"]);
  expect(registry.getMessage("t.Right")).toBe(registry.getService("t.Top")?.method.a?.output);
});

test("what is left out is exactly what the runtime adds", () => {
  expect([...atRuntime].sort()).toEqual([...wellKnownFiles.keys()].sort());
});
