import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { parseJson } from "./json.ts";
import { isEntries, isItems, type Node } from "./node.ts";
import { parseYaml } from "./yaml.ts";

/** A node as plain values. */
function plain({ value }: Node): unknown {
  if (isItems(value)) return value.map(plain);
  return isEntries(value) ? Object.fromEntries([...value].map(([key, inner]) => [key, plain(inner)])) : value;
}

/** The place of a key, by a path. */
function placeOf(node: Node, ...path: (string | number)[]): string {
  const last = path.reduce<Node>(
    (at, key) =>
      (isItems(at.value) ? at.value[key as number] : isEntries(at.value) ? at.value.get(key as string) : at) as Node,
    node,
  );
  return last.at;
}

const yaml = `# comment
server:
  grpc: ":1"          # a string
  limits: { requestBytes: 0x10, headersTimeout: 250ms }
on: [a, &anchor "b", *anchor]
off: no
? targets
: - name: 1.5
    address: ~
  - |
    two
    lines
`;

test("YAML 1.2, with the line of every key and item", async () => {
  const node = await parseYaml(yaml, "m.yaml");
  expect(plain(node)).toEqual({
    server: { grpc: ":1", limits: { requestBytes: 16, headersTimeout: "250ms" } },
    on: ["a", "b", "b"],
    off: "no",
    targets: [{ name: 1.5, address: null }, "two\nlines\n"],
  });
  expect(placeOf(node, "server")).toBe("m.yaml:2");
  expect(placeOf(node, "server", "limits", "requestBytes")).toBe("m.yaml:4");
  expect(placeOf(node, "targets", 0, "address")).toBe("m.yaml:9");
  expect(placeOf(node, "targets", 1)).toBe("m.yaml:10");
});

test("JSON, with the line of every key and item", () => {
  const text = '{\n  "a": {\n    "b\\"}": [1, -2.5e3,\n      true, null, "x]"]\n  },\n  "c": "", "d": {}, "e": []\n}';
  const node = parseJson(text, "m.json");
  expect(plain(node)).toEqual(JSON.parse(text));
  expect(placeOf(node, "a")).toBe("m.json:2");
  expect(placeOf(node, "a", 'b"}')).toBe("m.json:3");
  expect(placeOf(node, "a", 'b"}', 2)).toBe("m.json:4");
  expect(placeOf(node, "d")).toBe("m.json:6");
});

const wrong: readonly [text: string, message: string][] = [
  ["a: 1\na: 2\n", "m.yaml:2:1: is not YAML: Map keys must be unique"],
  ["a:\n\t- 1\n", "m.yaml:2:1: is not YAML: Tabs are not allowed as indentation"],
  ["a: *hunter2\n", "m.yaml:1: is not YAML: an alias names an anchor that is not above it"],
  ["a: @hunter2\n", "m.yaml:1:4: is not YAML: Plain value cannot start with reserved character @"],
  ["a: 'hunter2\n", "m.yaml:2:1: is not YAML: Missing closing 'quote"],
  ["a: hunter2: b\n", "m.yaml:1:4: is not YAML: Nested mappings are not allowed in compact mappings"],
  ["a: !hunter2 b\n", "m.yaml:1:4: is not YAML: Unresolved tag"],
  [
    "a: 1\n---\nb: 2\n",
    "m.yaml:2:1: is not YAML: Source contains multiple documents; please use YAML.parseAllDocuments()",
  ],
  ["# nothing\n", "m.yaml: is empty: write {} when it shall say nothing"],
  ["a: &a [*a]\n", "m.yaml:1: is not YAML: an alias stands within what it names"],
  [
    `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n`,
    "m.yaml: has more than 100,000 values: write fewer aliases",
  ],
];

test("many aliases and many values take no time to speak of", { timeout: 30_000 }, async () => {
  const aliases = await parseYaml(`a: &a 1\nb: [${Array(50_000).fill("*a").join(",")}]`, "m.yaml");
  expect(isEntries(aliases.value) && aliases.value.get("b")?.value).toHaveLength(50_000);
  expect((await parseYaml("- 1\n".repeat(101_000), "m.yaml")).value).toHaveLength(101_000);
});

