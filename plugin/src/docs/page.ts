import type { Contract, ServiceContract } from "../contract/contract.ts";
import type { Block, Page } from "./blocks.ts";
import { figuresOf } from "./figures.ts";
import { glance } from "./glance.ts";
import { commentBlocks, inlineOf } from "./inline.ts";
import { methodBlocks } from "./method.ts";
import { typesOf } from "./types.ts";

/** The page of a service. */
export function servicePage(service: ServiceContract, locate: Contract["locate"], several: boolean): Page {
  const { name, doc, methods } = service;
  const { file, line } = locate(service.place);
  const figures = figuresOf(name);
  return {
    title: name,
    file: name,
    blocks: [
      ...(several ? [{ kind: "paragraph", text: { link: "All services", to: indexFile } } as const] : []),
      { kind: "heading", level: 1, id: "service", text: name },
      ...(doc.deprecated ? [{ kind: "paragraph", text: { strong: "Deprecated." } } as const] : []),
      ...commentBlocks(doc.comment),
      { kind: "paragraph", text: { muted: `Declared in ${file}:${line}` } },
      ...(methods.length === 0
        ? [{ kind: "paragraph", text: "It has no methods." } as const]
        : [
            { kind: "heading", level: 2, id: "methods", text: "Methods" } as const,
            glance(methods),
            ...methods.map(
              (method): Block => ({ kind: "section", blocks: methodBlocks(method, locate, figures(method)) }),
            ),
            { kind: "heading", level: 2, id: "types", text: "Messages" } as const,
            ...typesOf(methods),
          ]),
    ],
  };
}

const indexFile = "index";

/** The page that lists all services. */
export function indexPage(services: readonly ServiceContract[]): Page {
  return {
    title: "Services",
    file: indexFile,
    blocks: [
      { kind: "heading", level: 1, id: "services", text: "Services" },
      {
        kind: "table",
        caption: "Services",
        head: ["Service", "Methods", "What it is"],
        widths: [40, 12, 48],
        rows: services.map(({ name, methods, doc }) => [
          { link: { code: name }, to: name },
          String(methods.length),
          summary(doc.comment),
        ]),
      },
    ],
  };
}

/** The first paragraph of a comment. */
function summary(comment: string) {
  const [first] = commentBlocks(comment);
  return first?.kind === "paragraph" ? first.text : inlineOf("");
}
