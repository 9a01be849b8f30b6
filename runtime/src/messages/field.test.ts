import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { AllKinds, Dish } from "../../test/kitchen/kitchen.ts";
import { esCodec, tsProtoCodec } from "./codec.ts";
import { fieldReader } from "./field.ts";
import { QuotaFailureSchema } from "./gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "./gen/google/rpc/status_pb.ts";

const allKinds = tsProtoCodec("test.kitchen.v1.AllKinds", AllKinds);
const message = AllKinds.create({
  text: "soup",
  largeUnsigned: 7n,
  nested: { name: "outer", inner: { name: "inner" } },
  either: { $case: "right", value: 3 },
  numbers: [1n, 2n],
});

test.each([
  ["text", "soup"],
  ["large_unsigned", 7n],
  ["nested.name", "outer"],
  ["nested.inner.name", "inner"],
  ["nested.inner.inner.name", undefined],
  ["maybe", undefined],
  ["right", 3],
  ["left", undefined],
  ["numbers", [1n, 2n]],
  ["constructor", undefined],
  ["toString", undefined],
])("reads %s of a ts-proto message", (path, expected) => {
  expect(fieldReader(path, allKinds)(message)).toEqual(expected);
});

test("reads nothing from what is not a message", () => {
  const read = fieldReader("text", allKinds);
  expect([undefined, null, "text", 3].map(read)).toEqual([undefined, undefined, undefined, undefined]);
  expect(fieldReader("nested.name", allKinds)(undefined)).toBeUndefined();
});

test("finds names that ts-proto left as they are, and oneofs of its older style", () => {
  const dish = tsProtoCodec("test.kitchen.v1.Dish", Dish);
  expect(fieldReader("created_at", dish)({ created_at: 5 })).toBe(5);
  expect(fieldReader("PAGE_SIZE", dish)({ pageSize: 6 })).toBe(6);
  expect(fieldReader("left_side", dish)({ either: { $case: "leftSide", leftSide: "x" } })).toBe("x");
});

test("reads protobuf-es messages by their descriptor", () => {
  const failure = create(QuotaFailureSchema, { violations: [{ subject: "a" }, { subject: "b" }] });
  expect(fieldReader("violations", esCodec(QuotaFailureSchema))(failure)).toHaveLength(2);
  expect(fieldReader("message", esCodec(StatusSchema))(create(StatusSchema, { message: "hi" }))).toBe("hi");
});

test("a path that the descriptor does not have is an error at once", () => {
  expect(() => fieldReader("mesage", esCodec(StatusSchema))).toThrow(/google\.rpc\.Status has no field mesage/);
  expect(() => fieldReader("message.text", esCodec(StatusSchema))).toThrow(/has no field message\.text/);
});