test("an alias stands for the anchor above it that came last, also where its own alias is read", async () => {
  const text = "a: &x 1\nb: &y [*x]\nc: &x 2\nd: [*x, *y]\n";
  expect(plain(await parseYaml(text, "m.yaml"))).toEqual({ a: 1, b: [1], c: 2, d: [2, [1]] });
});

const wrongJson: readonly [text: string, message: string][] = [
  ["", "m.json:1:1: is not JSON: a value must be here"],
  ["{", "m.json:1:2: is not JSON: a key in double quotes must be here"],
  ['{\n  "a": hunter2\n}', "m.json:2:8: is not JSON: a value must be here"],
  ['{\n  "a": tru }', "m.json:2:8: is not JSON: a value must be here"],
  ['{ "a": 01 }', "m.json:1:8: is not JSON: a value must be here"],
  ['{ "a": 1,\n}', "m.json:2:1: is not JSON: a key in double quotes must be here"],
  ["{ 'a': 1 }", "m.json:1:3: is not JSON: a key in double quotes must be here"],
  ['{ "a" 1 }', "m.json:1:7: is not JSON: a colon must be here"],
  ['{ "a": 1 "b": 2 }', 'm.json:1:10: is not JSON: "," or "}" must be here'],
  ["[1 2]", 'm.json:1:4: is not JSON: "," or "]" must be here'],
  ["[1,]", "m.json:1:4: is not JSON: a value must be here"],
  ["{} {}", "m.json:1:4: is not JSON: nothing more must be here"],
  ['"hunter2', "m.json:1:1: is not JSON: a text that ends with a double quote must be here"],
  ['["hunter2\n"]', "m.json:1:2: is not JSON: a text on one line, with legal escapes must be here"],
  ['"\\x"', "m.json:1:1: is not JSON: a text on one line, with legal escapes must be here"],
  ['{ "a": 1,\n"a": 2 }', 'm.json:2: "a" is there twice: keep one'],
  ["[".repeat(100_000), "m.json:1: is deeper than 100 levels"],
];

test.each(wrongJson.map(([text, message]) => ({ text, message })))("refused: $message", ({ text, message }) => {
  const error = (() => {
    try {
      return parseJson(text, "m.json");
    } catch (error) {
      return error as Error;
    }
  })();
  expect(error).toMatchObject({ message });
  expect(inspect(error)).not.toContain("hunter2");
});

test("JSON is what JSON.parse takes for it, and nothing else", () => {
  const read = (parse: () => unknown) => {
    try {
      return { value: parse() };
    } catch {
      return "refused";
    }
  };
  const agree = (text: string) =>
    expect(read(() => plain(parseJson(text, "m.json")))).toEqual(read(() => JSON.parse(text)));
  const mutated = fc
    .tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.constantFrom(...'{}[]",:\\0-.e \n\u00a0tx'))
    .map(([text, at, one]) => text.slice(0, at % (text.length + 1)) + one + text.slice((at + 1) % (text.length + 1)));
  fc.assert(
    fc.property(fc.oneof(fc.json({ maxDepth: 4 }), mutated), (text) => {
      // A key that is there twice is the difference that is meant, and __proto__ is no key of a plain object.
      fc.pre(!/__proto__/.test(text));
      if (twice(text)) return;
      agree(text);
    }),
    { numRuns: 3000 },
  );
  agree(JSON.stringify("x".repeat(20_000_000)));
});

/** Whether the only objection is a key that is there twice. */
function twice(text: string): boolean {
  try {
    parseJson(text, "m.json");
    return false;
  } catch (error) {
    return (error as Error).message.endsWith("is there twice: keep one");
  }
}

test.each(wrong.map(([text, message]) => ({ text, message })))("refused: $message", async ({ text, message }) => {
  const error = await parseYaml(text, "m.yaml").catch((error: Error) => error);
  expect((error as Error).message).toBe(message);
  expect(inspect(error)).not.toContain("hunter2");
});

test("without the package yaml the error says what to install", async () => {
  vi.doMock("yaml", () => {
    throw new Error("Cannot find package 'yaml'");
  });
  try {
    await expect(parseYaml("a: 1", "m.yaml")).rejects.toThrow(
      "m.yaml: is YAML, which the package yaml reads: npm install yaml, or write JSON",
    );
  } finally {
    vi.doUnmock("yaml");
  }
});
