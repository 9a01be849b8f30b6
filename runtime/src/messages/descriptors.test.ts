import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import type { Codec } from "../core/spec.ts";
import { esCodec, tsProtoCodec } from "./codec.ts";
import { describe, describedCodec, registryOf, schemaOf, undescribe } from "./descriptors.ts";

const registry = registryOf(Kitchen);
const codec = tsProtoCodec("test.kitchen.v1.Dish", Dish);
const soup = Dish.create({ name: "soup", id: 7n, labels: { a: "b" }, createdAt: new Date(5000), photo: Buffer.of(1) });

test("a service's registry knows its messages and the well-known ones it uses, and is built once", () => {
  expect(registry.getService("test.kitchen.v1.Kitchen")?.methods).toHaveLength(8);
  expect(registry.getMessage("test.kitchen.v1.AllKinds.Nested")).toBeDefined();
  expect(registry.getMessage("google.protobuf.Timestamp")).toBeDefined();
  expect(registryOf(Kitchen)).toBe(registry);
});

test("messages of another generator are described over their bytes, and back", () => {
  const described = describe(codec, registry)(soup);
  expect(described).toMatchObject({ $typeName: "test.kitchen.v1.Dish", name: "soup", createdAt: { seconds: 5n } });
  expect(undescribe(codec, registry)(described)).toEqual(soup);
});

test("messages of protobuf-es are what they are", () => {
  const own = esCodec(schemaOf(codec, registry));
  const message = create(own.schema);
  expect(describe(own, registry)(message)).toBe(message);
  expect(undescribe(own, registry)(message)).toBe(message);
  expect(describedCodec(own, registry)).toBe(own);
});

test("a described codec has the bytes of the original one", () => {
  const other = describedCodec(codec, registry);
  expect(Buffer.from(other.encode(other.decode(codec.encode(soup))))).toEqual(Buffer.from(codec.encode(soup)));
});

test("a message that is not embedded is an error that says what to do", () => {
  const stranger: Codec = { ...(codec as Codec), typeName: "acme.Stranger" };
  expect(() => schemaOf(stranger, registry)).toThrow(
    "no descriptor of acme.Stranger is embedded: generate the code again",
  );
});

const withFiles = (...files: MessageInitShape<typeof FileDescriptorProtoSchema>[]) => ({
  ...Kitchen,
  descriptors: base64Encode(
    toBinary(
      FileDescriptorSetSchema,
      create(FileDescriptorSetSchema, { file: files.map((file) => create(FileDescriptorProtoSchema, file)) }),
    ),
  ),
});

test("files may come in any order", () => {
  const user = { name: "b.proto", package: "p", syntax: "proto3", dependency: ["a.proto"] };
  const used = { name: "a.proto", package: "p", syntax: "proto3", messageType: [{ name: "M" }] };
  for (const files of [
    [user, used],
    [used, user],
  ]) {
    expect(registryOf(withFiles(...files)).getMessage("p.M")).toBeDefined();
  }
});

test("damaged descriptors are an error that says what to do", () => {
  const incomplete = withFiles({ name: "b.proto", syntax: "proto3", dependency: ["missing.proto"] });
  for (const spec of [incomplete, { ...Kitchen, descriptors: "////" }, { ...Kitchen, descriptors: "?" }])
    expect(() => registryOf(spec)).toThrow(
      "the descriptors of test.kitchen.v1.Kitchen are damaged: generate its code again",
    );
});

test("what a codec cannot hold is the caller's mistake, whatever the codec throws", () => {
  const registry = registryOf(Kitchen);
  const narrow: Codec = {
    ...(Kitchen.methods.createDish?.reply as Codec),
    decode() {
      throw new Error("Value is larger than Number.MAX_SAFE_INTEGER");
    },
  };
  const message = create(schemaOf(narrow, registry));
  expect(() => undescribe(narrow, registry)(message)).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      text: "this server cannot hold the test.kitchen.v1.Dish it was sent: Value is larger than Number.MAX_SAFE_INTEGER",
    }),
  );
});
