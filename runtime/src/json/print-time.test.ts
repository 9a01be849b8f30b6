import fc from "fast-check";
import { expect, test } from "vitest";
import { written } from "./out.ts";
import { putTimestamp } from "./print-time.ts";

const printed = (seconds: number, nanos = 0) => JSON.parse(written(() => putTimestamp(seconds, nanos)));
const earliest = Date.parse("0001-01-01T00:00:00Z") / 1000;
const latest = Date.parse("9999-12-31T23:59:59Z") / 1000;

test("every second is what Date says", () => {
  for (const seconds of [earliest, latest, 0, -1, 951_782_400, 951_868_800, 4_107_542_399, -62_135_596_799])
    expect(printed(seconds)).toBe(new Date(seconds * 1000).toISOString().replace(".000", ""));
  fc.assert(
    fc.property(fc.integer({ min: earliest, max: latest }), fc.nat(999), (seconds, ms) => {
      const text = new Date(seconds * 1000 + ms).toISOString();
      expect(printed(seconds, ms * 1e6)).toBe(ms === 0 ? text.replace(".000", "") : text);
    }),
    { numRuns: 5000 },
  );
});

test("every day of 400 years is what Date says", () => {
  for (let day = 0; day < 146_097; day += 1)
    if (printed(day * 86_400) !== new Date(day * 86_400_000).toISOString().replace(".000", "")) expect(day).toBe(-1);
});

test.each([
  [1, "00.000000001"],
  [1000, "00.000001"],
  [10_000_000, "00.010"],
  [999_999_999, "00.999999999"],
  [120_000, "00.000120"],
])("%d ns are %s", (nanos, wanted) => {
  expect(printed(0, nanos)).toBe(`1970-01-01T00:00:${wanted}Z`);
});

test.each([
  [earliest - 1, 0],
  [latest + 1, 0],
  [0, -1],
  [0, 1e9],
  [Number.NaN, 0],
])("%d s and %d ns have no JSON", (seconds, nanos) => {
  expect(() => printed(seconds, nanos)).toThrow(TypeError);
});
