import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { captureRequest } from "./request.mjs";
import { folder, root, runNode, step, withParameter } from "./run.mjs";

/**
 * What is a document's own fault: references, structure, ids, parameters of paths. Examples and security are what the
 * protos say, and examples there are none.
 */
const config = createConfig({
  rules: {
    struct: "error",
    "no-unresolved-refs": "error",
    "no-identical-paths": "error",
    "operation-operationId-unique": "error",
    "operation-operationId-url-safe": "error",
    "operation-parameters-unique": "error",
    "path-parameters-defined": "error",
    "path-declaration-must-exist": "error",
    "path-not-include-query": "error",
    "security-defined": "error",
    "no-enum-type-mismatch": "error",
    "no-required-schema-properties-undefined": "error",
    "tag-description": "off",
  },
});

/** OpenAPI documents of files, one each and one for all. Returns what is wrong with them. */
export async function checkOpenApi(files) {
  const request = await step(`compiling ${files.length} files`, () =>
    captureRequest(files, join(folder, "openapi.req")),
  );
  const failures = [];
  for (const mode of ["true", "merge"]) {
    const documents = await generate(request, mode);
    if (documents.length === 0) failures.push(`openapi=${mode} generated no document`);
    await step(`checking ${documents.length} OpenAPI documents`, async () => {
      for (const { name, content } of documents) {
        const problems = await lintFromString({ source: content, absoluteRef: name, config: await config });
        failures.push(
          ...problems.map(({ ruleId, message, location }) => `${name}${location[0]?.pointer}: ${message} (${ruleId})`),
        );
      }
    });
  }
  return failures;
}

async function generate(request, mode) {
  const output = join(folder, "openapi.res");
  const { status, stderr } = await step(`generating with openapi=${mode}`, () => {
    const input = withParameter(request, `openapi=${mode}`);
    return runNode(join(root, "node_modules/.bin/protoc-gen-mesh"), { input, output });
  });
  if (status !== 0) throw new Error(`protoc-gen-mesh failed:\n${stderr}`);
  const { file } = fromBinary(CodeGeneratorResponseSchema, readFileSync(output));
  return file.filter(({ name }) => name.endsWith("openapi.json"));
}
