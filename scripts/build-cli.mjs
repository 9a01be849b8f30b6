// Bundles the command into one file with everything that it needs, so that running it installs nothing else.
//
//   node scripts/build-cli.mjs [output]     default: cli/dist/protomesh.js
import { cpSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeNotices } from "./notices.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = process.argv[2] ?? `${root}cli/dist/protomesh.js`;

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["cli/src/main.ts"],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "esm",
  minifySyntax: true,
  conditions: ["@protomesh/source"],
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  // grpc-js is CommonJS, and a bundle of ESM has no require of its own.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  plugins: [
    { name: "leave-out", setup: leaveOut },
    { name: "take-in", setup: takeIn },
  ],
});
// What the docs page loads is read from beside the code.
cpSync(join(root, "runtime/src/gateway/docs/page"), join(dirname(outfile), "page"), { recursive: true });
console.error(`${outfile.replace(root, "")}: ${Math.round(statSync(outfile).size / 1024)} kB`);
writeNotices(outfile, Object.keys(metafile.inputs));

/** What only printing generated code needs. */
function leaveOut({ onResolve, onLoad }) {
  onResolve({ filter: /^(typescript|@typescript\/vfs|dprint-node)$/ }, ({ path }) => ({
    path,
    namespace: "absent",
  }));
  onLoad({ filter: /.*/, namespace: "absent" }, ({ path }) => ({
    contents: `module.exports = new Proxy({}, { get(_, key) { if (key === "__esModule") return false;
      throw new Error(${JSON.stringify(path)} + " is not part of the bundle"); } });`,
    loader: "js",
  }));
}

/** The runtime asks Node.js for this package when it is wanted; here it is always there. */
function takeIn({ onLoad }) {
  onLoad({ filter: /runtime[\\/]src[\\/]gateway[\\/]websocket[\\/]library\.ts$/ }, () => ({
    contents: `import * as ws from "ws"; export const loadWs = () => ws;`,
    resolveDir: root,
  }));
}
