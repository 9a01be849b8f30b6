import { expect, test } from "vitest";
import type { Inline, Page } from "./blocks.ts";
import { markdown as escaped, markdownCode, markup, visible } from "./escape.ts";
import { bytes, duration, percent, plain, rate, roughly } from "./format.ts";
import { html } from "./html.ts";
import { commentBlocks, inlineOf } from "./inline.ts";
import { markdown } from "./markdown.ts";
import { shortened, textWidth, wrapped } from "./text-width.ts";

test("text is text in markup, whatever it contains", () => {
  expect(markup(`</script><b a="1" b='2'>&amp;`)).toBe(
    "&lt;/script&gt;&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;",
  );
  expect(visible("a\u0000b\u001bc\u202ed\u2066e\ud800f\uffff\tg")).toBe(
    "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffd\tg",
  );
  expect(visible("😀 ü 漢")).toBe("😀 ü 漢");
});

test.each([
  ["# no heading", "\\# no heading"],
  ["- no item", "\\- no item"],
  ["12. no item", "12\\. no item"],
  ["0.1", "0.1"],
  ["a | b", "a \\| b"],
  ["[x](javascript:y)", "\\[x\\](javascript:y)"],
  ["**x** _y_ ~~z~~ `c` $m$", "\\*\\*x\\*\\* \\_y\\_ \\~\\~z\\~\\~ \\`c\\` \\$m\\$"],
  ["<br>&lt;", "&lt;br&gt;&amp;lt;"],
  ["two\n\nlines", "two lines"],
  ["\\", "\\\\"],
])("%j is no syntax in Markdown", (text, want) => {
  expect(escaped(text)).toBe(want);
});

test("code in Markdown has a fence that it does not contain", () => {
  expect(markdownCode("a", false)).toBe("`a`");
  expect(markdownCode("a`b", false)).toBe("``a`b``");
  expect(markdownCode("`", false)).toBe("`` ` ``");
  expect(markdownCode("", false)).toBe("`  `");
  expect(markdownCode("a|b\nc", true)).toBe("`a\\|b c`");
});

test("both printers escape every part of every block", () => {
  const evil = "</title></style></svg>--><script>alert(1)</script>\"'|`";
  const every: Inline = [
    evil,
    { code: evil },
    { strong: evil },
    { muted: evil },
    { lines: [evil, evil] },
    { link: evil, to: "#a" },
  ];
  const page: Page = {
    title: evil,
    file: "x",
    blocks: [
      { kind: "heading", level: 1, id: 'a"><script>', text: every },
      { kind: "heading", level: 3, id: "b", text: every },
      { kind: "paragraph", text: every },
      { kind: "list", items: [every] },
      { kind: "facts", facts: [[evil, every]] },
      { kind: "table", caption: evil, head: [evil], widths: [100], rows: [[every]] },
      {
        kind: "figures",
        figures: [
          {
            id: "f",
            file: "f",
            caption: every,
            drawing: {
              width: 1,
              height: 1,
              title: evil,
              description: evil,
              shapes: [{ kind: "text", ink: "label", x: 0, y: 0, anchor: "start", text: evil }],
            },
          },
        ],
      },
    ],
  };
  expect(html(page)).not.toContain("<script");
  expect(html(page).match(/<\/(?:title|style|svg)>/g)).toEqual(["</title>", "</style>", "</title>", "</svg>"]);
  // In Markdown only code may have it as it is.
  expect(markdown(page).replace(/(`+)(?!`)[^\n]*?[^`]\1(?!`)/g, "")).not.toContain("<script");
});

test("a comment has paragraphs, lists and code, and nothing for insiders", () => {
  expect(commentBlocks(" One\n two.\n\n - a `b`\n   c\n - d\n\n (-- secret --)\n buf:lint:ignore X\n")).toEqual([
    { kind: "paragraph", text: ["One two."] },
    { kind: "list", items: [["a ", { code: "b" }, " c"], ["d"]] },
  ]);
  expect(commentBlocks("")).toEqual([]);
  expect(inlineOf("a `b")).toEqual(["a `b"]);
});

test.each([
  [duration(0), "0"],
  [duration(0.25), "250 µs"],
  [duration(1500), "1.5 s"],
  [duration(61_000), "61 s"],
  [duration(90_000), "90 s"],
  [duration(84_000), "84 s"],
  [duration(5_400_000), "90 min"],
  [duration(120_000), "2 min"],
  [duration(86_400_000), "24 h"],
  [duration(72_000_000_000), "20 000 h"],
  [duration(1234.567), "1.234567 s"],
  [roughly(1234.567), "1.23 s"],
  [roughly(1380.0000000000002), "1.38 s"],
  [bytes(65_536), "64 KiB"],
  [bytes(1000), "1000 bytes"],
  [rate(200), "200/s"],
  [rate(1.5), "90/m"],
  [rate(1 / 180), "20/h"],
  [percent(0.07), "7 %"],
  [plain(16_777_216), "16 777 216"],
])("a number is written for readers: %s", (text, want) => {
  expect(text.replaceAll(/[\u00a0\u202f]/g, " ")).toBe(want);
});

test("text is wrapped and shortened to the room that it has", () => {
  for (const text of [
    "a few short words that go on",
    "OneWordThatIsLongerThanAnyLineCanBeAnywhere",
    "漢字漢字漢字漢字漢字漢字漢字",
  ]) {
    const lines = wrapped(text, 80, 11, 2);
    expect(lines.length).toBeLessThanOrEqual(2);
    for (const line of lines) expect(textWidth(line, 11)).toBeLessThanOrEqual(80);
  }
  expect(shortened("abc", 100, 11)).toBe("abc");
  expect(shortened("abcdefghijklmnopq", 50, 11)).toMatch(/^abc.*…$/);
  expect(wrapped("", 10, 11, 2)).toEqual([]);
});
