import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

/** A bundle for browsers, as a page loads it. */
export interface Bundle {
  readonly code: string;
  /** The files and packages that are in it. */
  readonly inputs: readonly string[];
  /** Bytes as they are, and compressed. */
  readonly bytes: number;
  readonly gzipped: number;
}

/** Bundles a module, minified. Paths of its imports are relative to `runtime/test`. Fails on whatever needs Node. */
export async function bundle(code: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, loader: "ts", resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["@protomesh/source"],
    // Generated files import what TypeScript makes of the files next to them.
    resolveExtensions: [".ts", ".js"],
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const contents = outputFiles[0]?.contents ?? new Uint8Array(0);
  return {
    code: Buffer.from(contents).toString(),
    inputs: Object.keys(metafile.inputs),
    bytes: contents.length,
    gzipped: gzipSync(contents, { level: 9 }).length,
  };
}
