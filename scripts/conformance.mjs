// Runs the official conformance suites against our client and our server by gRPC, and against our server by Connect and
// gRPC-Web: `node scripts/conformance.mjs [client|server|web]`.
// Needs Go, by which the runner is built from its module. Exit code 1 when a case fails that no known-failures file
// explains, and when one passes that such a file lists. Further arguments go to the runner, such as --run PATTERN, -v.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { binaries, goProblem, npmPlugin, protoc, root, run } from "../interop/toolchain.mjs";

const module = "connectrpc.com/conformance";
/** The newest release whose own dependencies the module proxy serves. */
const version = "v1.0.6";
const here = join(root, "interop", "conformance");

const [first, ...others] = process.argv.slice(2);
const suites = {
  client: {
    mode: "client",
    config: "config.yaml",
    program: "client.ts",
    what: "our client against the reference server",
  },
  server: {
    mode: "server",
    config: "config.yaml",
    program: "server.ts",
    what: "our server against the reference client",
  },
  web: { mode: "server", config: "web.yaml", program: "server.ts", what: "our server by Connect and gRPC-Web" },
};
const sides = first in suites ? [first] : Object.keys(suites);
const extra = sides.length === 1 ? others : process.argv.slice(2);

const problem = goProblem();
if (problem) {
  console.error(`conformance: ${problem}: the official runner is a Go program; install Go and try again`);
  process.exit(1);
}

const runner = join(binaries, `connectconformance-${version}`);
step("building the runner", () => {
  if (existsSync(runner)) return;
  mkdirSync(binaries, { recursive: true });
  run("go", ["install", `${module}/cmd/connectconformance@${version}`], { env: { GOBIN: binaries } });
  run("mv", [join(binaries, "connectconformance"), runner]);
});
step("generating the service under test", () => {
  const { Dir } = JSON.parse(run("go", ["mod", "download", "-json", `${module}@${version}`]));
  const out = join(here, "gen");
  const protos = join(Dir, "proto");
  const names = ["config", "service", "client_compat", "server_compat"];
  protoc(out, [
    "-I",
    protos,
    npmPlugin("protoc-gen-es"),
    `--es_out=${out}`,
    "--es_opt=target=ts,import_extension=ts",
    npmPlugin("protoc-gen-mesh"),
    `--mesh_out=${out}`,
    "--mesh_opt=messages=protobuf-es,import_extension=ts",
    ...names.map((name) => `connectrpc/conformance/v1/${name}.proto`),
  ]);
});
step("type-checking the programs under test", () => {
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", here]);
});

let failed = false;
for (const side of sides) {
  const known = join(here, `${side}-known-failing.txt`);
  const { mode, config, program: file, what } = suites[side];
  const atTimes = join(here, `${side}-known-flaky.txt`);
  const flaky = existsSync(atTimes) ? ["--known-flaky", `@${atTimes}`] : [];
  const args = ["--mode", mode, "--conf", join(here, config), "--known-failing", `@${known}`, ...flaky, ...extra, "--"];
  const program = [process.execPath, "--conditions=@protomesh/source", "--import=tsx", join(here, file)];
  console.log(`conformance: ${what}`);
  const { status, error } = spawnSync(runner, [...args, ...program], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error) throw error;
  if (status !== 0) failed = true;
}
process.exitCode = failed ? 1 : 0;

function step(what, work) {
  const start = performance.now();
  process.stderr.write(`conformance: ${what} ...`);
  work();
  process.stderr.write(` ${((performance.now() - start) / 1000).toFixed(1)} s\n`);
}
