import type { Block, Figure, Inline, Page, Table } from "./blocks.ts";
import { markdown as escaped, markdownCode, markup } from "./escape.ts";

/** A page as GitHub Flavored Markdown. Its drawings are the files that it names. */
export const markdown = ({ blocks }: Page): string => `${blocks.map(block).join("\n\n")}\n`;

function block(one: Block): string {
  switch (one.kind) {
    case "heading":
      return `<a id="${markup(one.id)}"></a>\n\n${"#".repeat(one.level)} ${inline(one.text)}`;
    case "paragraph":
      return inline(one.text);
    case "facts":
      return one.facts.map(([name, value]) => `- ${escaped(name)}: ${inline(value)}`).join("\n");
    case "list":
      return one.items.map((item) => `- ${inline(item)}`).join("\n");
    case "table":
      return table(one);
    case "figures":
      return one.figures.map(figure).join("\n\n");
    case "section":
      return one.blocks.map(block).join("\n\n");
  }
}

function table({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(head.map(escaped)),
    line(head.map(() => "---")),
    ...rows.map((row) => line(row.map((cell) => inline(cell, true)))),
  ].join("\n");
}

const figure = ({ file, drawing, caption }: Figure): string =>
  `![${escaped(drawing.title)}](${encodeURI(file)}.svg)\n\n${inline(caption)}`;

function inline(one: Inline, inTable = false): string {
  if (typeof one === "string") return escaped(one);
  if ("code" in one) return markdownCode(one.code, inTable);
  if ("strong" in one) return `**${inline(one.strong, inTable)}**`;
  if ("muted" in one) return inline(one.muted, inTable);
  if ("lines" in one) return one.lines.map((each) => inline(each, inTable)).join("<br>");
  if ("link" in one) return `[${inline(one.link, inTable)}](${encodeURI(target(one.to))})`;
  return one.map((each) => inline(each, inTable)).join("");
}

const target = (to: string): string => to.replace(/^[^#]+/, "$&.md");
