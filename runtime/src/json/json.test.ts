import { create, fromJson, fromJsonString, type JsonObject, toBinary, toJson } from "@bufbuild/protobuf";
import { AnySchema, OptionSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonOf } from "../../test/arbitrary-json.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { registryOf, schemaOf } from "../messages/descriptors.ts";
import { esJson } from "./codec.ts";
import { JsonError } from "./error.ts";
import { parseStrictly } from "./text.ts";

const registry = registryOf(Kitchen);
const schema = schemaOf(Kitchen.methods.mirror?.request as never, registry);
const codec = esJson(schema, { registry });
const full = esJson(schema, { registry, emitDefaults: true });
const lenient = esJson(schema, { registry, ignoreUnknown: true });

describe("against protobuf-es", () => {
  test("reads and prints whatever a message may hold", () => {
    fc.assert(
      fc.property(jsonOf(schema), (json) => {
        const text = JSON.stringify(json);
        const theirs = fromJsonString(schema, text, { registry });
        const ours = codec.parse(text);
        expect(ours).toEqual(theirs);
        expect(codec.print(theirs)).toBe(JSON.stringify(toJson(schema, theirs, { registry })));
        expect(full.print(theirs)).toBe(JSON.stringify(toJson(schema, theirs, { registry, alwaysEmitImplicit: true })));
      }),
      { numRuns: 500 },
    );
  });

  test("refuses what it refuses", () => {
    fc.assert(
      fc.property(jsonOf(schema), fc.nat(), fc.jsonValue(), fc.boolean(), (json, at, value, tolerant) => {
        // White space is a number to what protobuf-es reads 64 bits with, and to nobody else; 1e3 in quotes is none to it alone,
        // and it rounds long numbers.
        fc.pre(!/"(?:\s|-?\d*[.e])|(?<![\d.])\d{16,}(?![\d.])/i.test(JSON.stringify(value)));
        const names = schema.fields.map(({ jsonName }) => jsonName);
        const broken = { ...json, [names[at % names.length] as string]: value };
        const text = JSON.stringify(broken);
        const outcome = (read: () => unknown) => {
          try {
            return read();
          } catch {
            return "refused";
          }
        };
        const options = { registry, ignoreUnknownFields: tolerant };
        expect(outcome(() => (tolerant ? lenient : codec).parse(text))).toEqual(
          outcome(() => fromJsonString(schema, text, options)),
        );
      }),
      { numRuns: 1000 },
    );
  });
});

test("bytes and masks may be in a tree that was made by hand", () => {
  const message = codec.read({ raw: new Uint8Array([1, 2]) });
  expect(message).toEqual(fromJson(schema, { raw: "AQI=" }));
});

test.each([
  ['{"small":1,"small":1}', "", "duplicate key"],
  ['{"small":1,"sm\\u0061ll":1}', "", "duplicate key"],
  ['{"nested":{"name":"a","name":"a"}}', "", "duplicate key"],
  ['{"facts":{"a":[{"b":1,"b":1}]}}', "", "duplicate key"],
  ['{"smallUnsigned":1,"small_unsigned":1}', "small_unsigned", "set multiple times"],
  ['{"left":"a","right":1}', "either", "oneof set multiple times by left and right"],
  ['{"small":"x"}', "small", 'expected int32, got "x"'],
  ['{"nested":{"name":5}}', "name", "expected string, got 5"],
  ['{"text":"\\ud800"}', "text", "is no valid Unicode"],
  ['{"facts":{"a":[{"b":"\\udfff"}]}}', "facts", "is no valid Unicode"],
  ['{"facts":{"\\ud800":1}}', "facts", "is no valid Unicode"],
  ['{"anything":"\\ud800"}', "anything", "is no valid Unicode"],
  ['{"mask":"\\ud800"}', "mask", "is no valid Unicode"],
  ['{"raw":"a*"}', "raw", "is no base64"],
  ['{"at":"soon"}', "at", "invalid RFC 3339"],
  ['{"at":"2023-02-29T00:00:00Z"}', "at", "invalid RFC 3339"],
  ['{"at":"2024-04-31T12:00:00.5+01:00"}', "at", "invalid RFC 3339"],
  ['{"at":"2024-01-01T24:00:00Z"}', "at", "invalid RFC 3339"],
  ['{"large":"1e30"}', "large", "expected int64"],
  ['{"large":"1.5"}', "large", "expected int64"],
  ['{"spice":"cold"}', "spice", 'expected enum test.kitchen.v1.Dish.Spice, got "cold"'],
  [`{"text":${"9".repeat(400)}}`, "text", "expected string, got Infinity"],
  [`{"small":"${"x".repeat(400)}"}`, "small", `expected int32, got "${"x".repeat(60)}..."`],
  ['{"anything":1e999}', "anything", "expected double, got Infinity"],
  [`{"anything":${"[".repeat(200)}${"]".repeat(200)}}`, "anything", "maximum recursion depth"],
])("text %# is refused", (text, field, complaint) => {
  const refused = (() => {
    try {
      return codec.parse(text);
    } catch (error) {
      return error;
    }
  })();
  expect(refused).toBeInstanceOf(JsonError);
  expect(refused).toMatchObject({ field, message: expect.stringContaining(complaint) });
});

test("a leap day is a day", () => {
  for (const at of ["2024-02-29T23:59:59Z", "2000-02-29T00:00:00.000000001Z", "0004-02-29T00:00:00+14:00"])
    expect(codec.parse(`{"at":"${at}"}`)).toEqual(fromJson(schema, { at }));
});

test("64 bits may be written with an exponent, also in quotes", () => {
  for (const large of ['"1e3"', "1e3", '"1000.0"', '"10E+2"', "1000.0", '"001000"'])
    expect(codec.parse(`{"large":${large}}`)).toMatchObject({ large: 1000n });
});

test.each(["9007199254740993", "9223372036854775807", "-9223372036854775808"])("%s keeps its digits", (digits) => {
  const number = BigInt(digits);
  const text = `{"large":${digits},"numbers":[${digits}],"wrappedLarge":${digits},"nested":{"name":"a"}}`;
  const wanted = { large: number, numbers: [number], wrappedLarge: number };
  expect(codec.parse(text)).toMatchObject(wanted);
  expect(codec.read(parseStrictly(text))).toMatchObject(wanted);
  // What a direct reading leaves to a tree.
  expect(lenient.parse(`{"nope":"\\ud800",${text.slice(1)}`)).toMatchObject(wanted);
  expect(codec.parse(`{"precise":${digits},"facts":{"a":[${digits}]},"anything":${digits}}`)).toEqual(
    fromJsonString(schema, `{"precise":${digits},"facts":{"a":[${digits}]},"anything":${digits}}`),
  );
  expect(() => codec.parse(`{"small":${digits}}`)).toThrow(`expected int32, got ${digits}`);
});

test("deep JSON under an unknown key is passed over", () => {
  expect(lenient.parse(`{"nope":${"[".repeat(100_000)}${"]".repeat(100_000)},"text":"a"}`)).toMatchObject({
    text: "a",
  });
});

test("an Any holds what the registry knows", () => {
  const any = esJson(AnySchema, { registry });
  for (const json of [
    { "@type": "type.googleapis.com/test.kitchen.v1.Note", text: "a" },
    { "@type": "type.googleapis.com/google.protobuf.Duration", value: "1s" },
    {},
  ] as JsonObject[]) {
    const theirs = fromJson(AnySchema, json, { registry });
    expect(any.read(json)).toEqual(theirs);
    expect(JSON.parse(any.print(theirs))).toEqual(json);
  }
  expect(() => any.read({ "@type": "acme.Unknown" })).toThrow("not in the type registry");
});

test("half a surrogate pair is refused inside of an Any", () => {
  const option = esJson(OptionSchema, { registry });
  const packed = (text: string) => `{"name":"a","value":{"@type":"acme.com/test.kitchen.v1.Note","text":"${text}"}}`;
  expect(JSON.parse(option.print(option.parse(packed("\\ud83d\\ude00"))))).toMatchObject({ value: { text: "😀" } });
  expect(() => option.parse(packed("\\ud83d"))).toThrow("is no valid Unicode");
});

test.each([
  ["small", 2 ** 31],
  ["small", Number.NaN],
  ["smallUnsigned", -1],
  ["smallUnsigned", 2 ** 32],
  ["large", 2n ** 63n],
  ["large", 1e21],
  ["large", "1e3"],
  ["largeUnsigned", -1n],
  ["largeUnsigned", 2n ** 64n],
  ["numbers", [-(2n ** 63n) - 1n]],
  ["counts", { a: -(2 ** 31) - 1 }],
  ["single", 1e39],
  ["spice", 2 ** 31],
])("%s as %s has no room in its bytes, and is not printed", (key, value) => {
  const message = { ...create(schema), [key]: value } as never;
  expect(() => toBinary(schema, message)).toThrow();
  expect(() => codec.print(message)).toThrow(TypeError);
});

test("numbers at the edges are printed", () => {
  const edges = { small: -(2 ** 31), smallUnsigned: 2 ** 32 - 1, large: -(2n ** 63n), largeUnsigned: 2n ** 64n - 1n };
  const message = create(schema, { ...edges, single: 3.4028235e38, spice: -(2 ** 31) });
  expect(JSON.parse(codec.print(message))).toEqual(toJson(schema, message, { registry }));
});

test("what is no message is not printed", () => {
  for (const value of [undefined, null, 5, {}, create(AnySchema)])
    expect(() => codec.print(value as never)).toThrow(TypeError);
  const broken = { ...create(schema), small: "x" };
  expect(() => codec.print(broken as never)).toThrow("must be a whole number");
});
