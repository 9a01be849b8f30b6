import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, resolve, sep } from "node:path";
import { parse } from "yaml";

/** A file that is not as generation would leave it. */
export interface Difference {
  /** `superfluous`: generation would delete it. */
  readonly kind: "stale" | "missing" | "superfluous";
  /** Relative to the project, with slashes. */
  readonly file: string;
}

/** The part of buf.gen.yaml that says where files go. Source: buf, "buf.gen.yaml", v1 and v2. */
interface Template {
  readonly clean?: boolean;
  readonly plugins?: readonly { readonly out?: string }[];
}

/**
 * How a project differs from what `buf generate --output <output>` wrote with these arguments, and how many files that wrote.
 * Fails when the template cannot be read.
 */
export function differences(
  output: string,
  project: string,
  args: readonly string[],
): { readonly differences: readonly Difference[]; readonly count: number } {
  const { clean, plugins = [] } = templateOf(project, args);
  const outs = [...new Set(plugins.flatMap(({ out }) => out ?? []))];
  const wanted = new Map(
    outs.flatMap((out) => {
      const [from, to] = [join(output, out), resolve(project, out)];
      return filesIn(from).map((path): [string, string] => [resolve(to, path), resolve(from, path)]);
    }),
  );
  const found: Difference[] = [];
  const add = (kind: Difference["kind"], path: string) =>
    found.push({ kind, file: relative(project, path).split(sep).join("/") });
  for (const [path, fresh] of wanted) {
    if (!existsSync(path)) add("missing", path);
    else if (!same(readFileSync(path), readFileSync(fresh))) add("stale", path);
  }
  const there = clean || args.includes("--clean") ? outs.map((out) => resolve(project, out)) : [];
  const all = new Set(there.flatMap((out) => filesIn(out).map((path) => resolve(out, path))));
  for (const path of all) if (!wanted.has(path)) add("superfluous", path);
  return { differences: found.sort((one, other) => (one.file < other.file ? -1 : 1)), count: wanted.size };
}

/** By `--template`, which is a file or the text itself; otherwise buf.gen.yaml. */
function templateOf(project: string, args: readonly string[]): Template {
  const at = args.findIndex((arg) => /^--template(=|$)/.test(arg));
  const given = at < 0 ? "buf.gen.yaml" : (args[at]?.split(/=(.*)/s)[1] ?? args[at + 1] ?? "");
  const isFile = [".yaml", ".yml", ".json"].includes(extname(given));
  try {
    return (parse(isFile ? readFileSync(resolve(project, given), "utf8") : given) ?? {}) as Template;
  } catch (cause) {
    throw new Error(`${isFile ? given : "--template"} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Paths below a folder; of a file, such as a generated archive, its own empty one. */
function filesIn(path: string): string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [""];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(path, join(entry.parentPath, entry.name)));
}

/** Git may have changed line ends at checkout. */
const same = (one: Buffer, other: Buffer): boolean =>
  one.equals(other) ||
  one.toString("latin1").replaceAll("\r\n", "\n") === other.toString("latin1").replaceAll("\r\n", "\n");
