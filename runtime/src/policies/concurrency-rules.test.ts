import { describe, expect, test } from "vitest";
import { config } from "../../test/concurrency.ts";
import { parseFields } from "../core/fields.ts";
import type { MethodFacts } from "../core/policy.ts";
import { type ConcurrencyConfig, concurrency } from "./concurrency.ts";

describe("options", () => {
  test("defaults", () => {
    expect(parseFields(concurrency.fields, {})).toEqual({ queue: 0, adaptive: "FIXED", criticality: "CRITICAL" });
    expect(parseFields(concurrency.fields, { adaptive: "GRADIENT" })).toMatchObject({ min: 20, max: 200 });
    expect(parseFields(concurrency.fields, { adaptive: "GRADIENT", max: 10 })).toMatchObject({ min: 10, max: 10 });
    expect(() => parseFields(concurrency.fields, { max: 0 })).toThrow(
      "max: 0 is out of range: use a number at least 1",
    );
    expect(() => parseFields(concurrency.fields, { min: 0 })).toThrow("min: 0 is out of range");
  });

  const findings = (part: Partial<ConcurrencyConfig>, facts: Partial<MethodFacts> = {}) =>
    (concurrency.rules ?? []).flatMap(({ id, severity, check }) => {
      const finding = check(config(part), { kind: "unary", policy: {}, ...facts } as MethodFacts);
      return finding === undefined ? [] : [`${severity} ${id}: ${finding}`];
    });

  test.each<[Partial<ConcurrencyConfig>, Partial<MethodFacts>, string]>([
    [
      { adaptive: "GRADIENT", min: 9, max: 8 },
      {},
      "error concurrency/min-above-max: min (9) is above max (8): lower min or raise max",
    ],
    [
      { min: 1, max: 8 },
      {},
      "error concurrency/min-of-fixed: min bounds a limit that adapts, and this one is fixed: set adaptive: GRADIENT or remove min",
    ],
    [
      { max: undefined, queue: 1 } as never,
      { policy: { timeout: { totalMs: 100 } } },
      "error concurrency/queue-without-limit: nobody waits where everybody may run: set max, or remove queue",
    ],
    [
      { adaptive: "GRADIENT", min: 1, max: 8 },
      { kind: "serverStream" },
      "error concurrency/gradient-of-stream: how long a stream lasts says nothing about load, so no limit can follow it: use a fixed max",
    ],
    [
      { queue: 1 },
      { policy: { timeout: { idleMs: 100 } } },
      "warning concurrency/endless-queue: a caller without a deadline may wait as long as the load lasts: set timeout.total or timeout.max",
    ],
  ])("%j on %j is %s", (part, facts, finding) => {
    expect(findings(part, facts)).toEqual([finding]);
  });

  test.each<[Partial<ConcurrencyConfig>, Partial<MethodFacts>]>([
    [{}, {}],
    [{ adaptive: "GRADIENT", min: 8, max: 8 }, {}],
    [{ max: 8 }, { kind: "bidi" }],
    [{ max: undefined, criticality: "SHEDDABLE" } as never, {}],
    [{ queue: 1 }, { policy: { timeout: { maxMs: 100 } } }],
    [{ queue: 1 }, { policy: { timeout: { totalMs: 100 } } }],
  ])("%j on %j is fine", (part, facts) => {
    expect(findings(part, facts)).toEqual([]);
  });
});
