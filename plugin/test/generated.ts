import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generate, importPaths, type Protos, root, runProtoc } from "./compile.ts";

const messages = {
  "ts-proto": "esModuleInterop=true,importSuffix=.js,outputServices=none,outputJsonMethods=false,forceLong=bigint",
  "protobuf-es": "target=ts,import_extension=js",
};

/** Messages of protobuf-es bring their options along, and so need the files that declare them. */
const optionFiles = [
  "buf/validate/validate.proto",
  "google/api/annotations.proto",
  "google/api/http.proto",
  "mesh/v1/options.proto",
];

/**
 * Generates all code for protos given as text, and imports the modules by the names of the proto files: `x_mesh`, and `x`
 * or `x_pb`. Below the repository, so that packages resolve; gone afterwards.
 */
export async function generated(protos: Protos, by: keyof typeof messages, imports: readonly string[]) {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache", "generated-"));
  try {
    const { files, errors } = generate(protos, by === "protobuf-es" ? "messages=protobuf-es" : "");
    if (errors.length > 0) throw new Error(errors.join("\n"));
    for (const [path, text] of Object.entries({ ...protos, ...files })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const plugin = by === "protobuf-es" ? "protoc-gen-es" : "protoc-gen-ts_proto";
    runProtoc([
      ...[folder, ...importPaths].map((path) => `-I${path}`),
      `--plugin=protoc-gen-messages=${join(root, "node_modules/.bin", plugin)}`,
      `--messages_out=${folder}`,
      `--messages_opt=${messages[by]}`,
      ...Object.keys(protos),
      ...(by === "protobuf-es" ? optionFiles : []),
    ]);
    const modules = imports.map(async (name) => [name, await import(/* @vite-ignore */ join(folder, `${name}.ts`))]);
    return Object.fromEntries(await Promise.all(modules)) as { readonly [name: string]: Record<string, unknown> };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
