import { create, createFileRegistry, type DescMessage, fromJsonString } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonOf } from "../../test/arbitrary-json.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { registryOf, schemaOf } from "../messages/descriptors.ts";
import { esJson } from "./codec.ts";
import { DirectReaders } from "./direct.ts";
import { esShape } from "./es-shape.ts";
import { Readers } from "./read.ts";
import { parseStrictly } from "./text.ts";

const registry = registryOf(Kitchen);
const schema = schemaOf(Kitchen.methods.mirror?.request as never, registry);

/** Reads without the way over a tree; undefined where that is needed. */
function direct(desc: DescMessage, ignoreUnknown = false) {
  return new DirectReaders(esShape, new Readers(esShape, { registry, ignoreUnknown }), ignoreUnknown).text(desc);
}

const outcome = (read: () => unknown) => {
  try {
    return read();
  } catch {
    return "refused";
  }
};

test("every message is read without a tree, as protobuf-es reads it", () => {
  const read = direct(schema);
  fc.assert(
    fc.property(jsonOf(schema), fc.constantFrom(0, 1, "\t"), (json, indent) => {
      const text = JSON.stringify(json, null, indent);
      expect(read(text)).toEqual(fromJsonString(schema, text, { registry }));
    }),
    { numRuns: 500 },
  );
});

test("a text with something wrong in it is what it is when it is read from a tree", () => {
  const codec = esJson(schema, { registry });
  const pieces = fc.constantFrom(...',:"{}[]\\0-1.e \n\u0001ü', "", "null", "true");
  fc.assert(
    fc.property(jsonOf(schema), fc.nat(), fc.nat(2), pieces, (json, at, gone, piece) => {
      const text = JSON.stringify(json);
      const start = at % (text.length + 1);
      const broken = text.slice(0, start) + piece + text.slice(start + gone);
      expect(outcome(() => codec.parse(broken))).toEqual(outcome(() => codec.read(parseStrictly(broken))));
    }),
    { numRuns: 1500 },
  );
});

test.each([
  '{"small":1,"small":1}',
  '{"smallUnsigned":1,"small_unsigned":1}',
  '{"nested":{"name":"a","name":"a"}}',
  '{"facts":{"a":[{"b":1,"b":1}]}}',
  '{"left":"a","right":1}',
  '{"nope":1}',
  '{"text":"a"} x',
  "[]",
  "null",
])("%s is left to the way over a tree", (text) => {
  expect(direct(schema)(text)).toBeUndefined();
});

test("unknown keys are passed over, each once", () => {
  const read = direct(schema, true);
  const wanted = fromJsonString(schema, '{"text":"a","small":1}', { registry });
  expect(read('{"nope":{"a":[1]},"text":"a","never":null,"small":1}')).toEqual(wanted);
  for (const text of ['{"nope":1,"nope":2}', '{"nope":{"a":1,"a":2}}', '{"[acme.ext]":1}'])
    expect(read(text)).toBeUndefined();
});

test("a message may have more fields than a number has bits", () => {
  const field = (number: number) =>
    ({ name: `f${number}`, jsonName: `f${number}`, number, type: 5, label: 1 }) as never;
  const file: FileDescriptorProto = create(FileDescriptorProtoSchema, {
    name: "wide.proto",
    syntax: "proto3",
    messageType: [{ name: "Wide", field: Array.from({ length: 70 }, (_, n) => field(n + 1)) }],
  });
  const wide = createFileRegistry(file, () => undefined).getMessage("Wide") as DescMessage;
  const read = direct(wide);
  const text = `{${wide.fields.map(({ jsonName }, n) => `"${jsonName}":${n + 1}`).join()}}`;
  expect(read(text)).toEqual(fromJsonString(wide, text));
  for (const twice of ["f1", "f31", "f32", "f70"]) expect(read(`${text.slice(0, -1)},"${twice}":1}`)).toBeUndefined();
});
