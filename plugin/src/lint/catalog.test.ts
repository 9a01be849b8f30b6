import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../test/compile.ts";
import { targets } from "../export/targets.ts";
import { rows } from "../options/rows.ts";
import { catalog, generationRules } from "./catalog.ts";
import { lintRules } from "./rules.ts";

const all = [...catalog, ...generationRules];
const ids = new Set(all.map(({ id }) => id));

test.each(all.map((rule) => [rule.id, rule] as const))("%s can be a rule of buf", (id, { purpose }) => {
  expect(id).toMatch(/^[a-z]+(?:-[a-z]+)*(?:\/[a-z]+(?:-[a-z]+)*)+$/);
  expect(`MESH_${id}`.length).toBeLessThanOrEqual(64);
  expect(purpose).toMatch(/^[A-Z].*[.]$/);
  expect(purpose.length).toBeLessThanOrEqual(256);
});

test("ids differ, also as buf writes them", () => {
  const written = all.map(({ id }) => id.replace(/\W/g, "_"));
  expect(written.filter((id, index) => written.indexOf(id) !== index)).toEqual([]);
});

test("every rule of a policy and every rule of files is there, with its severity", () => {
  for (const { id, severity } of [...rows.flatMap(({ rules = [] }) => rules), ...lintRules])
    expect([id, all.find((rule) => rule.id === id)?.severity]).toEqual([id, severity]);
});

test("every id that sources report is there", () => {
  const folder = join(root, "plugin/src");
  const reported = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .filter((text) => /problems\b.*\b(?:error|warning)\(|roblems\[/.test(text))
    .flatMap((text) => [...text.matchAll(/(?<!from |import\()"([a-z-]+\/[a-z/-]+)"/g)].map(([, id]) => id as string));
  expect(reported.length).toBeGreaterThan(15);
  expect(reported.filter((id) => !ids.has(id))).toEqual([]);
});

test("what the golden cases report is there, exports aside", () => {
  const exported = new Set(targets.map(({ name }) => `export/${name}`));
  const folder = join(root, "testdata");
  const told = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /want[/\\](?:warnings|errors)\.txt$/.test(name))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .flatMap((line) => {
      const id = /\[([a-z-]+\/[a-z/-]+)\]$/.exec(line)?.[1];
      return id === undefined ? [] : [[id, line.includes(": warning: ") ? "warning" : "error"] as const];
    });
  expect(told.length).toBeGreaterThan(50);
  for (const [id, severity] of told) {
    if (exported.has(id)) continue;
    expect([id, all.find((rule) => rule.id === id)?.severity]).toEqual([id, severity]);
  }
});
