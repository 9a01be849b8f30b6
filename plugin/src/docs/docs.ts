import type { ServiceContract } from "../contract/contract.ts";
import type { Target } from "../export/target.ts";
import type { Block, Figure, Page } from "./blocks.ts";
import { html } from "./html.ts";
import { markdown } from "./markdown.ts";
import { indexPage, servicePage } from "./page.ts";
import { svg } from "./svg.ts";

/** A page for each service: what it promises, drawn and in words. */
export const docs: Target = {
  name: "docs",
  summary: "a page per service, as HTML and Markdown: policies with who set them, errors, drawings",
  write(contract) {
    const services = [...contract.services].sort(byName);
    const several = services.length > 1;
    // One page after the other: all of them before they are text would need twice the memory.
    const files = services.flatMap((service) => filesOf(servicePage(service, contract.locate, several)));
    return { files: [...(several ? filesOf(indexPage(services)) : []), ...files], losses: [] };
  },
};

const byName = (a: ServiceContract, b: ServiceContract): number => (a.name < b.name ? -1 : 1);

/** A page in both formats, and its drawings, which Markdown can only show from files. */
function filesOf(page: Page): { readonly name: string; readonly content: string }[] {
  const drawings = new Map(figuresIn(page.blocks).map(({ file, drawing }) => [file, drawing]));
  return [
    { name: `${page.file}.html`, content: html(page) },
    { name: `${page.file}.md`, content: markdown(page) },
    ...[...drawings].map(([file, drawing]) => ({ name: `${file}.svg`, content: svg(drawing, "drawing", true) })),
  ];
}

function figuresIn(blocks: readonly Block[]): Figure[] {
  return blocks.flatMap((block) => {
    if (block.kind === "section") return figuresIn(block.blocks);
    return block.kind === "figures" ? block.figures : [];
  });
}
