import { expect, test } from "vitest";
import { position, put, putAny, putString, written } from "./out.ts";

test("what is written inside of writing goes on where that stopped", () => {
  const text = written(() => {
    put("[");
    const inner = written(() => putString("ü"));
    put(inner.length === 3 ? "1" : "0");
    put("]");
  });
  expect(text).toBe("[1]");
  expect(position()).toBe(0);
});

test("a failure leaves nothing behind", () => {
  const failing = () =>
    written(() => {
      putAny('"ü"');
      throw new TypeError("no such message");
    });
  expect(failing).toThrow("no such message");
  expect(written(() => putString("a"))).toBe('"a"');
});

test("there is room for whatever is written", () => {
  const long = `${"ä".repeat(100_000)}"\\\n\u2028`;
  for (const text of [long, "a".repeat(3_000_000), "", "\ud800", "\u0000\u007f"])
    expect(written(() => putString(text))).toBe(JSON.stringify(text));
  expect(written(() => put("x".repeat(200_000)))).toHaveLength(200_000);
});
