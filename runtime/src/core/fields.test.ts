import { expect, test } from "vitest";
import {
  duration,
  list,
  nested,
  number,
  OptionError,
  parseDuration,
  parseFields,
  parseKey,
  parseRate,
} from "./fields.ts";

test.each([
  ["250ms", 250],
  ["1.5s", 1500],
  ["2m", 120_000],
  ["24h", 86_400_000],
])("duration %s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

const endless = "9".repeat(400);

test.each(["", "0s", "-1s", "5", "1.s", "1 s", "1d", "1e3s", "1s ", `${endless}h`])(
  "duration %j is refused",
  (text) => {
    expect(() => parseDuration(text)).toThrow(OptionError);
  },
);

test.each([
  ["100/s", 100],
  ["30/m", 0.5],
  ["36/h", 0.01],
])("rate %s is %d per second", (text, perSecond) => {
  expect(parseRate(text)).toBe(perSecond);
});

test.each(["", "0/s", "100", "100/", "100/d", "-1/s", "100 / s", `${endless}/s`])("rate %j is refused", (text) => {
  expect(() => parseRate(text)).toThrow(OptionError);
});

test.each([
  ["principal", { kind: "principal", name: "" }],
  ["claim:tenant", { kind: "claim", name: "tenant" }],
  ["metadata:X-Tenant", { kind: "metadata", name: "x-tenant" }],
  ["field:user.id", { kind: "field", name: "user.id" }],
])("key %s", (text, key) => {
  expect(parseKey(text)).toEqual(key);
});

test.each(["", "tenant", "claim", "claim:", "principal:x", "ip"])("key %j is refused", (text) => {
  expect(() => parseKey(text)).toThrow(OptionError);
});

interface Sample {
  readonly waitMs: number;
  readonly count?: number;
  readonly inner: { readonly size: number };
  readonly names: readonly string[];
}
const table = {
  waitMs: duration("wait", { fallback: () => 100 }),
  count: number<number | undefined>("count", { min: 2, max: 5 }),
  inner: nested<{ readonly size: number }>("inner", { size: number("size", { min: 1 }) }),
  names: list("names", undefined, { fallback: () => [] }),
};

test("a table turns option text into config, with defaults for what is absent", () => {
  expect(parseFields<Sample>(table, { inner: { size: 3 } })).toEqual({ waitMs: 100, inner: { size: 3 }, names: [] });
});

test("errors name the field by its path", () => {
  expect(() => parseFields<Sample>(table, { wait: "soon" })).toThrow(/^wait: "soon" is not a duration/);
  expect(() => parseFields<Sample>(table, { inner: { size: 0 } })).toThrow(
    /^inner\.size: 0 is out of range: use a number at least 1/,
  );
  expect(() => parseFields<Sample>(table, { count: 6 })).toThrow(/between 2 and 5/);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])("%d is no number of an option", (value) => {
  for (const field of [number("size", { min: 1 }), number("size", { max: 1 })])
    expect(() => field.parse(value)).toThrow(OptionError);
});
