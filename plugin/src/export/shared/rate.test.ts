import { expect, test } from "vitest";
import { wholeRate } from "./rate.ts";

test("a rate is a whole number in the smallest unit that it has", () => {
  expect([200, 24 / 60, 1 / 3600, 5 / 86_400, 100 / 3600].map(wholeRate)).toEqual([
    { requests: 200, unit: "Second" },
    { requests: 24, unit: "Minute" },
    { requests: 1, unit: "Hour" },
    { requests: 5, unit: "Day" },
    { requests: 100, unit: "Hour" },
  ]);
});

test("what is whole in no unit is rounded down, but never to nothing", () => {
  expect(wholeRate(1 / 7)).toEqual({ requests: 12_342, unit: "Day" });
  expect(wholeRate(1e-9)).toEqual({ requests: 1, unit: "Day" });
});
