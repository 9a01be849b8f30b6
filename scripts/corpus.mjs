// Generates mesh code for every service of google-proto-files, about 1,670 files that were not written for us, and
// type-checks all of it against message stubs; then a subset against what ts-proto and protoc-gen-es really generate, and
// the OpenAPI documents of that subset.
//
//   node scripts/corpus.mjs            the check; exit code 1 on any failure
//   node scripts/corpus.mjs --bench    time and peak memory against both, on the subset (--all: on everything)
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bench } from "./corpus/bench.mjs";
import { checkAll, checkSubset } from "./corpus/check.mjs";
import { checkOpenApi } from "./corpus/openapi.mjs";
import { captureRequest, serviceFiles, subsetOf } from "./corpus/request.mjs";
import { folder, step } from "./corpus/run.mjs";

const flags = new Set(process.argv.slice(2));
for (const flag of flags) {
  if (flag !== "--bench" && flag !== "--all") {
    console.error(`unknown flag ${flag}: use --bench and --all`);
    process.exit(1);
  }
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const files = serviceFiles();
const subset = subsetOf(files);
if (flags.has("--bench")) {
  const chosen = flags.has("--all") ? files : subset;
  const path = join(folder, "bench.req");
  await bench(await step(`compiling ${chosen.length} files`, () => captureRequest(chosen, path)), chosen.length);
} else {
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
}
