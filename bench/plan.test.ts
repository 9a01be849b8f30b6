import { expect, test } from "vitest";
import { planOf } from "./plan.ts";

test("a plain run measures everything, at least ten times, and keeps the result", () => {
  const plan = planOf([]);
  expect(plan).toMatchObject({ parts: ["rpc", "http", "gateways", "layers", "json", "generate"], keep: true });
  expect(plan.rounds).toBeGreaterThanOrEqual(10);
});

test.each([
  ["a smoke run", ["--quick"]],
  ["a run of too few rounds", ["--rounds", "9"]],
  ["a part of the whole", ["--only", "rpc"]],
])("%s leaves the README alone", (_, args) => {
  expect(planOf(args).keep).toBe(false);
});

test.each([
  [["--rounds", "0"], "whole number"],
  [["--rounds", "many"], "whole number"],
  [["--rounds", "1.5"], "whole number"],
  [["--only", "grpc"], "rpc, http, gateways, layers, json, generate"],
  [["--fast"], "--fast"],
])("%s is refused with what to do", (args, text) => {
  expect(() => planOf(args)).toThrow(text);
});
