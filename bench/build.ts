import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

/**
 * Compiles the programs that are measured to `bench/dist`, so that they run as plain JavaScript: a loader that
 * translates on the fly also changes what runs. Packages, ours included, are loaded as they are installed.
 */
export async function build(): Promise<void> {
  const programs = ["rpc/server", "rpc/client", "http/server", "http/client", "layers/main", "json/main"];
  await bundle({
    entryPoints: programs.map((program) => `${here}${program}.ts`),
    outbase: here,
    outdir: `${here}dist`,
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "warning",
  });
}
