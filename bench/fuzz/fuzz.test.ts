import { expect, test } from "vitest";
import { caseOf, fuzz } from "./fuzz.ts";

test("a seed and a number are always the same case", () => {
  expect(caseOf(7, 3)).toEqual(caseOf(7, 3));
  expect(caseOf(7, 3).bytes.equals(caseOf(8, 3).bytes)).toBe(false);
});

test("20,000 hostile requests end in answers or closed connections", async () => {
  const { failures, statuses } = await fuzz({ requests: 20_000, seed: 20 });
  expect(failures).toEqual([]);
  // The requests are near enough to right ones to get everywhere.
  for (const status of [101, 200, 204, 400, 404, 405, 415, 501])
    expect(statuses.get(status) ?? 0, `${status}`).toBeGreaterThan(0);
}, 300_000);
