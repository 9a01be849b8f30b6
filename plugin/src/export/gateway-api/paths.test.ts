import type { Route } from "@protomesh/runtime";
import { expect, test } from "vitest";
import { pathMatch } from "./paths.ts";

const match = (segments: readonly string[], verb?: string) =>
  pathMatch({ method: "GET", template: "", segments, variables: [], ...(verb !== undefined && { verb }) } as Route);

test("a path without variables is matched exactly", () => {
  expect(match(["v1", "items"])).toEqual({ type: "Exact", value: "/v1/items" });
  expect(match(["v1", "items"], "search")).toEqual({ type: "Exact", value: "/v1/items:search" });
});

test("a path that ends in ** is a prefix", () => {
  expect(match(["v1", "files", "**"])).toEqual({ type: "PathPrefix", value: "/v1/files" });
  expect(match(["**"])).toEqual({ type: "PathPrefix", value: "/" });
});

test.each([
  [["v1", "items", "*"], undefined, ["/v1/items/7"], ["/v1/items", "/v1/items/", "/v1/items/7/8", "/v1/itemsX7"]],
  [["v1", "items", "*"], "sell", ["/v1/items/7:sell"], ["/v1/items/7", "/v1/items/7:sellX", "/v1/items/7/8:sell"]],
  [["v1", "*", "b", "**"], undefined, ["/v1/a/b", "/v1/a/b/c/d"], ["/v1/a/bc", "/v1/b"]],
  [["v1", "**"], "copy", ["/v1/a/b:copy", "/v1:copy"], ["/v1/a/b"]],
  [["a.b", "*"], undefined, ["/a.b/c"], ["/aXb/c"]],
  [["a%2Fb"], undefined, ["/a%2Fb"], ["/a/b"]],
])("%s%s is a regular expression that matches what the route matches", (segments, verb, good, bad) => {
  const { type, value } = match(segments, verb);
  expect(type).toBe("RegularExpression");
  const whole = new RegExp(`^(?:${value})$`);
  expect(good.filter((path) => !whole.test(path))).toEqual([]);
  expect(bad.filter((path) => whole.test(path))).toEqual([]);
});
