import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Packages as they are installed here. */
const installed = ["@bufbuild", "google-proto-files", "ts-proto"];

/** Makes a `node_modules` as npm would in a project of a user: our packages freshly built, the others linked. Returns the folder around it. */
export function makePackages(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "mesh-recipes-")));
  const modules = join(folder, "node_modules");
  for (const name of installed) link(join(root, "node_modules", name), join(modules, name));
  const own = [
    ["plugin", "protoc-gen-mesh", "build-plugin.mjs", "protoc-gen-mesh.cjs"],
    ["cli", "protomesh", "build-cli.mjs", "protomesh.js"],
  ] as const;
  for (const [source, name, build, output] of own) {
    for (const part of ["package.json", "bin", ...(source === "plugin" ? ["proto"] : [])])
      cpSync(join(root, source, part), join(modules, name, part), { recursive: true });
    execFileSync(process.execPath, [join(root, "scripts", build), join(modules, name, "dist", output)], {
      stdio: "pipe",
    });
  }
  for (const name of ["@bufbuild/buf", "ts-proto", "protoc-gen-mesh", "protomesh"]) linkPrograms(modules, name);
  return folder;
}

function linkPrograms(modules: string, name: string): void {
  const { bin } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")) as {
    bin: { readonly [program: string]: string };
  };
  for (const [program, path] of Object.entries(bin)) link(join(modules, name, path), join(modules, ".bin", program));
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}
