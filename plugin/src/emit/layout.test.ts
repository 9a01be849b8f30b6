import { expect, test } from "vitest";
import { layout } from "./layout.ts";

const long = "x".repeat(100);

test("lines are indented by the brackets that are open", () => {
  expect(layout("a({\nb: [\n1,\n],\n});\nc();")).toBe("a({\n  b: [\n    1,\n  ],\n});\nc();");
});

test("brackets in strings are text", () => {
  expect(layout('a({\nb: "({[\\"",\nc: "\\\\",\n});')).toBe('a({\n  b: "({[\\"",\n  c: "\\\\",\n});');
});

test("comments take the indentation of the code after them", () => {
  expect(layout("interface A {\n/**\n * B (\n */\nb(): void;\n}")).toBe(
    "interface A {\n  /**\n   * B (\n   */\n  b(): void;\n}",
  );
});

test("a line of 120 characters stays, one of 121 is broken at its outermost brackets", () => {
  const fits = `call("${"x".repeat(111)}");`;
  expect(fits).toHaveLength(120);
  expect(layout(fits)).toBe(fits);
  expect(layout(fits.replace("x", "xy"))).toBe(`call(\n  "${"xy".padEnd(112, "x")}",\n);`);
});

test("what is still too long inside is broken again, what fits stays on one line", () => {
  expect(layout(`a: { b: ["${long}", "c"], d: [1, 2] },`)).toBe(`a: {\n  b: ["${long}", "c"],\n  d: [1, 2],\n},`);
  expect(layout(`a: { b: ["${long}", "${long}"] },`)).toBe(`a: {\n  b: [\n    "${long}",\n    "${long}",\n  ],\n},`);
});

test("a long text moves below its key", () => {
  expect(layout(`{\ntemplate: "${long}${long}",\n}`)).toBe(`{\n  template:\n    "${long}${long}",\n}`);
});

test("a long declaration moves below its equals sign, with everything in it", () => {
  const name = "N".repeat(40);
  expect(layout(`export const ${name}: Spec<${name}> = /*@__PURE__*/ define<${name}>({\na: 1,\n});\nb();`)).toBe(
    `export const ${name}: Spec<${name}> =\n  /*@__PURE__*/ define<${name}>({\n    a: 1,\n  });\nb();`,
  );
});

test("an import of one name stays on its line, whatever its length", () => {
  const line = `import { ${long} } from "./${long}.js";`;
  expect(layout(line)).toBe(line);
});

test("a condition that is too long has its operators at the ends of lines, outer ones first", () => {
  const name = "x".repeat(50);
  expect(layout(`allows: (a) => ${name}1 || ${name}2 || ${name}3,`)).toBe(
    `allows: (a) =>\n  ${name}1 ||\n  ${name}2 ||\n  ${name}3,`,
  );
  expect(layout(`allows: (a) => (${name}1 && ${name}2 && ${name}3) || b,`)).toBe(
    `allows: (a) =>\n  (${name}1 &&\n    ${name}2 &&\n    ${name}3) ||\n  b,`,
  );
  expect(layout(`allows: (a) => a || b,`)).toBe("allows: (a) => a || b,");
});

test("long text after a short key stays beside it", () => {
  const text = `"${"x".repeat(120)}"`;
  expect(layout(`rule: ${text},\nrules: ${text},`)).toBe(`rule: ${text},\nrules:\n  ${text},`);
});
