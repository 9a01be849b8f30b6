import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";
import { compileFolder, protosBelow, requestFor, root, run } from "../../test/compile.ts";

// Redocly's recommended rules, warnings as errors. Off is what a proto file may leave unsaid: a licence, comments, a policy
// that refuses anybody; and paths that only a specific order of routing tells apart, which the gateway has.
const rules = {
  "info-license": "off",
  "tag-description": "off",
  "operation-4xx-response": "off",
  "no-ambiguous-paths": "off",
  // A document says what comments say, also those of testdata/docs, which try to be HTML. Our page shows text as text.
  "no-unsafe-markdown": "off",
} as const;
const config = createConfig({ extends: ["recommended-strict"], rules });

const testdata = join(root, "testdata");
const cases = readdirSync(testdata).filter((name) => !existsSync(join(testdata, name, "want", "errors.txt")));

test.each(cases)("the documents of testdata/%s are valid and say all that Redocly recommends", async (name) => {
  const folder = join(testdata, name);
  const parameter = join(folder, "parameter");
  const own = existsSync(parameter) ? `${readFileSync(parameter, "utf8").trim()},` : "";
  const set = compileFolder(folder);
  for (const mode of ["true", "merge"]) {
    const { files, errors } = run(requestFor(set, protosBelow(folder), `${own}openapi=${mode}`));
    expect(errors).toEqual([]);
    for (const [path, source] of Object.entries(files).filter(([file]) => file.endsWith("openapi.json"))) {
      const problems = await lintFromString({ source, absoluteRef: path, config: await config });
      expect(
        problems.map(({ ruleId, message, location }) => `${path} ${location[0]?.pointer}: ${ruleId}: ${message}`),
      ).toEqual([]);
    }
  }
});
