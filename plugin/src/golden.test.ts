import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { compileFolder, protosBelow, requestFor, root, run } from "../test/compile.ts";

// Each folder of testdata/ is a case: protos, the plugin's parameter, and want/ with all that the plugin says.
// UPDATE_GOLDEN=1 rewrites want/: read the difference before you commit it.
const testdata = join(root, "testdata");
const update = process.env.UPDATE_GOLDEN === "1";

for (const name of readdirSync(testdata)) {
  test(`testdata/${name} generates exactly want/`, () => {
    const folder = join(testdata, name);
    const want = join(folder, "want");
    const files = outputOf(folder);
    if (update) rewrite(want, files);

    expect(Object.keys(files).sort(), "no missing and no stale file").toEqual(filesBelow(want));
    for (const [path, content] of Object.entries(files)) {
      expect(content, path).toBe(readFileSync(join(want, path), "utf8"));
    }
  });
}

test("runtime/test/kitchen/kitchen_mesh.ts is what the plugin prints", () => {
  const folder = join(root, "runtime/test");
  const path = "kitchen/kitchen_mesh.ts";
  expect(outputOf(folder)[path]).toBe(readFileSync(join(folder, path), "utf8"));
});

/** Generated files, and what went to stderr. */
function outputOf(folder: string): { [path: string]: string } {
  const parameter = join(folder, "parameter");
  const text = existsSync(parameter) ? readFileSync(parameter, "utf8").trim() : "";
  const { files, errors, warnings } = run(requestFor(compileFolder(folder), protosBelow(folder), text));
  return {
    ...files,
    ...(errors.length > 0 ? { "errors.txt": `${errors.join("\n")}\n` } : {}),
    ...(warnings.length > 0 ? { "warnings.txt": `${warnings.join("\n")}\n` } : {}),
  };
}

function rewrite(want: string, files: { readonly [path: string]: string }): void {
  rmSync(want, { recursive: true, force: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(want, path)), { recursive: true });
    writeFileSync(join(want, path), content);
  }
}

const filesBelow = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((name) => statSync(join(folder, name)).isFile())
        .sort()
    : [];
