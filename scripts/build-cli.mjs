// Bundles the command with everything that it needs, so that running it installs nothing else. Each subcommand loads the chunks that
// it needs: those that only read proto files never parse gRPC.
//
//   node scripts/build-cli.mjs [output]     default: cli/dist/protomesh.js; chunks go beside it

import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeNotices } from "./notices.mjs";
import { bundleProtovalidate, protovalidateBeside } from "./protovalidate.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const outfile = resolve(process.argv[2] ?? `${root}cli/dist/protomesh.js`);
const outdir = dirname(outfile);

// Chunks are named by what is in them: those of earlier builds would stay.
for (const name of existsSync(outdir) ? readdirSync(outdir) : [])
  if (/^chunk-.*\.js$/.test(name)) rmSync(join(outdir, name));

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: [{ in: "cli/src/main.ts", out: basename(outfile, ".js") }],
  outdir,
  bundle: true,
  splitting: true,
  // Flat, because the docs page is read from beside the code that serves it.
  chunkNames: "chunk-[name]-[hash]",
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
    protovalidateBeside,
    { name: "name-exports", setup: nameExports },
  ],
});
// What the docs page loads is read from beside the code.
cpSync(join(root, "runtime/src/gateway/docs/page"), join(outdir, "page"), { recursive: true });
// And what init writes.
cpSync(join(root, "cli/template"), join(outdir, "template"), { recursive: true });
const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
console.error(`${outdir.replace(root, "")}: ${Math.round(bytes / 1024)} kB`);
writeNotices(outfile, [...Object.keys(metafile.inputs), ...(await bundleProtovalidate(outdir))]);

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
  onLoad({ filter: /runtime[\\/]src[\\/]gateway[\\/]websocket[\\/]library\.ts$/ }, ({ path }) => {
    const [before, after, ...rest] = readFileSync(path, "utf8").split('createRequire(from)("ws")');
    if (after === undefined || rest.length > 0) throw new Error(`${path} loads ws in another way now: see takeIn`);
    return { contents: `import * as all from "ws";\n${before}all${after}`, loader: "ts", resolveDir: dirname(path) };
  });
}

/** A chunk of a CommonJS package exports no names, and whoever imports this one by `import()` asks for them as Node.js gives them. */
function nameExports({ onResolve, onLoad }) {
  onResolve({ filter: /^yaml$/ }, ({ path, kind }) =>
    kind === "dynamic-import" ? { path, namespace: "named" } : undefined,
  );
  onLoad({ filter: /.*/, namespace: "named" }, ({ path }) => ({
    contents: `import all from ${JSON.stringify(path)}; export default all;
      export const { ${Object.keys(createRequire(import.meta.url)(path)).join(", ")} } = all;`,
    resolveDir: root,
  }));
}
