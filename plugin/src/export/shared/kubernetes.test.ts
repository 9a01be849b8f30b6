import fc from "fast-check";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { manifestOf, Names, objectName, onOneLine } from "./kubernetes.ts";

/** As Kubernetes reads it. */
const read = (text: string): unknown[] =>
  parseAllDocuments(text, { version: "1.1" }).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
const object = (spec: unknown) => ({ apiVersion: "v1", kind: "Thing", metadata: { name: "on" }, spec });

const words = [
  "on",
  "y",
  "No",
  "NULL",
  "E1",
  "e-5",
  "e1_0",
  "1:30",
  "0755",
  "1e3",
  "1.5s",
  "~",
  "=",
  "<<",
  "a: b",
  "{x}",
  "- a",
  "# a",
  "a\nb",
  "é\u2028",
];

test("texts stay texts for readers of YAML 1.1, in blocks and on one line", () => {
  const text = fc.oneof(fc.constantFrom(...words), fc.string(), fc.string({ unit: "binary" }));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1 }), (texts) => {
      const specs = [{ texts }, { lines: texts.map((one) => ({ a: one, b: { c: 1 } })) }];
      const printed = manifestOf(
        ["a.proto"],
        [],
        [object(specs[0]), object({ lines: texts.map((one) => onOneLine({ a: one, b: { c: 1 } })) })],
      );
      expect(read(printed)).toEqual(specs.map(object));
    }),
  );
});

test("what is said twice is printed twice, without anchors", () => {
  const same = { a: ["b"] };
  expect(manifestOf(["a.proto"], [], [object([same, same])])).not.toMatch(/[&*]a/);
});

test("paths and comments with line breaks stay comments", () => {
  const printed = manifestOf(["a\nkind: Secret\n.proto"], ["b\r\u2028kind: Secret"], [object({})]);
  expect(read(printed)).toEqual([object({})]);
});

test.each([
  ["GetItem", "get-item"],
  ["GetHTTPItem", "get-http-item"],
  ["get_item_", "get-item"],
  ["_", "unnamed"],
  ["x".repeat(300), "x".repeat(200)],
])("%s is named %s", (text, name) => {
  expect(objectName(text)).toBe(name);
});

test("a name that is taken gets a number", () => {
  const names = new Names();
  expect(["a", "a", "a-2", "a"].map((name) => names.next(name))).toEqual(["a", "a-2", "a-2-2", "a-3"]);
});
