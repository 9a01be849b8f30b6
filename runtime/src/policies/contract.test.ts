import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Field } from "../core/fields.ts";
import { policies } from "./index.ts";

// The members of a oneof are fields like others.
const source = readFileSync(new URL("../../../plugin/proto/mesh/v1/options.proto", import.meta.url), "utf8")
  .replace(/\/\/.*/g, "")
  .replace(/oneof \w+ \{([^}]*)\}/g, "$1");

/** The fields of a message: name and type, nested messages and enums left out. */
function fieldsOf(message: string): Map<string, string> {
  const start = source.indexOf(`message ${message} {`);
  if (start < 0) throw new Error(`options.proto has no message ${message}`);
  let depth = 0;
  let body = "";
  for (const char of source.slice(source.indexOf("{", start))) {
    if (char === "}") depth--;
    if (depth === 1) body += char;
    if (char === "{") depth++;
    if (depth === 0) break;
  }
  return new Map(
    [...body.matchAll(/(?:optional|repeated)?\s*([\w.]+)\s+(\w+)\s*=\s*\d+/g)].map((m) => [m[2] ?? "", m[1] ?? ""]),
  );
}

/** Options that the contract has and this version does not act on; the generator says so where one is set. */
const later: { readonly [option: string]: readonly string[] } = {};

type Table = { readonly [key: string]: Field<unknown> };

function compare(where: string, message: string, table: Table): void {
  const declared = fieldsOf(message);
  const known = Object.values(table).flatMap(({ option }) => (option === "" ? [] : [option]));
  expect([...known, ...(later[where] ?? [])].sort(), where).toEqual([...declared.keys()].sort());
  for (const { option, fields } of Object.values(table)) {
    if (fields) compare(`${where}.${option}`, declared.get(option) ?? "", fields as Table);
  }
}

test("every option of a policy has an entry in its field table, and every entry an option", () => {
  const kinds = fieldsOf("Policy");
  expect(kinds.size).toBeGreaterThan(10);
  for (const row of Object.values(policies)) {
    const message = kinds.get(row.option);
    expect(message, `mesh.v1.Policy has no field ${row.option}`).toBeDefined();
    compare(row.option, message ?? "", row.fields as Table);
  }
});

test("the key of a row is its name", () => {
  for (const [key, { name }] of Object.entries(policies)) expect(name).toBe(key);
});

test("every rule has an id of its own, under its policy's name", () => {
  const ids = Object.values(policies).flatMap((row) =>
    ("rules" in row ? (row.rules ?? []) : []).map(({ id }) => {
      expect(id.split("/")[0]).toBe(row.option.replace("_", "-"));
      return id;
    }),
  );
  expect(ids.length).toBeGreaterThan(20);
  expect(new Set(ids).size).toBe(ids.length);
});
