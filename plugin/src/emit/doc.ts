import type { DocModel } from "../model.ts";

/** A TSDoc comment, with a line break after it; nothing for an element without comment that is not deprecated. */
export function doc({ comment, deprecated }: DocModel): string {
  const lines = linesOf(comment);
  if (deprecated) lines.push(...(lines.length === 0 ? [] : [""]), "@deprecated");
  if (lines.length === 0) return "";
  if (lines.length === 1) return `/** ${lines[0]} */\n`;
  return `/**\n${lines.map((line) => ` *${line === "" ? "" : ` ${line}`}\n`).join("")} */\n`;
}

/** The lines of a proto comment, safe inside a block comment, without its outer empty lines. */
function linesOf(comment: string): string[] {
  const lines = comment
    .replaceAll("*/", "*\\/")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get into the code
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f\u2028\u2029]/g, "")
    .split("\n")
    .map((line) => line.replace(/^ /, "").trimEnd());
  while (lines[0] === "") lines.shift();
  while (lines.at(-1) === "") lines.pop();
  return lines;
}
