import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HttpError } from "../errors.ts";
import { ElementSplitter } from "./elements.ts";

interface Options {
  /** How many bytes come at once. Default: all. */
  readonly step?: number;
  readonly maxBytes?: number;
  readonly arrays?: boolean;
}

function split(body: string | Buffer, { step = Number.POSITIVE_INFINITY, maxBytes = 1000, arrays }: Options = {}) {
  const splitter = new ElementSplitter(maxBytes, arrays);
  const bytes = Buffer.from(body as string);
  const elements: string[] = [];
  for (let at = 0; at < bytes.length; at += step) elements.push(...splitter.push(bytes.subarray(at, at + step)));
  const last = splitter.end();
  if (last !== undefined) elements.push(last);
  return elements;
}

function refusal(body: string | Buffer, options: Options = {}): string {
  for (const step of [1, 2, 1000]) {
    try {
      const elements = split(body, { ...options, step });
      return expect.unreachable(`was split into ${JSON.stringify(elements)}`);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      if (step === 1000) return `${error.status} ${error.text}`;
    }
  }
  return "";
}

describe("elements", () => {
  test.each<[string, string[]]>([
    ["", []],
    [" \r\n\t ", []],
    ["{}", ["{}"]],
    ["{}\n{}\n", ["{}", "{}"]],
    ["{}{}", ["{}", "{}"]],
    ['{"a":"}"}{"b":"{["}', ['{"a":"}"}', '{"b":"{["}']],
    ['{"a":"\\"}"} {}', ['{"a":"\\"}"}', "{}"]],
    ['{"a":"\\\\"}{}', ['{"a":"\\\\"}', "{}"]],
    ['"a""b" "c"', ['"a"', '"b"', '"c"']],
    ["1 2\n3", ["1", "2", "3"]],
    ['true{"a":1}null[1]', ["true", '{"a":1}', "null", "[1]"]],
    ["[]", []],
    [" [ ] ", []],
    ["[{}]", ["{}"]],
    ["[ {} , {} ]\n", ["{}", "{}"]],
    ["[1,2, 3 ]", ["1", "2", "3"]],
    ['["a","]",",",true]', ['"a"', '"]"', '","', "true"]],
    ["[[1],[[2]]]", ["[1]", "[[2]]"]],
    ['{"ü":"🍲"}{"a":"é"}', ['{"ü":"🍲"}', '{"a":"é"}']],
  ])("of %j, however they come", (body, elements) => {
    for (const step of [1, 2, 3, 1000]) expect(split(body, { step })).toEqual(elements);
  });

  test("of a body of lines may be arrays", () => {
    expect(split("[1]\n[2]\n", { arrays: false })).toEqual(["[1]", "[2]"]);
  });

  test("of any values come back, however they are written and cut", () => {
    const blank = fc.constantFrom("", " ", "\n", "\r\n", "\t ");
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        fc.boolean(),
        blank,
        fc.integer({ min: 1, max: 40 }),
        (values, array, gap, step) => {
          const texts = values.map((value) => JSON.stringify(value));
          const body = array
            ? `${gap}[${gap}${texts.join(`${gap},${gap}`)}${gap}]${gap}`
            : `${gap}${texts.join(`\n${gap}`)}${gap}`;
          // A body that begins with `[` is an array of elements; that is what the media type of lines is for.
          expect(split(body, { step, maxBytes: 1e6, arrays: array })).toEqual(texts);
        },
      ),
    );
  });
});

describe("a body is refused", () => {
  test.each([
    ["[{},]", '400 element 2 of the body is missing: there is "]" in its place'],
    ["[,{}]", "400 element 1 of the body is missing"],
    ["[{} {}]", "400 element 2 of the body does not follow a comma"],
    ["[{}", "400 the body is incomplete: its array has no end"],
    ["[{},", "400 the body is incomplete: its array has no end"],
    ["[", "400 the body is incomplete"],
    ["[1", "400 element 1 of the body is incomplete"],
    ["[] []", "400 the body goes on after its array"],
    ["[{}]x", "400 the body goes on after its array"],
    ["{},{}", '400 element 2 of the body is missing: there is "," in its place'],
    ["}", '400 element 1 of the body is missing: there is "}" in its place'],
    ['{} {"a":', "400 element 2 of the body is incomplete: the body ends in it"],
    ['"a', "400 element 1 of the body is incomplete"],
    [`{}${"[".repeat(101)}`, "400 element 2 of the body goes deeper than 100 brackets"],
    [`${'{"a":'.repeat(101)}1${"}".repeat(101)}`, "400 element 1 of the body goes deeper than 100 brackets"],
  ])("%j", (body, complaint) => {
    expect(refusal(body)).toContain(complaint);
  });

  test("that is not UTF-8, naming the element", () => {
    expect(refusal(Buffer.from('{}{"a":"\xff"}', "latin1"))).toBe("400 element 2 of the body is not UTF-8");
    // Half of a sequence at the end of an element.
    expect(refusal(Buffer.from('"\xc3"', "latin1"))).toBe("400 element 1 of the body is not UTF-8");
  });

  test("of which one element is larger than allowed, before its end has come", () => {
    const complaint = "413 element 2 of the body is larger than the 10 bytes that are allowed";
    expect(split('"12345678" "12345678"', { maxBytes: 10 })).toHaveLength(2);
    expect(refusal('"12345678" "1234567890', { maxBytes: 10 })).toBe(complaint);
    expect(refusal("1 11111111111", { maxBytes: 10 })).toBe(complaint);
    expect(refusal(`[{},{${" ".repeat(10)}`, { maxBytes: 10 })).toBe(complaint);
  });

  test("but not for brackets in a string, nor for depth that is allowed", () => {
    const deep = `${"[".repeat(100)}${"]".repeat(100)}`;
    expect(split(deep, { arrays: false })).toEqual([deep]);
    const text = JSON.stringify("[".repeat(200));
    expect(split(text)).toEqual([text]);
  });
});

test("blanks between elements are not kept", () => {
  const splitter = new ElementSplitter(10);
  const blanks = Buffer.alloc(100_000, 0x20);
  for (let times = 0; times < 100; times++) expect([...splitter.push(blanks)]).toEqual([]);
  expect([...splitter.push(Buffer.from("{}"))]).toEqual(["{}"]);
});
