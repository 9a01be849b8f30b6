import { expect, test } from "vitest";
import { ratios, spread } from "./stats.ts";

test.each([
  ["an odd count: the number in the middle", [9, 1, 5], { median: 5, low: 3, high: 7 }],
  ["an even count: half way between the two in the middle", [4, 1, 3, 2], { median: 2.5, low: 1.75, high: 3.25 }],
  ["one number: itself", [7], { median: 7, low: 7, high: 7 }],
  ["numbers with more than one digit, by value and not as text", [100, 20, 3], { median: 20, low: 11.5, high: 60 }],
])("the spread of %s", (_, numbers, expected) => {
  expect(spread(numbers)).toEqual(expected);
});

test("no numbers have no spread", () => {
  expect(() => spread([])).toThrow("at least one number");
});

test("a ratio compares what ran in the same round", () => {
  expect(ratios([10, 60], [20, 30])).toEqual([0.5, 2]);
});
