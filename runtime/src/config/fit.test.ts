/** Overrides for many methods at once, some of which cannot have what they say. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, kitchenSpec } from "../../test/config/files.ts";
import { loadConfig } from "./load.ts";

const kitchen = "test.kitchen.v1.Kitchen";

/** The policies of the kitchen's methods under overrides, one per line from line 3 on, and what was warned of. */
async function under(...overrides: object[]) {
  const lines = overrides.map((one) => JSON.stringify(one)).join(",\n");
  const folder = folderWith({ "mesh.json": `{\n  "overrides": [\n${lines}\n  ]\n}` });
  const warnings: string[] = [];
  const logger = { warn: (text: string) => void warnings.push(text.replaceAll(`${folder}/`, "")) };
  const { policies } = await loadConfig({ file: join(folder, "mesh.json"), args: [], env: {}, watch: false, logger });
  const spec = kitchenSpec({});
  policies.bind(spec);
  const having = (text: string) =>
    Object.entries(spec.methods).flatMap(([key, method]) =>
      JSON.stringify(policies.methodOf(method).policy).includes(text) ? [key] : [],
    );
  return { warnings, having };
}

test("what only unary methods can have goes to those, and a policy that others lack is told", async () => {
  const timed = await under({ match: "*", policy: { timeout: { total: "2s", attempt: "1s" } } });
  expect(timed.having('"attemptMs":1000')).toEqual(["getDish", "createDish", "updateDish", "ping", "mirror"]);
  expect(timed.having('"totalMs":2000')).toHaveLength(8);
  expect(timed.warnings).toEqual([]);
  const cached = await under({ match: kitchen, policy: { cache: { ttl: "1s" } } });
  expect(cached.having('"ttlMs"')).toEqual(["getDish"]);
  expect(cached.warnings).toContainEqual(
    expect.stringMatching(
      /^mesh\.json:3: overrides\[0\]\.policy\.cache: \/test\.kitchen\.v1\.Kitchen\/Chat: has no effect, because only replies of unary/,
    ),
  );
});

test("an override that names one method must fit it", async () => {
  const wrong = under({ match: `${kitchen}/Chat`, policy: { timeout: { attempt: "1s" } } });
  await expect(wrong).rejects.toThrow("/test.kitchen.v1.Kitchen/Chat: attempt would cut a stream that is well");
  const beside = await under(
    { match: "*", policy: { timeout: { attempt: "1s" } } },
    { match: `${kitchen}/Chat`, policy: { timeout: { idle: "9s" } } },
  );
  expect(beside.having('"timeout":{"idleMs":9000}')).toEqual(["chat"]);
});
