import { type Documented, type Documents, openApi } from "./document.ts";

export type { Documented } from "./document.ts";

/**
 * The OpenAPI documents of a run: `a/b_openapi.json` next to `a/b_mesh.ts`, or one `openapi.json` for all files. JSON with the
 * same order of everything each time, so that the same protos give the same bytes.
 */
export function* openApiFiles(
  documented: readonly Documented[],
  merged: boolean,
  options: Documents,
): Generator<{ readonly name: string; readonly content: string }> {
  const sorted = [...documented].sort((a, b) => (a.model.source < b.model.source ? -1 : 1));
  const documents = merged
    ? [{ name: "openapi.json", files: sorted }]
    : documented.map((one) => ({ name: `${one.file.name}_openapi.json`, files: [one] }));
  for (const { name, files } of documents) {
    const document = openApi(files, options);
    if (document) yield { name, content: `${JSON.stringify(document, null, 2)}\n` };
  }
}
