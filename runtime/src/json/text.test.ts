import fc from "fast-check";
import { expect, test } from "vitest";
import { parseExactly } from "./text.ts";

/** A JSON text beside what it is to be read as. */
interface Written {
  readonly text: string;
  readonly value: unknown;
}

const long = fc
  .bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
  .map((one) => ({ text: String(one), value: BigInt.asIntN(54, one) === one ? Number(one) : one }));
const digits = fc.stringMatching(/^[0-9,:[\]{}"\\ -]{0,30}$/);
const plain = fc
  .oneof(
    digits,
    fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
    fc.constantFrom(null, true, "\u0000", "\u0000\u00001234567890123456"),
  )
  .map((value) => ({ text: JSON.stringify(value), value: Object.is(value, -0) ? 0 : value }));

const { tree } = fc.letrec<{ tree: Written }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    long,
    plain,
    fc.array(tie("tree"), { maxLength: 3 }).map((items) => ({
      text: `[${items.map(({ text }) => text).join(" , ")}]`,
      value: items.map(({ value }) => value),
    })),
    fc.uniqueArray(fc.tuple(digits, tie("tree")), { maxLength: 3, selector: ([key]) => key }).map((entries) => ({
      text: `{${entries.map(([key, { text }]) => `${JSON.stringify(key)}:${text}`).join()}}`,
      value: Object.fromEntries(entries.map(([key, { value }]) => [key, value])),
    })),
  ),
}));

test("no digit of a whole number is lost, and everything else is what JSON.parse says", () => {
  fc.assert(
    fc.property(tree, ({ text, value }) => {
      expect(parseExactly(text)).toEqual(value);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ...["9007199254740991", "-9007199254740991", "1234567890123456.5", "0.12345678901234567", "1e1234567890123456"],
  ...["12345678901234567e2", "-0", `[${"9".repeat(400)}]`, '"1234567890123456"'],
  ...['{"__proto__":1234567890123456}', '{"1234567890123456789":1,"a":"b\\\\"}'],
])("text %# is what JSON.parse says", (text) => {
  expect(parseExactly(text)).toEqual(JSON.parse(text));
});

test.each([
  "01234567890123456789",
  "--1234567890123456789",
  "[1 1234567890123456789]",
  '"a" 1234567890123456789',
  '["1234567890123456789',
])("%s is no JSON", (text) => {
  expect(() => parseExactly(text)).toThrow(SyntaxError);
});

test("digits in quotes are text, also beside a long number", () => {
  const digits = "1234567890123456789";
  expect(parseExactly(`{"${digits}":["${digits}",${digits},"-${digits}","\\\\",${digits}]}`)).toEqual({
    [digits]: [digits, BigInt(digits), `-${digits}`, "\\", BigInt(digits)],
  });
});

test("what is wrong is said of the text as it is", () => {
  const text = '{"a":1234567890123456789,}';
  const complaint = (read: () => unknown) => {
    try {
      return read();
    } catch (error) {
      return String(error);
    }
  };
  expect(complaint(() => parseExactly(text))).toBe(complaint(() => JSON.parse(text)));
});

test("a key called __proto__ beside a long number is a key", () => {
  const parsed = parseExactly('{"__proto__":{"a":12345678901234567890}}') as object;
  expect(Object.entries(parsed)).toEqual([["__proto__", { a: 12345678901234567890n }]]);
});
