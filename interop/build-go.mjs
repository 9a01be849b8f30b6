// Builds the grpc-go program of the interop tests: generates its stubs, then compiles it. `npm install` has protoc, the Go
// module proxy has the rest, pinned by go.mod and go.sum. Prints the path of the binary.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { binaries, protoc, root, run } from "./toolchain.mjs";

const here = join(root, "interop", "go");
const binary = join(binaries, "interop");

/** Builds what is not up to date and returns the path of the binary. Throws an Error with the tools' output. */
export function buildGo() {
  mkdirSync(binaries, { recursive: true });
  const plugins = {
    "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go",
    "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
  };
  for (const [name, path] of Object.entries(plugins))
    run("go", ["build", "-o", join(binaries, name), path], { cwd: here });
  const out = join(here, "gen");
  const module = "protomesh.example/interop/gen";
  const options = [
    `module=${module}`,
    `Minterop/v1/interop.proto=${module}/interop/v1`,
    `Mmesh/v1/options.proto=${module}/mesh/v1`,
  ].join(",");
  protoc(out, [
    ...["interop/proto", "plugin/proto"].flatMap((folder) => ["-I", join(root, folder)]),
    ...Object.keys(plugins).map((name) => `--plugin=${name}=${join(binaries, name)}`),
    `--go_out=${out}`,
    `--go_opt=${options}`,
    `--go-grpc_out=${out}`,
    `--go-grpc_opt=${options}`,
    "interop/v1/interop.proto",
    "mesh/v1/options.proto",
  ]);
  run("go", ["vet", "./..."], { cwd: here });
  run("go", ["build", "-o", binary, "."], { cwd: here });
  return binary;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(buildGo());
