import { isUtf8 } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Merged, mergeLines, mergeManifest, readManifest } from "./merge.ts";
import { mainOf, type Names, renamed } from "./names.ts";

/** What becomes of a file. */
export interface Step {
  /** Relative to the project, with slashes. */
  readonly path: string;
  /** `keep`: it is there, and stays as it is. */
  readonly action: "create" | "overwrite" | "merge" | "keep";
  /** What will be in it. */
  readonly text: string;
  /** What is in it; undefined when it is not there. */
  readonly before: string | undefined;
}

/** All that will be done. */
export interface Plan {
  readonly steps: readonly Step[];
  /** What a person should know before agreeing. */
  readonly notes: readonly string[];
  /** The file that is started. */
  readonly main: string;
}

/** Beside the bundle; `gitignore` has no dot because npm would take it for its own. */
const template = fileURLToPath(new URL("./template/", import.meta.url));

/** Files that a project has once, for all that is in it: they are never overwritten. */
const shared: { readonly [path: string]: (text: string, addition: string) => Merged } = {
  "package.json": (text, addition) => mergeManifest(text, "package.json", addition),
  ".gitignore": mergeLines,
  "tsconfig.json": (text) => ({ text, notes: [] }),
};

/**
 * What `protomesh init` would do in a folder, which need not be there. `keep` leaves all files that are there. Fails when
 * something is in the way, naming it.
 */
export function planOf(folder: string, names: Names, keep: boolean): Plan {
  const there = read(folder, "package.json");
  const module = there === undefined || readManifest(there, "package.json").type === "module";
  const main = mainOf(names, module);
  const notes: string[] = [];
  const steps = templateFiles().map((name): Step => {
    const path = name === "gitignore" ? ".gitignore" : renamed(name, names, main);
    const wanted = renamed(readFileSync(join(template, name), "utf8"), names, main);
    const before = read(folder, path);
    if (before === undefined) return { path, action: "create", text: complete(path, wanted, folder), before };
    const merged = shared[path]?.(before, wanted);
    notes.push(...(merged?.notes ?? []));
    const text = merged?.text ?? (keep ? before : wanted);
    return { path, action: text === before ? "keep" : merged ? "merge" : "overwrite", text, before };
  });
  return { steps, notes, main };
}

const templateFiles = (): string[] =>
  readdirSync(template, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(template.length).replaceAll("\\", "/"))
    .sort();

/** A new package.json is called as its folder is. Source: npm, "package.json", name. */
function complete(path: string, text: string, folder: string): string {
  if (path !== "package.json") return text;
  const name = basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "");
  return `${JSON.stringify({ name: name || "app", ...JSON.parse(text) }, undefined, 2)}\n`;
}

/** The text of a file, or undefined when there is none. */
function read(folder: string, path: string): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(folder, path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    if (code === "EISDIR") throw new Error(`${path} is a folder, and has to be a file: move it away first`);
    if (code === "ENOTDIR")
      throw new Error(`${path} has no place, because a part of its path is a file: move that away first`);
    throw new Error(`${path} cannot be read (${code})`, { cause: error });
  }
  // Written back, it would have other bytes.
  if (path in shared && !isUtf8(bytes)) throw new Error(`${path} is not UTF-8: convert it first`);
  return bytes.toString("utf8");
}
