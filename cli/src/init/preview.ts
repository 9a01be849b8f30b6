import type { Step } from "./plan.ts";

interface Node {
  readonly folders: Map<string, Node>;
  readonly files: Map<string, Step>;
}

const empty = (): Node => ({ folders: new Map(), files: new Map() });

/** The files as a tree, each with what becomes of it and its lines. */
export function preview(folder: string, steps: readonly Step[]): string {
  const root = empty();
  for (const step of steps) {
    const parts = step.path.split("/");
    const name = parts.pop() as string;
    let at = root;
    for (const part of parts) {
      const next = at.folders.get(part) ?? empty();
      at.folders.set(part, next);
      at = next;
    }
    at.files.set(name, step);
  }
  const rows: [string, string, string][] = [];
  draw(root, "", rows);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const lines = rows.map(([left, action, size]) =>
    `${left.padEnd(widths[0] as number)}  ${action.padEnd(widths[1] as number)}  ${size}`.trimEnd(),
  );
  return [`${folder.replace(/\/$/, "")}/`, ...lines].join("\n");
}

function draw(node: Node, indent: string, rows: [string, string, string][]): void {
  const entries: [string, Node | Step][] = [...node.folders, ...node.files];
  entries.forEach(([name, entry], index) => {
    const last = index === entries.length - 1;
    const left = `${indent}${last ? "└── " : "├── "}${name}`;
    if ("path" in entry) rows.push([left, entry.action, linesOf(entry)]);
    else {
      rows.push([`${left}/`, "", ""]);
      draw(entry, `${indent}${last ? "    " : "│   "}`, rows);
    }
  });
}

function linesOf({ action, text, before = "" }: Step): string {
  const [now, then] = [count(text), count(before)];
  if (action === "merge") return `+${lines(now - then)}, ${now} in all`;
  if (action === "overwrite") return `${lines(now)} in place of ${then}`;
  return action === "keep" ? "stays as it is" : lines(now);
}

const lines = (count: number): string => `${count} line${count === 1 ? "" : "s"}`;

const count = (text: string): number => (text === "" ? 0 : text.replace(/\n$/, "").split("\n").length);
