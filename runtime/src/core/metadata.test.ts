import { expect, test } from "vitest";
import { Metadata } from "./metadata.ts";

test("keys are case-insensitive and keep the order of their values", () => {
  const metadata = Metadata.from({ "X-Tenant": ["a", "b"] }).append("x-tenant", "c");
  expect(metadata.all("x-TENANT")).toEqual(["a", "b", "c"]);
  expect(metadata.get("x-tenant")).toBe("a");
});

test("bytes live under -bin keys and only there", () => {
  const bytes = new Uint8Array([0, 255]);
  const metadata = new Metadata().set("trace-bin", bytes);
  expect(metadata.bytes("trace-bin")).toBe(bytes);
  expect(metadata.get("trace-bin")).toBeUndefined();
  expect(() => metadata.set("trace-bin", "text")).toThrow(/"trace-bin": bytes go under/);
  expect(() => metadata.set("trace", bytes)).toThrow(/"trace": bytes go under/);
});

test.each([
  ["bad key", "x"],
  ["", "x"],
  [":path", "x"],
  ["grpc-timeout", "1S"],
  ["x", "line\nbreak"],
  ["x", "snowman ☃"],
])("refuses what HTTP/2 could not carry: %j", (key, value) => {
  expect(() => new Metadata().set(key, value)).toThrow(TypeError);
});

test("errors and logs never show a value", () => {
  const metadata = new Metadata().set("authorization", "Bearer secret");
  expect(JSON.stringify(metadata)).not.toContain("secret");
  expect(() => metadata.set("x-token", "secret\n")).toThrow(expect.not.stringContaining("secret"));
});

/** What came over a wire, and how often it was looked at. */
function wire(values: { readonly [key: string]: readonly string[] }) {
  const looks: string[] = [];
  const metadata = Metadata.lazy({
    all(key) {
      looks.push(key);
      return values[key];
    },
    entries() {
      looks.push("entries");
      return Object.entries(values).flatMap(([key, all]) => all.map((value) => [key, value] as const));
    },
  });
  return { metadata, looks };
}

test("is read from the wire only when looked at, and only as far", () => {
  const { metadata, looks } = wire({ a: ["1", "2"] });
  expect(looks).toEqual([]);
  expect(metadata.get("A")).toBe("1");
  expect(metadata.all("a")).toEqual(["1", "2"]);
  expect(metadata.has("b")).toBe(false);
  expect(looks).toEqual(["a", "a", "b"]);
});

test("what came over the wire can be listed, copied and changed without touching it", () => {
  const { metadata, looks } = wire({ a: ["1", "2"], b: ["3"] });
  const copy = metadata.clone().append("a", "4").delete("b");
  metadata.set("c", "5");
  expect([...copy]).toEqual([
    ["a", "1"],
    ["a", "2"],
    ["a", "4"],
  ]);
  expect([...metadata]).toEqual([
    ["a", "1"],
    ["a", "2"],
    ["b", "3"],
    ["c", "5"],
  ]);
  expect(metadata.get("c")).toBe("5");
  expect(metadata.all("b")).toEqual(["3"]);
  expect(looks).toEqual(["entries"]);
});

test("without entries it is empty in every way", () => {
  const metadata = new Metadata();
  expect([...metadata]).toEqual([]);
  expect(metadata.toJSON()).toEqual([]);
  expect(metadata.all("a")).toEqual([]);
  expect(metadata.has("a")).toBe(false);
  expect(metadata.clone().empty).toBe(true);
  expect(metadata.empty).toBe(true);
  expect(metadata.set("a", "1").delete("a").empty).toBe(true);
  expect(metadata.set("a", "1").empty).toBe(false);
});

test("a clone does not share its lists", () => {
  const metadata = new Metadata().set("a", "1");
  metadata.clone().append("a", "2");
  expect(metadata.all("a")).toEqual(["1"]);
});
