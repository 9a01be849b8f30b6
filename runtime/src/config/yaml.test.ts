import { inspect } from "node:util";
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
