// Fenced code blocks and links of Markdown files, for the scripts that prove what the documentation says.
import { readFileSync } from "node:fs";

/** @typedef {{ file: string, line: number, language: string, words: string[], attributes: Record<string, string>, text: string }} Block */

/** The fenced blocks of a file. ```` ```ts title=a.ts check ```` has language ts, attribute title, word check. */
export function blocks(file) {
  const found = [];
  const lines = readFileSync(file, "utf8").split("\n");
  for (let i = 0; i < lines.length; i++) {
    const open = /^(`{3,})(.*)$/.exec(lines[i]);
    if (!open) continue;
    const end = lines.indexOf(open[1], i + 1);
    if (end < 0) throw new Error(`${file}:${i + 1}: the code block has no end`);
    const [language = "", ...rest] = open[2].trim().split(/\s+/);
    const attributes = Object.fromEntries(
      rest.filter((word) => word.includes("=")).map((word) => word.split(/=(.*)/).slice(0, 2)),
    );
    const words = rest.filter((word) => !word.includes("="));
    found.push({ file, line: i + 1, language, words, attributes, text: lines.slice(i + 1, end).join("\n") });
    i = end;
  }
  return found;
}

/** Relative link targets of a file, without anchors, outside code blocks. */
export function links(file) {
  const prose = readFileSync(file, "utf8").replace(/^(`{3,})[\s\S]*?^\1$/gm, "");
  return [...prose.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
    .map((match) => match[1])
    .filter((link) => !/^[a-z]+:/.test(link));
}
