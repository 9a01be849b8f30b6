import { create, createFileRegistry } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import type { Route } from "../../core/spec.ts";
import { esJson } from "../../json/codec.ts";
import { compileBinder } from "./bind.ts";

const { STRING, BYTES, MESSAGE } = FieldDescriptorProto_Type;
const field = (name: string, number: number, type = STRING, typeName = "") => ({
  name,
  jsonName: name === "content_type" ? "contentType" : name,
  number,
  type,
  typeName,
  label: FieldDescriptorProto_Label.OPTIONAL,
});
const file = create(FileDescriptorProtoSchema, {
  name: "raw.proto",
  package: "google.api",
  syntax: "proto3",
  messageType: [
    { name: "HttpBody", field: [field("content_type", 1), field("data", 2, BYTES)] },
    { name: "Upload", field: [field("name", 1), field("file", 2, MESSAGE, ".google.api.HttpBody")] },
  ],
});
const registry = createFileRegistry(file, () => undefined);
const base: Route = { method: "POST", template: "/", segments: [], variables: [] };
const raw = { kind: "raw", contentType: "image/png", data: Uint8Array.of(1, 2) } as const;

function binder(type: string, route: Route) {
  const schema = registry.getMessage(`google.api.${type}`);
  if (!schema) throw new Error(type);
  return compileBinder({ route, schema, registry, config: {}, json: esJson(schema, { registry }) });
}

test("bytes are the request, or a field of it, as they came", () => {
  const whole = binder("HttpBody", { ...base, body: "*" });
  expect(whole.bind([], "", raw)).toMatchObject({ contentType: "image/png", data: raw.data });
  const part = binder("Upload", { ...base, body: "file" });
  const { file } = part.bind([], "name=a", raw) as { file: { data: Uint8Array } };
  expect(file.data).toBe(raw.data);
  expect(part.element(raw)).toMatchObject({ name: "", file: { contentType: "image/png" } });
});

test("bytes where JSON belongs are refused", () => {
  expect(() => binder("Upload", { ...base, body: "*" }).bind([], "", raw)).toThrow("the body must be JSON");
});
