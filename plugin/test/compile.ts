import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { targets } from "../src/export/targets.ts";
import { GenerationError } from "../src/generation-error.ts";
import { catalog, generationRules } from "../src/lint/catalog.ts";
import { run as runPlugin } from "../src/plugin.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const protoc = createRequire(import.meta.url)
  .resolve("protoc/package.json")
  .replace("package.json", "protoc.cjs");

/** Where the compiler finds what test protos import. */
export const importPaths = [join(root, "plugin/proto"), join(root, "node_modules/google-proto-files")];

/**
 * Runs protoc, which also knows `buf/validate/validate.proto`: no package has that file as text, but its descriptor.
 * Throws with protoc's output when it fails.
 */
export function runProtoc(args: readonly string[]): void {
  const folder = mkdtempSync(join(tmpdir(), "mesh-known-"));
  try {
    const set = join(folder, "known.bin");
    const file = [file_buf_validate_validate.proto];
    writeFileSync(set, toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file })));
    execFileSync(process.execPath, [protoc, `--descriptor_set_in=${set}`, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Text of proto files by their path. */
export type Protos = { readonly [path: string]: string };

/** Compiles protos given as text. */
export function compile(protos: Protos): FileDescriptorSet {
  const folder = mkdtempSync(join(tmpdir(), "mesh-test-"));
  try {
    for (const [path, text] of Object.entries(protos)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return compileFolder(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Compiles all protos below a folder. */
export function compileFolder(folder: string): FileDescriptorSet {
  const out = mkdtempSync(join(tmpdir(), "mesh-set-"));
  try {
    const set = join(out, "set.bin");
    runProtoc([
      ...[folder, ...importPaths].map((path) => `-I${path}`),
      "--include_imports",
      "--include_source_info",
      `--descriptor_set_out=${set}`,
      ...protosBelow(folder),
    ]);
    return fromBinary(FileDescriptorSetSchema, readFileSync(set));
  } finally {
    rmSync(out, { recursive: true });
  }
}

/** The paths of the protos below a folder, sorted. */
export const protosBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".proto"))
    .sort();

/** What a compiler would hand to the plugin. */
export function requestFor(set: FileDescriptorSet, generate: readonly string[], parameter = ""): CodeGeneratorRequest {
  return create(CodeGeneratorRequestSchema, { protoFile: set.file, fileToGenerate: [...generate], parameter });
}

/** What a run of the plugin ends with. */
export interface Outcome {
  /** Generated text by path. */
  readonly files: { readonly [path: string]: string };
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

const ids = new Set(
  [...catalog, ...generationRules].map(({ id }) => id).concat(targets.map(({ name }) => `export/${name}`)),
);

/** Runs the plugin in this process. Throws when it reports by a rule that the catalog does not have. */
export function run(request: CodeGeneratorRequest): Outcome {
  const outcome = runUnchecked(request);
  for (const line of [...outcome.errors, ...outcome.warnings]) {
    const id = / \[([a-z-]+(?:\/[a-z-]+)+)\]$/.exec(line)?.[1];
    if (id !== undefined && !ids.has(id)) throw new Error(`${id} is not in plugin/src/lint/catalog.ts`);
  }
  return outcome;
}

function runUnchecked(request: CodeGeneratorRequest): Outcome {
  const warnings: string[] = [];
  try {
    const { files } = runPlugin(toBinary(CodeGeneratorRequestSchema, request), (line) => warnings.push(line));
    return { files: Object.fromEntries([...files].map(({ name, content }) => [name, content])), errors: [], warnings };
  } catch (error) {
    if (!(error instanceof GenerationError)) throw error;
    return { files: {}, errors: error.message.split("\n"), warnings };
  }
}

/** Compiles protos given as text and generates for all of them. */
export function generate(protos: Protos, parameter?: string): Outcome {
  return run(requestFor(compile(protos), Object.keys(protos), parameter));
}
