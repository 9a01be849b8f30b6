import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Report, reliable } from "./report.ts";
import type { MethodSpec } from "./spec.ts";

const method = { path: "/t.T/M" } as MethodSpec;
const printed: unknown[] = [];
const print: Report = (error) => printed.push(error);
beforeEach(() => {
  printed.length = 0;
  vi.spyOn(console, "error").mockImplementation((_, failure) => printed.push(failure));
});
afterEach(() => vi.restoreAllMocks());

test("what the listener throws, now or later, is printed with what it was told", async () => {
  const throws: Report = () => {
    throw "at once";
  };
  reliable(throws, print)("first", "id", method);
  expect(printed).toEqual(["first", "at once"]);

  const rejects = (() => Promise.reject("later")) as Report;
  reliable(rejects, print)("second", "id", method);
  await new Promise(setImmediate);
  expect(printed.slice(2)).toEqual(["second", "later"]);
});

test("a listener that works is told, and nothing is printed", () => {
  const told: unknown[] = [];
  reliable((...all) => told.push(all), print)("error", "id", method);
  expect(told).toEqual([["error", "id", method]]);
  expect(printed).toEqual([]);
});
