import { create, createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { compile, requestFor } from "../test/compile.ts";
import { readRequest } from "./request.ts";

const set = compile({
  "a.proto": 'syntax = "proto3";\n// Says a.\nmessage A {}\n',
  "b.proto": 'syntax = "proto3";\nmessage B {}\n',
});
const encoded = (request = requestFor(set, ["a.proto"], "x=y")) => toBinary(CodeGeneratorRequestSchema, request);

test("files come without comments and positions, everything else as it was", () => {
  const { message } = readRequest(encoded());
  const { protoFile, ...rest } = fromBinary(CodeGeneratorRequestSchema, encoded());

  expect(message).toEqual({
    ...rest,
    protoFile: protoFile.map((file) => {
      const { sourceCodeInfo: _, ...stripped } = file;
      return Object.assign(create(FileDescriptorProtoSchema), stripped);
    }),
  });
});

test("comments and positions are there when they are asked for", () => {
  const { message, sources } = readRequest(encoded());
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: message.protoFile }));
  const file = registry.getFile("a.proto");
  if (!file) throw new Error("a.proto is missing");

  const found = sources.locations(file).find(({ leadingComments }) => leadingComments === " Says a.\n");
  expect(found).toMatchObject({ path: [4, 0], span: [2, 0, 12] });
});

test("a file to generate is taken as its source has it, and embedded as others see it", () => {
  const [a] = set.file;
  if (!a) throw new Error("a.proto is missing");
  const written = create(FileDescriptorProtoSchema, { ...a, package: "source" });
  const { message, runtimeCopy } = readRequest(
    encoded(create(CodeGeneratorRequestSchema, { ...requestFor(set, ["a.proto"]), sourceFileDescriptors: [written] })),
  );

  expect(message.protoFile.find((file) => file.name === "a.proto")?.package).toBe("source");
  expect(message.sourceFileDescriptors).toEqual([]);
  expect(runtimeCopy("a.proto").package).toBe("");
});

test.each([
  ["text", Buffer.from("syntax = proto3")],
  ["a request that ends too early", encoded().subarray(0, -3)],
  ["noise", Uint8Array.from({ length: 64 }, (_, index) => (index * 37) % 256)],
])("%s is refused", (_, bytes) => {
  expect(() => readRequest(bytes)).toThrow("the input is no CodeGeneratorRequest");
});
