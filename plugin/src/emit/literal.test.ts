import { expect, test } from "vitest";
import { literal, propertyKey, text } from "./literal.ts";

test("plain data is printed as TypeScript", () => {
  expect(literal({ a: 1, b: "x", c: true, d: [], e: {}, f: undefined, g: [1.5, 2] })).toBe(
    '{ a: 1, b: "x", c: true, d: [], e: {}, g: [1.5, 2] }',
  );
});

test("several objects in a list stand on a line each", () => {
  expect(literal([{ a: 1, b: 2 }])).toBe("[{ a: 1, b: 2 }]");
  expect(
    literal([
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ]),
  ).toBe("[\n{ a: 1, b: 2 },\n{ a: 3, b: 4 },\n]");
  expect(
    literal({
      list: [
        { a: 1, b: 2 },
        { a: 3, b: 4 },
      ],
      c: 1,
    }),
  ).toBe("{\nlist: [\n{ a: 1, b: 2 },\n{ a: 3, b: 4 },\n],\nc: 1,\n}");
});

test("text cannot leave its quotes, whatever it holds", () => {
  const nasty = 'a"b\\c\nd\re\u2028f\u2029g\u0000h`i\u007fk\ufeffl</script>';
  const printed = text(nasty);
  expect(new Function(`return ${printed}`)()).toBe(nasty);
  expect(printed).toMatch(/^[\x20-\x7e]+$/);
});

test("keys are quoted when they are no identifiers", () => {
  expect(["a", "$b", "then$", "a-b", "1a", "a b", ""].map(propertyKey)).toEqual([
    "a",
    "$b",
    "then$",
    '"a-b"',
    '"1a"',
    '"a b"',
    '""',
  ]);
});

test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [null], [() => 1], [1n], [Symbol("x")]])(
  "%s is no plain data",
  (value) => {
    expect(() => literal(value)).toThrow("cannot print");
  },
);
