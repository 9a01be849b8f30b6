import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const name = "protovalidate.cjs";

/** Leaves protovalidate in its own file, which a bundle beside it loads when a constant reply has rules: most never do. */
export const protovalidateBeside = {
  name: "protovalidate-beside",
  setup({ onResolve }) {
    onResolve({ filter: /^@bufbuild\/protovalidate$/ }, () => ({ path: `./${name}`, external: true }));
  },
};

/** Writes that file to a folder. Returns the paths of what is in it. */
export async function bundleProtovalidate(folder) {
  const outfile = join(folder, name);
  const { metafile } = await build({
    absWorkingDir: root,
    stdin: { contents: 'export { createValidator } from "@bufbuild/protovalidate";', resolveDir: root },
    outfile,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "cjs",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
  });
  console.error(`${outfile.replace(root, "")}: ${Math.round(statSync(outfile).size / 1024)} kB`);
  return Object.keys(metafile.inputs);
}
