// Bundles the plugin into one file that starts fast. Two heavy parts of its packages stay out, because nothing here
// reaches them: protoplugin's TypeScript compiler, which only targets other than ts need, and ts-poet's formatter.
//
//   node scripts/build-plugin.mjs [output]     default: plugin/dist/protoc-gen-mesh.cjs
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = process.argv[2] ?? `${root}plugin/dist/protoc-gen-mesh.cjs`;
const absent = ["typescript", "@typescript/vfs", "dprint-node"];

await build({
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
  plugins: [{ name: "leave-out", setup: leaveOut }],
});
console.error(`${outfile.replace(root, "")}: ${Math.round(statSync(outfile).size / 1024)} kB`);

/** Puts an object that fails on use in the place of the packages that are left out. */
function leaveOut({ onResolve, onLoad }) {
  onResolve({ filter: /^(typescript|@typescript\/vfs|dprint-node)$/ }, ({ path }) => {
    return absent.includes(path) ? { path, namespace: "absent" } : undefined;
  });
  onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({
    contents: `module.exports = new Proxy({}, { get(_, key) { if (key === "__esModule") return false;
      throw new Error(${JSON.stringify(path)} + " is not part of the bundle"); } });`,
    loader: "js",
  }));
}
