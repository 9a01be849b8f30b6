// Bundles the programs of the plugin into files that start fast. What nothing here reaches stays out: protoplugin's TypeScript
// compiler, which only targets other than ts need, ts-poet's formatter, and jose, which a policy loads at run time; for buf
// also what prints code. buf-plugin-mesh has what buf asks for most in its own small file, the rest in buf-plugin-mesh-check. What knows
// protovalidate's rules has one, too.
//
//   node scripts/build-plugin.mjs [output]     default: plugin/dist/protoc-gen-mesh.cjs; the others go beside it
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeNotices } from "./notices.mjs";
import { bundleProtovalidate, protovalidateBeside } from "./protovalidate.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = resolve(process.argv[2] ?? `${root}plugin/dist/protoc-gen-mesh.cjs`);
const beside = (name) => join(dirname(outfile), name);
const absent = ["typescript", "@typescript/vfs", "dprint-node", "jose"];

const inputs = await bundle("plugin/src/main.ts", outfile);
inputs.push(...(await bundle("plugin/src/buf/procedures.ts", beside("buf-plugin-mesh-check.cjs"))));
inputs.push(...(await bundle("plugin/src/buf/main.ts", beside("buf-plugin-mesh.cjs"), [launcher(await answers())])));
inputs.push(...(await bundleProtovalidate(dirname(outfile))));
writeNotices(outfile, [...new Set(inputs)]);

/** What buf-plugin-mesh answers without looking at a file. */
async function answers() {
  const folder = mkdtempSync(join(tmpdir(), "mesh-build-"));
  try {
    await bundle("plugin/src/buf/prepare.ts", join(folder, "prepare.cjs"));
    return await createRequire(import.meta.url)(join(folder, "prepare.cjs")).prepare();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Puts the answers in, and leaves the procedures in their own file. */
function launcher(ready) {
  return {
    name: "launcher",
    setup({ onLoad, onResolve }) {
      onLoad({ filter: /[\\/]buf[\\/]prepared\.ts$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        const filled = source.replace("= {};", `= ${JSON.stringify(ready)};`);
        if (filled === source) throw new Error(`${path} has no place for the answers`);
        return { contents: filled, loader: "ts" };
      });
      onResolve({ filter: /^\.\/procedures\.ts$/ }, () => ({ path: "./buf-plugin-mesh-check.cjs", external: true }));
    },
  };
}

/** Writes a bundle without the packages in `absent`. Returns the paths of what is in it. */
async function bundle(entry, output, plugins = []) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: output,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "cjs",
    // A file beside the bundle comes by require: import() would read all of it for its exports first.
    supported: { "dynamic-import": false },
    minifySyntax: true,
    minifyWhitespace: true,
    conditions: ["@protomesh/source"],
    legalComments: "none",
    logLevel: "warning",
    // Policies use import.meta.url to find optional packages when they run, which here they do not.
    logOverride: { "empty-import-meta": "silent" },
    metafile: true,
    plugins: [{ name: "leave-out", setup: leaveOut }, protovalidateBeside, ...plugins],
  });
  console.error(`${output.replace(root, "")}: ${Math.round(statSync(output).size / 1024)} kB`);
  return Object.keys(metafile.inputs);
}

/** Puts an object that fails on use in the place of the packages that are left out. */
function leaveOut({ onResolve, onLoad }) {
  onResolve({ filter: /^[@a-z]/ }, ({ path }) => {
    return absent.includes(path) ? { path, namespace: "absent" } : undefined;
  });
  onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({
    contents: `module.exports = new Proxy({}, { get(_, key) { if (key === "__esModule") return false;
      throw new Error(${JSON.stringify(path)} + " is not part of the bundle"); } });`,
    loader: "js",
  }));
}
