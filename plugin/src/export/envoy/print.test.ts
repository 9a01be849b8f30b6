import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { printYaml } from "./print.ts";

test("blocks, in the style that people write", () => {
  expect(
    printYaml({
      name: "a",
      list: [{ one: 1, two: [true, "x y"] }, "z", []],
      empty: {},
      "@type": "type.googleapis.com/a.B",
      time: "0.5s",
      text: "1",
      absent: undefined,
    }),
  ).toBe(`name: a
list:
  - one: 1
    two:
      - true
      - x y
  - z
  - []
empty: {}
"@type": type.googleapis.com/a.B
time: 0.5s
text: "1"
`);
});

test("what is printed is read back as it was, whatever it is", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "true",
      "No",
      "null",
      "~",
      "1e3",
      "0x1",
      ".5",
      ".inf",
      "-",
      "- a",
      "a: b",
      "a:b",
      "a:",
      "a,b",
      "a, ]",
      "a #b",
      "2020-01-01",
      "<<",
      "...",
      "---",
      "a ",
      " a",
      "&a",
      "*a",
      "!t",
      "%",
      "=",
      "1:30",
      "1_000",
      "0o7",
      "+1",
      ".",
      "5s",
      "y",
      "E0",
    ),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((one) => !Object.is(one, -0)),
      tie("list"),
      tie("object"),
    ),
    list: fc.array(tie("value"), { maxLength: 4 }),
    object: fc.dictionary(
      text.filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 4 },
    ),
  }));
  fc.assert(
    fc.property(value, (one) => {
      for (const version of ["1.2", "1.1"] as const) expect(parse(printYaml(one), { version })).toEqual(one);
    }),
    { numRuns: 500 },
  );
});
