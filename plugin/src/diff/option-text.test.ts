import { type Field, policies } from "@protomesh/runtime/policies";
import fc from "fast-check";
import { expect, test } from "vitest";
import { durationText, optionText, rateText } from "./option-text.ts";

const { timeout, rateLimit } = policies;

test("durations and rates are read back as what they were", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 ** 10 }), (ms) => {
      expect(timeout.fields.totalMs.parse(durationText(ms))).toBe(ms);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 ** 6 }), fc.constantFrom("s", "m", "h"), (count, unit) => {
      const perSecond = rateLimit.fields.perSecond.parse(`${count}/${unit}`);
      expect(rateLimit.fields.perSecond.parse(rateText(perSecond))).toBeCloseTo(perSecond, 9);
    }),
  );
  expect([250, 1500, 2000, 120_000, 86_400_000, 1234].map(durationText)).toEqual([
    "250ms",
    "1.5s",
    "2s",
    "2m",
    "24h",
    "1234ms",
  ]);
  expect(["200/s", "90/m", "20/h"].map((text) => rateText(rateLimit.fields.perSecond.parse(text)))).toEqual([
    "200/s",
    "90/m",
    "20/h",
  ]);
});

test("the key of a value tells its unit, in every policy", () => {
  const check = (fields: { readonly [key: string]: Field<unknown> }): void => {
    for (const [key, field] of Object.entries(fields)) {
      if (field.fields) check(field.fields);
      const parsed = (text: string) => {
        try {
          return field.parse(text);
        } catch {
          return undefined;
        }
      };
      expect(parsed("7s") === 7000, key).toBe(key.endsWith("Ms"));
      expect(parsed("7/s") === 7, key).toBe(key === "perSecond");
    }
  };
  for (const { fields } of Object.values(policies)) check(fields as { readonly [key: string]: Field<unknown> });
});

test("lists and messages", () => {
  expect(optionText("on", ["UNAVAILABLE", "INTERNAL"])).toBe("[UNAVAILABLE, INTERNAL]");
  expect(optionText("headers", [{ header: "x-a", field: "a.b" }])).toBe("[{ header: x-a, field: a.b }]");
  expect(optionText("ratio", 0.2)).toBe("0.2");
});

test("text with control characters stays on its line", () => {
  expect(optionText("rule", "a ==\n'b'\t\u001b[31m\u2028 'ü'")).toBe("a ==\\n'b'\\t\\u001b[31m\\u2028 'ü'");
});
