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

test("is read from the wire only when looked at", () => {
  let reads = 0;
  const metadata = Metadata.lazy(() => {
    reads++;
    return [["a", "1"]];
  });
  expect(reads).toBe(0);
  expect(metadata.get("a")).toBe("1");
  expect(metadata.has("b")).toBe(false);
  expect(reads).toBe(1);
});

test("a clone does not share its lists", () => {
  const metadata = new Metadata().set("a", "1");
  metadata.clone().append("a", "2");
  expect(metadata.all("a")).toEqual(["1"]);
});
