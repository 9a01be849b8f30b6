// Bundles the plugin into one file that starts fast. What nothing here reaches stays out: protoplugin's TypeScript
// compiler, which only targets other than ts need, ts-poet's formatter, and jose, which a policy loads at run time.
//
//   node scripts/build-plugin.mjs [output]     default: plugin/dist/protoc-gen-mesh.cjs
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeNotices } from "./notices.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = process.argv[2] ?? `${root}plugin/dist/protoc-gen-mesh.cjs`;
const absent = ["typescript", "@typescript/vfs", "dprint-node", "jose"];

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["plugin/src/main.ts"],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  minifySyntax: true,
  conditions: ["@protomesh/source"],
  legalComments: "none",
  logLevel: "warning",
  // Policies use import.meta.url to find optional packages when they run, which here they do not.
  logOverride: { "empty-import-meta": "silent" },
  metafile: true,
  plugins: [{ name: "leave-out", setup: leaveOut }],
});
console.error(`${outfile.replace(root, "")}: ${Math.round(statSync(outfile).size / 1024)} kB`);

writeNotices(outfile, Object.keys(metafile.inputs));

/** Puts an object that fails on use in the place of the packages that are left out. */
function leaveOut({ onResolve, onLoad }) {
  onResolve({ filter: /^(typescript|@typescript\/vfs|dprint-node|jose)$/ }, ({ path }) => {
    return absent.includes(path) ? { path, namespace: "absent" } : undefined;
  });
  onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({
    contents: `module.exports = new Proxy({}, { get(_, key) { if (key === "__esModule") return false;
      throw new Error(${JSON.stringify(path)} + " is not part of the bundle"); } });`,
    loader: "js",
  }));
}
