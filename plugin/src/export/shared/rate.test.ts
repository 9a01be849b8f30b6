import { expect, test } from "vitest";
import { wholeRate } from "./rate.ts";

test("a rate is a whole number in the smallest unit that it has", () => {
  expect([200, 31 / 60, 57 / 3600, 11 / 86_400, 100 / 3600].map(wholeRate)).toEqual([
    { requests: 200, unit: "Second" },
    { requests: 31, unit: "Minute" },
    { requests: 57, unit: "Hour" },
    { requests: 11, unit: "Day" },
    { requests: 100, unit: "Hour" },
  ]);
});

test("what is whole in no unit is rounded down, but never to nothing", () => {
  expect(wholeRate(1 / 7)).toEqual({ requests: 12_342, unit: "Day" });
  expect(wholeRate(1e-9)).toEqual({ requests: 1, unit: "Day" });
});

test("nothing exceeds 32 bits", () => {
  expect(wholeRate(1e12)).toEqual({ requests: 4_294_967_295, unit: "Second" });
});
