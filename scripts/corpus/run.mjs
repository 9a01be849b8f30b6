import { spawn } from "node:child_process";
import { createReadStream, createWriteStream, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema } from "@bufbuild/protobuf/wkt";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const folder = join(root, ".cache", "corpus");
/** Where the third-party protos are. */
export const protos = join(root, "node_modules", "google-proto-files");

/** The generators to compare, with the parameters that users are told to use. */
export const generators = {
  "protoc-gen-mesh": "",
  "protoc-gen-ts_proto":
    "esModuleInterop=true,importSuffix=.js,outputServices=none,env=node,forceLong=bigint,oneof=unions-value," +
    "useExactTypes=false,unknownFields=true,outputTypeAnnotations=static-only,outputJsonMethods=false,enumsAsLiterals=true",
  "protoc-gen-es": "target=js+dts,import_extension=js",
};

/** Says what is done, and how long it took. */
export async function step(what, work) {
  const start = performance.now();
  process.stderr.write(`corpus: ${what} ...`);
  const result = await work();
  process.stderr.write(` ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
  return result;
}

/** A copy of a request with a parameter, and more files to generate. Encoded messages add up when they follow each other. */
export function withParameter(request, parameter, fileToGenerate = []) {
  const path = `${request}.in`;
  const addition = create(CodeGeneratorRequestSchema, { parameter, fileToGenerate });
  writeFileSync(path, Buffer.concat([readFileSync(request), toBinary(CodeGeneratorRequestSchema, addition)]));
  return path;
}

/**
 * Runs a program of Node.js, its input and output in files if they are given.
 *
 * Returns what it printed and its exit code.
 */
export async function runNode(script, { args = [], input, output } = {}) {
  const child = spawn(process.execPath, ["--max-old-space-size=16000", script, ...args], { cwd: root });
  const said = text(child.stderr);
  const flows = [
    output ? pipeline(child.stdout, createWriteStream(output)) : text(child.stdout),
    input ? pipeline(createReadStream(input), child.stdin) : child.stdin.end(),
    new Promise((resolve) => child.on("close", resolve)),
  ];
  const [stdout, , status] = await Promise.all(flows);
  return { status, stdout, stderr: await said };
}

async function text(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
