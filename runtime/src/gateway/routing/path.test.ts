import fc from "fast-check";
import { expect, test } from "vitest";
import { decode, joinSegments, splitPath, splitTarget } from "./path.ts";

test.each([
  ["/v1/x", { path: "/v1/x", query: "" }],
  ["/v1/x?", { path: "/v1/x", query: "" }],
  ["/v1/x?a=b?c", { path: "/v1/x", query: "a=b?c" }],
  ["/v1/../x?a", { path: "/v1/../x", query: "a" }],
  ["/v1/%2e%2e/x", { path: "/v1/%2e%2e/x", query: "" }],
  ["//evil/x", { path: "//evil/x", query: "" }],
  ["http://host:80/v1/x?a", { path: "/v1/x", query: "a" }],
  ["HTTP://host/v1", { path: "/v1", query: "" }],
  ["http://host?a", { path: "", query: "a" }],
  ["*", { path: "*", query: "" }],
  ["", { path: "", query: "" }],
])("cuts %j at its first question mark and changes nothing else", (target, parts) => {
  expect(splitTarget(target)).toEqual(parts);
});

test.each([
  ["/", []],
  ["/v1", ["v1"]],
  ["/v1/", ["v1"]],
  ["/v1/a%2Fb/..", ["v1", "a%2Fb", ".."]],
  ["//", undefined],
  ["/v1//", undefined],
  ["/v1//x", undefined],
  ["v1", undefined],
  ["", undefined],
  ["*", undefined],
])("splits %j", (path, segments) => {
  expect(splitPath(path)).toEqual(segments);
});

test.each([
  ["a", "a"],
  ["a%2Fb", "a/b"],
  ["%252F", "%2F"],
  ["%25", "%"],
  ["a+b", "a+b"],
  ["%C3%BC", "ü"],
  ["%zz", undefined],
  ["%", undefined],
  ["%2", undefined],
  ["%ff", undefined],
  ["%c3", undefined],
])("decodes %j once", (segment, expected) => {
  expect(decode(segment)).toBe(expected);
});

test("joins segments, decoding all but the encoded slash, which stays as it was sent", () => {
  expect(joinSegments(["a%2Fb", "c%2fd", "e%20f%252F"])).toBe("a%2Fb/c%2fd/e f%2F");
  expect(joinSegments([])).toBe("");
});

test("any text survives the path", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
      expect(decode(encodeURIComponent(text))).toBe(text);
      expect(joinSegments(text.split("/").map(encodeURIComponent))).toBe(text);
    }),
  );
});
