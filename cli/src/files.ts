import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { isDescriptorSet, runBuf } from "./image.ts";

/**
 * Where the files of an input are, relative to the working directory, by the name that imports give them. A file that is not
 * there, such as one that only a descriptor set has, keeps that name. buf is asked when the first name is.
 */
export function filesOf(input: string, folder = process.cwd()): (name: string) => string {
  let paths: ReadonlyMap<string, string> | undefined;
  return (name) => {
    paths ??= isDescriptorSet(input) || !existsSync(resolve(folder, input)) ? new Map() : list(input, folder);
    const path = resolve(folder, paths.get(name) ?? name);
    return existsSync(path) ? relative(folder, path) : name;
  };
}

/** The paths of an input's files, by the name that imports give them. */
function list(input: string, folder: string): Map<string, string> {
  try {
    const lines = Buffer.from(runBuf(["ls-files", input, "--format", "json"], folder, folder))
      .toString()
      .trim()
      .split("\n");
    return new Map(
      lines.map((line) => {
        const { path, import_path } = JSON.parse(line) as { path: string; import_path: string };
        return [import_path, path];
      }),
    );
  } catch {
    // Positions with the names of imports are better than none.
    return new Map();
  }
}
