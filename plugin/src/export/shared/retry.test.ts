import { expect, test } from "vitest";
import { retryConditions } from "./retry.ts";

test("UNAVAILABLE is what a server says, and that there is none", () => {
  expect(retryConditions({ on: ["UNAVAILABLE"], attemptTimeout: false })).toEqual({
    on: ["connect-failure", "refused-stream", "unavailable"],
    lost: [],
  });
});

test("attempts that are cut off are resets", () => {
  expect(retryConditions({ on: ["INTERNAL"], attemptTimeout: true }).on).toEqual(["internal", "reset"]);
});

test("codes that Envoy does not know are lost", () => {
  expect(retryConditions({ on: ["ABORTED", "UNKNOWN"], attemptTimeout: false })).toEqual({
    on: [],
    lost: ["ABORTED", "UNKNOWN"],
  });
});
