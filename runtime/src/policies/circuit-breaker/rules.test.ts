import { expect, test } from "vitest";
import { parseFields } from "../../core/fields.ts";
import type { MethodFacts } from "../../core/policy.ts";
import type { MethodKind } from "../../core/spec.ts";
import { circuitBreaker } from "../circuit-breaker.ts";
import type { CircuitBreakerConfig } from "./config.ts";
import { rules } from "./rules.ts";

const config: CircuitBreakerConfig = {
  adaptive: false,
  ratio: 0.5,
  minCalls: 20,
  windowMs: 10_000,
  openMs: 5000,
  probes: 3,
  on: ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "RESOURCE_EXHAUSTED"],
  force: "NONE",
};

test("an adaptive breaker counts a call for two minutes by default, another one for ten seconds", () => {
  const parsed = (options: object) => parseFields(circuitBreaker.fields, options as never);
  expect(parsed({})).toEqual(config);
  expect(parsed({ adaptive: true })).toMatchObject({ windowMs: 120_000 });
  expect(parsed({ adaptive: true, window: "1m" })).toMatchObject({ windowMs: 60_000 });
});

test.each([
  [{ ratio: 0 }, "ratio"],
  [{ ratio: 1.1 }, "ratio"],
  [{ min_calls: 0 }, "min_calls"],
  [{ probes: 0 }, "probes"],
  [{ open: "0s" }, "open"],
  [{ slow: "fast" }, "slow"],
  [{ on: ["OK"] }, "on"],
])("%j is refused by name", (options, field) => {
  expect(() => parseFields(circuitBreaker.fields, options as never)).toThrow(new RegExp(`^${field}: `));
});

const facts = (part: Partial<MethodFacts> = {}): MethodFacts => ({
  path: "/test.v1.Test/Call",
  kind: "unary" as MethodKind,
  idempotency: undefined,
  policy: {},
  field: () => undefined,
  replyProblem: () => undefined,
  sibling: () => undefined,
  ...part,
});
const broken = (part: Partial<CircuitBreakerConfig>, method: Partial<MethodFacts> = {}) =>
  rules.flatMap(({ id, severity, check }) => {
    const text = check({ ...config, ...part }, facts(method));
    return text === undefined ? [] : [`${severity} ${id}: ${text}`];
  });

test.each<[string, Partial<CircuitBreakerConfig>, Partial<MethodFacts>, RegExp | undefined]>([
  ["nothing special", {}, {}, undefined],
  ["force in a proto file", { force: "OPEN" }, {}, /^error circuit-breaker\/force: force: OPEN .* run-time/],
  ["force in a run-time configuration", { force: "CLOSED" }, { runtime: true }, undefined],
  ["a ratio of 1", { ratio: 1 }, {}, undefined],
  ["an adaptive ratio below 1", { adaptive: true, ratio: 0.99 }, {}, undefined],
  ["an adaptive ratio of 1", { adaptive: true, ratio: 1 }, {}, /^error circuit-breaker\/adaptive-ratio: /],
  [
    "codes of the caller",
    { on: ["UNAVAILABLE", "NOT_FOUND", "CANCELLED"] },
    {},
    /^warning circuit-breaker\/callers-own-code: NOT_FOUND, CANCELLED can be/,
  ],
  ["slow below the timeout", { slowMs: 999 }, { policy: { timeout: { totalMs: 1000 } } }, undefined],
  ["slow without a timeout", { slowMs: 999 }, { policy: { timeout: { maxMs: 10 } } }, undefined],
  [
    "slow as long as the timeout",
    { slowMs: 1000 },
    { policy: { timeout: { totalMs: 1000 } } },
    /^warning circuit-breaker\/slow-beyond-timeout: slow \(1000 ms\)/,
  ],
])("%s", (_, part, method, expected) => {
  const found = broken(part, method);
  if (expected) expect(found).toEqual([expect.stringMatching(expected)]);
  else expect(found).toEqual([]);
});
