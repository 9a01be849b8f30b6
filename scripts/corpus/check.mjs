import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import * as wkt from "@bufbuild/protobuf/wkt";
import { captureRequest } from "./request.mjs";
import { folder, generators, root, runNode, step, withParameter } from "./run.mjs";
import { writeStubs } from "./stubs.mjs";

/** Every service file, against message stubs. Returns what failed. */
export async function checkAll(files) {
  const out = join(folder, "all");
  const request = await step(`compiling ${files.length} files`, () => captureRequest(files, join(folder, "all.req")));
  const { written, failures } = await generate("protoc-gen-mesh", request, "", out);
  if (written.length !== files.length) failures.push(`${written.length} of ${files.length} files generated`);
  await step("writing message stubs", () => writeStubs(protosOf(request), out));
  return [...failures, ...(await typeCheck(out))];
}

/** A subset next to the messages that the real generators print. Returns what failed. */
export async function checkSubset(files, messages) {
  const name = messages === "ts-proto" ? "protoc-gen-ts_proto" : "protoc-gen-es";
  const out = join(folder, name);
  const request = await step(`compiling ${files.length} files`, () => captureRequest(files, join(folder, "some.req")));
  // protoc-gen-es generates what it is asked for, ts-proto also what that imports.
  const imported = protosOf(request).map((proto) => proto.name);
  const extra = messages === "ts-proto" ? [] : imported.filter((path) => !path.startsWith("google/protobuf/"));
  const theirs = await generate(name, request, generators[name], out, extra);
  const ours = await generate("protoc-gen-mesh", request, `messages=${messages}`, out);
  const unread = await step("reading descriptors back", () => ours.written.flatMap(unreadable));
  return [...theirs.failures, ...ours.failures, ...unread, ...(await typeCheck(out))];
}

const protosOf = (request) => fromBinary(wkt.FileDescriptorSetSchema, readFileSync(`${request}.set`)).file;

/** Runs a generator on a request, and writes what it generates. */
async function generate(name, request, parameter, out, extraFiles = []) {
  const input = withParameter(request, parameter, extraFiles);
  const output = join(folder, "answer.res");
  const { status, stderr } = await step(`generating with ${name}`, () => {
    return runNode(join(root, "node_modules/.bin", name), { input, output });
  });
  const { file, error } = fromBinary(wkt.CodeGeneratorResponseSchema, readFileSync(output));
  if (status !== 0 || error) return { written: [], failures: [`${name} failed: ${error}${stderr}`] };
  for (const { name: path, content } of file) {
    mkdirSync(dirname(join(out, path)), { recursive: true });
    writeFileSync(join(out, path), content);
  }
  return { written: file, failures: [] };
}

/** The well-known types that the runtime adds to embedded descriptors, dependencies first. */
const wellKnown = [
  wkt.file_google_protobuf_any,
  wkt.file_google_protobuf_source_context,
  wkt.file_google_protobuf_type,
  wkt.file_google_protobuf_api,
  wkt.file_google_protobuf_descriptor,
  wkt.file_google_protobuf_duration,
  wkt.file_google_protobuf_empty,
  wkt.file_google_protobuf_field_mask,
  wkt.file_google_protobuf_struct,
  wkt.file_google_protobuf_timestamp,
  wkt.file_google_protobuf_wrappers,
].map((file) => file.proto);

/** What keeps a generated file's descriptors from being a registry that has all its services. */
function unreadable({ name, content }) {
  const [, base64 = ""] = /^const descriptors =\s+"([^"]+)";$/m.exec(content) ?? [];
  try {
    const { file } = fromBinary(wkt.FileDescriptorSetSchema, Buffer.from(base64, "base64"));
    const registry = createFileRegistry(create(wkt.FileDescriptorSetSchema, { file: [...wellKnown, ...file] }));
    const services = [...content.matchAll(/^ {2}name: "([^"]+)",$/gm)].map(([, service]) => service);
    return services.filter((service) => !registry.getService(service)).map((service) => `${name}: no ${service}`);
  } catch (error) {
    return [`${name}: ${error.message}`];
  }
}

const strict = {
  target: "es2022",
  lib: ["es2023"],
  module: "nodenext",
  moduleResolution: "nodenext",
  types: ["node"],
  noEmit: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  isolatedModules: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  allowImportingTsExtensions: true,
  customConditions: ["@protomesh/source"],
  skipLibCheck: true,
};

/** The first errors of the compiler. */
async function typeCheck(out) {
  writeFileSync(join(out, "package.json"), '{ "type": "module" }');
  writeFileSync(join(out, "tsconfig.json"), JSON.stringify({ compilerOptions: strict, include: ["**/*_mesh.ts"] }));
  const { status, stdout, stderr } = await step("type-checking", () => {
    return runNode(join(root, "node_modules/typescript/bin/tsc"), { args: ["-p", out] });
  });
  return status === 0
    ? []
    : [...stdout.split("\n").filter(Boolean).slice(0, 50), ...stderr.split("\n").filter(Boolean)];
}
