import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, statSync, symlinkSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { readImage } from "./image.ts";
import { inTemporaryFolder } from "./temporary.ts";

/** What buf reads of a repository, in whichever folder, as pathspecs. */
const wanted = [
  "*.proto",
  ...["buf.yaml", "buf.work.yaml", "buf.lock", ".bufignore"].map((name) => `:(glob)**/${name}`),
];

/**
 * An encoded `google.protobuf.FileDescriptorSet` of a folder as it was at a git ref: a branch, tag or commit.
 *
 * The proto files of the ref are put into a temporary folder, next to links to the packages that are installed now: modules
 * in `node_modules` are in no ref. Fails when there is no such ref, or buf cannot build what was there.
 */
export function readImageAt(ref: string, input: string, folder = process.cwd()): Uint8Array {
  const given = resolve(folder, input);
  if (!existsSync(given) || !statSync(given).isDirectory())
    throw new Error(`${input} is no folder here: a git ref can only be compared with one`);
  const at = realpathSync(given);
  const top = topOf(at, ref);
  const commit = commitOf(ref, top);
  const from = realpathSync(folder);
  const within = !outside(relative(top, from));
  // buf looks for its configuration from where it is called.
  const [start, what] = within ? [relative(top, from), relative(from, at) || "."] : [relative(top, at), "."];
  return inTemporaryFolder((temporary) => {
    checkOut(commit, top, temporary);
    const path = relative(top, at);
    if (!existsSync(join(temporary, path)))
      throw new Error(`${ref} has no proto files in ${path || "it"}: compare with a ref that has`);
    for (const one of [start, path]) linkPackages(top, temporary, one);
    mkdirSync(join(temporary, start), { recursive: true });
    try {
      return readImage(what, join(temporary, start), folder);
    } catch (error) {
      throw new Error(`${input} at ${ref}: ${(error as Error).message}`, { cause: error });
    }
  });
}

function topOf(folder: string, ref: string): string {
  const { status, stdout } = git(["rev-parse", "--show-toplevel"], folder);
  if (status === 0) return realpathSync(stdout.trimEnd());
  throw new Error(
    `${ref} is no folder or descriptor set, and ${folder} is in no git repository that could have such a branch: name a folder, a descriptor set, or what else buf build takes`,
  );
}

function commitOf(ref: string, folder: string): string {
  const { status, stdout } = git(["rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`], folder);
  if (status === 0) return stdout.trim();
  const [remote, ...branch] = ref.split("/");
  const fetch = branch.length > 0 ? `git fetch ${remote} ${branch.join("/")}` : `git fetch origin ${ref}`;
  throw new Error(
    `${ref} is no folder, no descriptor set, and no branch, tag or commit here: correct it, or get it by ${fetch} (a CI checkout has one commit unless told otherwise, such as by fetch-depth: 0)`,
  );
}

/** Writes what buf reads, through an index of its own: the repository's own index and working tree stay as they are. */
function checkOut(commit: string, top: string, to: string): void {
  const env = { GIT_INDEX_FILE: join(to, ".index") };
  must(git(["read-tree", commit], top, env));
  const names = must(git(["ls-files", "-z", "--cached", "--", ...wanted], top, env));
  if (names !== "") must(git(["checkout-index", "-z", "--stdin", "--quiet", `--prefix=${to}${sep}`], top, env, names));
}

/** Makes installed packages visible beside the folders on the way to one. */
function linkPackages(top: string, to: string, path: string): void {
  for (let at = path; ; at = dirname(at)) {
    const [installed, link] = [join(top, at, "node_modules"), join(to, at, "node_modules")];
    if (existsSync(installed) && !existsSync(link)) {
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(installed, link, "junction");
    }
    if (at === "." || at === "") return;
  }
}

const outside = (path: string): boolean => path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function git(
  args: readonly string[],
  cwd: string,
  env: { readonly [name: string]: string } = {},
  input?: string,
): Ended {
  // Within a hook these name the repository of the hook.
  const { GIT_DIR: _, GIT_INDEX_FILE: __, GIT_WORK_TREE: ___, ...others } = process.env;
  const { error, ...ended } = spawnSync("git", [...args], {
    cwd,
    encoding: "utf8",
    env: { ...others, ...env },
    maxBuffer: 1 << 30,
    ...(input !== undefined && { input }),
  });
  if (error)
    throw new Error(
      `git cannot be run (${(error as NodeJS.ErrnoException).code}): install it, or name a folder or a descriptor set`,
      {
        cause: error,
      },
    );
  return ended;
}

function must({ status, stdout, stderr }: Ended): string {
  if (status !== 0) throw new Error(`git failed:\n${stderr.trimEnd()}`);
  return stdout;
}
