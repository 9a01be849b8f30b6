import { expect, test } from "vitest";
import type { MethodFacts } from "../core/policy.ts";
import { compression } from "./compression.ts";

const problem = (minBytes: number, requestBytes?: number, request: "IDENTITY" | "GZIP" = "GZIP") =>
  compression.rules
    ?.map((rule) =>
      rule.check({ request, minBytes }, {
        policy: { limits: { ...(requestBytes && { requestBytes }) } },
      } as unknown as MethodFacts),
    )
    .find((text) => text !== undefined);

test("compression that no request is large enough for is a warning with a remedy", () => {
  expect(problem(2000, 1000)).toMatch(/lower min_bytes or remove compression/);
  expect(compression.rules?.[0]?.severity).toBe("warning");
});

test.each([
  [1000, 1000, "GZIP"],
  [2000, undefined, "GZIP"],
  [2000, 1000, "IDENTITY"],
] as const)("min_bytes %s with requests of at most %s bytes under %s are fine", (minBytes, requestBytes, request) => {
  expect(problem(minBytes, requestBytes, request)).toBeUndefined();
});

test("min_bytes counts from 0", () => {
  expect(() => compression.fields.minBytes.parse(-1)).toThrow();
  expect(compression.fields.minBytes.parse(0)).toBe(0);
  expect(compression.fields.minBytes.fallback?.({}, {})).toBe(1024);
});
