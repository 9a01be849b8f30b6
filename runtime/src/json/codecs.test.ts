import { fromJsonString, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonOf } from "../../test/arbitrary-json.ts";
import { AllKinds, Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import type { Codec } from "../core/spec.ts";
import { registryOf, schemaOf, describe as toMessage, undescribe } from "../messages/descriptors.ts";
import { messageJson } from "./codecs.ts";

const registry = registryOf(Kitchen);
const codec = Kitchen.methods.mirror?.request as Codec;
const schema = schemaOf(codec, registry);

test("how ts-proto holds messages is learned", () => {
  const json = messageJson(codec, registry, { registry });
  expect(json.direct).toBe(true);
  expect(json.parse('{"large":"5","left":"a","at":"1970-01-01T00:00:00Z","raw":"AQ==","facts":{"a":1}}')).toEqual(
    AllKinds.create({
      large: 5n,
      either: { $case: "left", value: "a" },
      at: new Date(0),
      raw: Buffer.of(1),
      facts: { a: 1 },
    }),
  );
  expect(json.field("nested", "name")(AllKinds.create({ nested: { name: "a" } }))).toBe("a");
});

test("every message of the kitchen is learned", () => {
  for (const { request, reply } of Object.values(Kitchen.methods)) {
    expect(messageJson(request, registry, { registry }).direct).toBe(true);
    expect(messageJson(reply, registry, { registry }).direct).toBe(true);
  }
});

test("what was learned reads and prints as the detour over bytes does", () => {
  const options = { registry, emitDefaults: true };
  const json = messageJson(codec, registry, options);
  const [there, back] = [undescribe(codec, registry), toMessage(codec, registry)];
  fc.assert(
    fc.property(jsonOf(schema), (tree) => {
      const text = JSON.stringify(tree);
      // A map's key of this name is lost in what ts-proto decodes.
      fc.pre(!text.includes("__proto__"));
      const theirs = there(fromJsonString(schema, text, { registry }));
      // ts-proto encodes dates before 1970 that have milliseconds with nanos below zero, which have no JSON.
      const { at } = theirs as AllKinds;
      fc.pre(at === undefined || at.getTime() >= 0);
      expect(toJson(schema, back(json.parse(text)), { registry })).toEqual(toJson(schema, back(theirs), { registry }));
      expect(JSON.parse(json.print(theirs))).toEqual(
        toJson(schema, back(theirs), { registry, alwaysEmitImplicit: true }),
      );
    }),
    { numRuns: 500 },
  );
});

test.each([5, true, {}, "soon", new Date(Number.NaN)])("%o is no time, and is not printed as one", (at) => {
  const json = messageJson(codec, registry, { registry });
  expect(() => json.print({ ...AllKinds.create(), at } as never)).toThrow("at must be a time");
});

test("a codec that hides what it holds is called over bytes", () => {
  const sealed: Codec = {
    typeName: Dish.$type,
    encode: (message) => (message as { bytes: Uint8Array }).bytes,
    decode: (bytes) => ({ bytes }),
  };
  const json = messageJson(sealed, registryOf({ ...Kitchen }), { registry });
  expect(json.direct).toBe(false);
  expect(json.print(json.parse('{"name":"soup","id":"7"}'))).toBe('{"name":"soup","id":"7"}');
  expect(json.printField("name")(json.parse('{"name":"soup"}'))).toBe('"soup"');
  expect(json.field("name")(json.read({ name: "soup" }))).toBe("soup");
});
