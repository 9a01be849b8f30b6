/** A table with a heading and notes; cells are text. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  /** The first cell of a row is left-aligned, the others right-aligned. */
  readonly rows: readonly (readonly string[])[];
}

/** For a terminal. */
export function toText({ title, head, rows }: Table): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number),
      )
      .join("  ");
  return [title, line(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}

/** For a README. */
export function toMarkdown({ title, head, rows }: Table): string {
  const line = (row: readonly string[]) => `| ${row.join(" | ")} |`;
  const ruler = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [`### ${title}`, "", line(head), line(ruler), ...rows.map(line)].join("\n");
}

/** Three significant digits and no exponent: `0.97`, `12.3`, `45,600`. */
export function figure(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = Number(value.toPrecision(3));
  return rounded.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
