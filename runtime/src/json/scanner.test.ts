import fc from "fast-check";
import { expect, test } from "vitest";
import { giveUp, Scanner } from "./scanner.ts";
import { parseExactly } from "./text.ts";

/** What a scanner makes of a text; `giveUp` when it leaves it to JSON.parse. */
function scanned(text: string): unknown {
  try {
    const scanner = new Scanner(text);
    scanner.next();
    const value = scanner.value();
    scanner.end();
    return value;
  } catch (error) {
    if (error !== giveUp && !(error instanceof SyntaxError)) throw error;
    return giveUp;
  }
}

/** What the whole of it is read as; `giveUp` when it is no JSON. */
function parsed(text: string): unknown {
  try {
    return parseExactly(text);
  } catch {
    return giveUp;
  }
}

test.each([
  ...["0", "-0", "7", "-12", "1.5", "-4.375", "0.1", "123456789012345", "1234567890123456", "0.30000000000000004"],
  ...[
    "12345678901234.5",
    "123456789.123456",
    "1e3",
    "-1.25E-7",
    "1e999",
    "5e-324",
    "9007199254740993",
    "-12345678901234567890",
    "12345678901234567890.5",
    "1E+2",
  ],
  ...["", "-", "01", "-01", "1.", ".5", "+1", "1e", "1e+", "0x1", "1_0", "1.e3", "--1", "NaN", "Infinity", "1 2"],
  ...["true", "false", "null", "tru", "truth", "True", "nul", "nullx", "n"],
  ...['""', '"a"', '"ü€😀"', '"a\\n\\"\\\\\\u00e9"', '"\\ud83d\\ude00"', '"\u2028"', '"\u007f"'],
  ...['"', '"a', '"a\\', '"\\"', '"\\x"', '"\\u12"', '"a\nb"', '"a\tb"', '"\u0000"', '"a"b', "'a'"],
  ...[
    "[]",
    "{}",
    "[[12345678901234567890]]",
    '[1,"]",{"a}":[]}]',
    "[1,]",
    "[",
    "]",
    '{"a":1',
    '{"a"',
    "[[[]]",
    "{]",
    '{"a":1,}',
    '["\\',
  ],
  ...[" \t\r\n1 \n", "\u00a01", "\ufeff1", "1\u0000", "\u0000", `"${"ä".repeat(100_000)}"`, `"${"a".repeat(300)}"`],
])("text %# is what parseExactly says", (text) => {
  expect(scanned(text)).toEqual(parsed(text));
});

test("every number is what parseExactly says", () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.nat(1e9),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      (whole, decimals, any) => {
        for (const text of [`${whole}.${decimals}`, JSON.stringify(any), String(whole)])
          expect(scanned(text)).toBe(parseExactly(text));
      },
    ),
    { numRuns: 2000 },
  );
});

test("what an earlier text left behind is never read", () => {
  scanned(`"${"x".repeat(1000)}"]}]}`);
  for (const text of ['"', '"a\\', "[", '["', '["\\', '{"a":', "-", "t"]) expect(scanned(text)).toBe(giveUp);
});

test("half a surrogate pair is no text", () => {
  expect(scanned('"\\ud800"')).toBe(giveUp);
});

test("digits in quotes are a number, and anything else stays", () => {
  const digits = (text: string) => {
    const scanner = new Scanner(text);
    return [scanner.digits(), scanner.at];
  };
  expect(digits('"120"')).toEqual([120, 5]);
  expect(digits('"-7",')).toEqual([-7, 4]);
  expect(digits('"-0"')).toEqual([0, 4]);
  for (const text of ['""', '"-"', '"1', '"1.5"', "12", '"1234567890123456"', "null"])
    expect(digits(text)).toEqual([undefined, 0]);
});
