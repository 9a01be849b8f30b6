import { chmodSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folder, protos, root, runNode } from "./run.mjs";

/** All protos with a service, sorted. The tests of protobuf itself do not compile on their own. */
export function serviceFiles() {
  return readdirSync(protos, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => /^(google|grafeas)\/.*\.proto$/.test(name) && !name.startsWith("google/protobuf/"))
    .filter((name) => /^service /m.test(readFileSync(join(protos, name), "utf8")))
    .sort();
}

/** About a hundred files from everywhere; not the Ads API, each file of which imports half a thousand others. */
export function subsetOf(files) {
  const candidates = files.filter((name) => !name.startsWith("google/ads/") && !name.includes("/compute/"));
  const every = Math.floor(candidates.length / 100);
  return candidates.filter((_, index) => index % every === 0);
}

/**
 * Compiles files and keeps what protoc hands to a plugin: the same request then goes to every generator. Beside it,
 * at `<path>.set`, the same files without comments.
 */
export async function captureRequest(files, path) {
  const plugin = join(folder, "protoc-gen-capture");
  const keep = "fs.writeFileSync(process.env.CAPTURE_TO, fs.readFileSync(0))";
  // An answer that generates nothing and supports everything: optional fields, editions 998 to 1001.
  const answer = "fs.writeSync(1, Buffer.from([0x10, 3, 0x18, 0xe6, 7, 0x20, 0xe9, 7]))";
  writeFileSync(plugin, `#!${process.execPath}\nimport("node:fs").then((fs) => { ${keep}; ${answer}; });\n`);
  chmodSync(plugin, 0o755);
  const list = join(folder, "files.txt");
  writeFileSync(list, files.join("\n"));
  process.env.CAPTURE_TO = path;
  const args = [
    `-I${protos}`,
    "--include_imports",
    `--descriptor_set_out=${path}.set`,
    `--plugin=protoc-gen-capture=${plugin}`,
    `--capture_out=${folder}`,
    `@${list}`,
  ];
  const { status, stderr } = await runNode(join(root, "node_modules/protoc/protoc.cjs"), { args });
  if (status !== 0) throw new Error(`protoc failed:\n${stderr.replace(/^.*warning:.*\n/gm, "")}`);
  return path;
}
