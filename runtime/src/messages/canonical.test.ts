import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AllKinds, Dish, GetDishRequest } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import type { Codec, ServiceSpec } from "../core/spec.ts";
import { canonicalBytes } from "./canonical.ts";
import { esCodec, tsProtoCodec } from "./codec.ts";

const all = tsProtoCodec("test.kitchen.v1.AllKinds", AllKinds);
const dish = tsProtoCodec("test.kitchen.v1.Dish", Dish);
const struct = esCodec(StructSchema);

const canonicalEncoder = <T>(codec: Codec<T>, service: ServiceSpec | undefined) => {
  const canonical = canonicalBytes(codec as Codec, service);
  return (message: T) => canonical(codec.encode(message));
};

test("equal messages have equal bytes, whatever the order in which their maps were filled", () => {
  const encode = canonicalEncoder(all, Kitchen);
  const bytes = (counts: { [name: string]: number }, facts: object) =>
    Buffer.from(encode(AllKinds.create({ text: "x", counts, facts: facts as never, large: 7n }))).toString("hex");
  const one = bytes({ a: 1, b: 2, c: 0 }, { list: [{ x: 1, y: { p: 1, q: 2 } }], z: null });
  expect(bytes({ c: 0, b: 2, a: 1 }, { z: null, list: [{ y: { q: 2, p: 1 }, x: 1 }] })).toBe(one);
  expect(bytes({ c: 0, b: 1, a: 2 }, { z: null, list: [{ y: { q: 2, p: 1 }, x: 1 }] })).not.toBe(one);
  expect(bytes({ a: 1, b: 2, c: 0 }, { list: [{ x: 1, y: { p: 2, q: 1 } }], z: null })).not.toBe(one);
});

/** The same JSON with the keys of all objects the other way round. */
const reversed = (json: unknown): unknown => {
  if (Array.isArray(json)) return json.map(reversed);
  if (typeof json !== "object" || json === null) return json;
  const entries = Object.entries(json).map(([key, value]) => [key, reversed(value)] as const);
  return Object.fromEntries(entries.reverse());
};

test("the bytes are still the message, the same for any order at any depth, and the sender's stay as they are", () => {
  const canonical = canonicalBytes(struct as Codec, undefined);
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (json) => {
      const message = fromJson(StructSchema, json as JsonObject);
      const sent = struct.encode(message);
      const before = Buffer.from(sent);
      const bytes = canonical(sent);
      expect(Buffer.from(sent)).toEqual(before);
      expect(struct.decode(bytes)).toEqual(message);
      const other = struct.encode(fromJson(StructSchema, reversed(json) as JsonObject));
      expect(Buffer.from(canonical(other))).toEqual(Buffer.from(bytes));
    }),
  );
});

test("an entry that stands apart from the others of its map stays there", () => {
  const canonical = canonicalBytes(dish as Codec, Kitchen);
  const entry = (key: string) => dish.encode(Dish.create({ labels: { [key]: key } }));
  const name = dish.encode(Dish.create({ name: "soup" }));
  const bytes = canonical(Buffer.concat([entry("c"), entry("b"), name, entry("a")]));
  expect(Buffer.from(bytes)).toEqual(Buffer.concat([entry("b"), entry("c"), name, entry("a")]));
  // What has the number of the map and is none of its entries, too.
  const alien = Buffer.from([(entry("a")[0] as number) & ~7, 1]);
  const apart = Buffer.concat([entry("c"), alien, entry("a")]);
  expect(Buffer.from(canonical(apart))).toEqual(apart);
});

test("messages without maps, and those that nothing is known about, are encoded as they are", () => {
  const request = tsProtoCodec("test.kitchen.v1.GetDishRequest", GetDishRequest);
  const soup = GetDishRequest.create({ name: "soup" });
  expect(canonicalEncoder(request, Kitchen)(soup)).toEqual(request.encode(soup));
  const labelled = Dish.create({ labels: { b: "1", a: "2" } });
  expect(canonicalEncoder(dish, undefined)(labelled)).toEqual(dish.encode(labelled));
  expect(canonicalEncoder(dish, Kitchen)(labelled)).not.toEqual(dish.encode(labelled));
});
