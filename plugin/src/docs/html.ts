import type { Block, Figure, Inline, Page, Table } from "./blocks.ts";
import { markup } from "./escape.ts";
import { pageStyle } from "./style.ts";
import { svg } from "./svg.ts";

// Nothing on a page runs or is fetched, whatever a comment may have smuggled in.
const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** A page as HTML that needs nothing else: no script, no font, no other file. */
export const html = ({ title, blocks }: Page): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${markup(title)}</title>
<style>
${pageStyle}</style>
</head>
<body>
<main>
${blocks.map(block).join("\n")}
</main>
</body>
</html>
`;

function block(one: Block): string {
  switch (one.kind) {
    case "heading":
      return one.level === 3
        ? `<h3 id="${markup(one.id)}">${inline(one.text)}</h3>`
        : `<h${one.level} id="${markup(one.id)}"><a href="#${markup(one.id)}">${inline(one.text)}</a></h${one.level}>`;
    case "paragraph":
      return `<p>${inline(one.text)}</p>`;
    case "facts":
      return `<dl>\n${one.facts.map(([name, value]) => `<dt>${markup(name)}</dt><dd>${inline(value)}</dd>`).join("\n")}\n</dl>`;
    case "list":
      return `<ul>\n${one.items.map((item) => `<li>${inline(item)}</li>`).join("\n")}\n</ul>`;
    case "table":
      return table(one);
    case "figures":
      return `<div class="figures">\n${one.figures.map(figure).join("\n")}\n</div>`;
    case "section":
      return `<section>\n${one.blocks.map(block).join("\n")}\n</section>`;
  }
}

/** On a narrow screen each row of it is a small list: the labels are there for that. */
function table({ caption, head, widths, rows }: Table): string {
  const cell = (content: Inline, column: number) => {
    const label = markup(head[column] as string);
    return `<td data-label="${label}"${content === "" ? ' class="none"' : ""}>${column === 0 ? inline(content) : `<span>${inline(content)}</span>`}</td>`;
  };
  return [
    `<div class="table"><table>`,
    `<caption>${markup(caption)}</caption>`,
    `<colgroup>${widths.map((width) => `<col style="width:${width}%">`).join("")}</colgroup>`,
    `<thead><tr>${head.map((name) => `<th scope="col">${markup(name)}</th>`).join("")}</tr></thead>`,
    `<tbody>`,
    ...rows.map((row) => `<tr>${row.map(cell).join("")}</tr>`),
    `</tbody>`,
    `</table></div>`,
  ].join("\n");
}

const figure = ({ id, drawing, caption }: Figure): string =>
  `<figure>\n${svg(drawing, id, false)}<figcaption>${inline(caption)}</figcaption>\n</figure>`;

function inline(one: Inline): string {
  if (typeof one === "string") return markup(one);
  if ("code" in one) return `<code>${markup(one.code)}</code>`;
  if ("strong" in one) return `<strong>${inline(one.strong)}</strong>`;
  if ("muted" in one) return `<span class="muted">${inline(one.muted)}</span>`;
  if ("lines" in one) return one.lines.map(inline).join("<br>");
  if ("link" in one) return `<a href="${markup(target(one.to))}">${inline(one.link)}</a>`;
  return one.map(inline).join("");
}

/** `acme.Shop#method-Get` is `acme.Shop.html#method-Get`, and `#method-Get` is on this page. */
const target = (to: string): string => to.replace(/^[^#]+/, "$&.html");
