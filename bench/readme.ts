import { readFile, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plan } from "./plan.ts";
import { type Table, toMarkdown } from "./table.ts";

const path = fileURLToPath(new URL("README.md", import.meta.url));
const marker = "<!-- The rest is written by `npm run bench`. -->";

/** Replaces the numbers in README.md, and keeps the text above them. Returns the file's name. */
export async function writeReadme(tables: readonly Table[], plan: Plan): Promise<string> {
  const before = await readFile(path, "utf8");
  const end = before.indexOf(marker);
  if (end < 0) throw new Error(`bench/README.md has lost the line that says where the numbers begin: ${marker}`);
  const parts = [`${before.slice(0, end)}${marker}`, `## Numbers\n\n${circumstances(plan)}`, ...tables.map(toMarkdown)];
  await writeFile(path, `${parts.join("\n\n")}\n`);
  return relative(process.cwd(), path);
}

/** When, where and how much was measured. */
function circumstances({ rounds, sliceMs }: Plan): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${cpu?.model.trim()}, ${cpus().length} cores, ${memory} GiB, ${process.platform}, Node.js ${process.versions.node}; ${rounds} rounds, slices of ${sliceMs} ms.`;
}
