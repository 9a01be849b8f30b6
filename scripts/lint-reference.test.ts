import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rules as bufRules } from "../plugin/src/buf/rules.ts";
import { catalog, generationRules, valueRules } from "../plugin/src/lint/catalog.ts";
import { root } from "../plugin/test/compile.ts";

const page = readFileSync(join(root, "docs/lint.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

test("docs/lint.md has every rule as the catalog has it", () => {
  for (const rule of [...catalog, ...generationRules]) {
    if (valueRules.includes(rule)) expect(page).toContain(`\`${rule.id}\``);
    else expect(rows).toContainEqual(["", `\`${rule.id}\``, rule.severity, rule.purpose, ""]);
  }
});

test("docs/lint.md has every rule of buf breaking", () => {
  for (const { id, default: on, purpose } of bufRules.slice(catalog.length)) {
    expect(rows).toContainEqual(["", `\`${id}\``, on ? "yes" : "no", expect.any(String), purpose, ""]);
  }
});

test("docs/lint.md has no rule that is not there", () => {
  const known = [...catalog, ...generationRules, ...bufRules].map(({ id }) => `\`${id}\``);
  const gone = rows.map(([, id]) => id as string).filter((id) => !id.startsWith("`export/") && !known.includes(id));
  expect(gone).toEqual([]);
});
