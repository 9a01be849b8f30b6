import { expect, test } from "vitest";
import { gepDuration, inSeconds } from "./durations.ts";

test("seconds keep milliseconds and need no exponent", () => {
  expect([1, 250, 1500, 60_000, 86_400_000].map(inSeconds)).toEqual(["0.001s", "0.25s", "1.5s", "60s", "86400s"]);
});

test("the Gateway API has whole numbers, largest unit first", () => {
  expect([0, 1, 250, 1500, 60_000, 5_400_000, 3_661_001].map(gepDuration)).toEqual([
    "0s",
    "1ms",
    "250ms",
    "1s500ms",
    "1m",
    "1h30m",
    "1h1m1s1ms",
  ]);
});

test("parts of a millisecond are rounded up, so that nothing becomes zero", () => {
  expect([0.2, 1.5].map(gepDuration)).toEqual(["1ms", "2ms"]);
  expect(inSeconds(0.2)).toBe("0.001s");
});

test("no unit of the Gateway API has more than five digits", () => {
  expect(gepDuration(1e12)).toBe("99999h");
});
