/** Rows of text as lines, each column as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[], indent = ""): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `${indent}${row.map((cell, column) => cell.padEnd(widths[column] as number)).join("  ")}`.trimEnd())
    .map((line) => `${line}\n`)
    .join("");
}
