import { cleaned } from "../openapi/comments.ts";
import type { Block, Inline } from "./blocks.ts";

/** Plain text with `code` in backticks. A backtick without its other half is text. */
export function inlineOf(text: string): Inline {
  return text
    .split(/(`[^`]+`)/)
    .filter((part) => part !== "")
    .map((part) => (/^`[^`]+`$/.test(part) ? { code: part.slice(1, -1) } : part));
}

/** Inlines with something between them. */
export const joined = (parts: readonly Inline[], between: string): Inline =>
  parts.flatMap((part, index) => (index === 0 ? [part] : [between, part]));

/** A comment of a proto file: paragraphs, lists of lines with a dash or a star, and `code`. All else is text. */
export function commentBlocks(comment: string): Block[] {
  return cleaned(comment)
    .split(/\n\s*\n/)
    .filter((part) => part.trim() !== "")
    .flatMap((part): Block[] => {
      const items = part.split(/^\s*[-*] +/m);
      const [before = "", ...list] = items.map((item) => item.replace(/\s+/g, " ").trim());
      return [
        ...(before === "" ? [] : [{ kind: "paragraph", text: inlineOf(before) } as const]),
        ...(list.length === 0 ? [] : [{ kind: "list", items: list.map(inlineOf) } as const]),
      ];
    });
}
