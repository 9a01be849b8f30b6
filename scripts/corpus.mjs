// Generates mesh code for every service of google-proto-files, about 1,670 files that were not written for us, and
// type-checks all of it against message stubs; then a subset against what ts-proto and protoc-gen-es really generate, and
// the OpenAPI documents of that subset.
//
//   node scripts/corpus.mjs    exit code 1 on any failure
import { mkdirSync, rmSync } from "node:fs";
import { checkAll, checkSubset } from "./corpus/check.mjs";
import { checkOpenApi } from "./corpus/openapi.mjs";
import { serviceFiles, subsetOf } from "./corpus/request.mjs";
import { folder } from "./corpus/run.mjs";

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const files = serviceFiles();
const subset = subsetOf(files);
const failures = [
  ...(await checkAll(files)),
  ...(await checkSubset(subset, "ts-proto")),
  ...(await checkSubset(subset, "protobuf-es")),
  ...(await checkOpenApi(subset)),
];
if (failures.length > 0) {
  console.log(`corpus: ${failures.length} failures\n${failures.join("\n")}`);
  process.exitCode = 1;
} else {
  const real = `${subset.length} of them next to what ts-proto and protoc-gen-es generate`;
  console.log(`corpus: ${files.length} files generated and type-checked, ${real}`);
}
