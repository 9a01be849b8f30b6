import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { blocks } from "../markdown.mjs";
import { root } from "./packages.ts";

/** The blocks of the recipes; `in=` names the recipe. */
export const page = blocks(join(root, "docs/recipes.md"));
const quickStart = blocks(join(root, "README.md")).filter(({ attributes }) => attributes.title?.match(/^proto\/|^buf/));

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  /** What it wrote, stderr included. */
  readonly output: string;
}

/** A git repository with the files of the quick start and of some recipes, and an `origin` that has them too. */
export class Project {
  readonly #around = realpathSync(mkdtempSync(join(tmpdir(), "mesh-recipe-")));
  readonly folder = join(this.#around, "project");
  readonly #packages: string;

  /** `packages` is what `makePackages` made. */
  constructor(packages: string, ...recipes: readonly string[]) {
    this.#packages = packages;
    const named = page.filter(({ attributes }) => recipes.includes(attributes.in ?? "") && attributes.title);
    for (const { attributes, text } of [...quickStart, ...named]) this.write(attributes.title as string, `${text}\n`);
    this.write(".gitignore", "node_modules\n");
    this.write("package.json", '{ "private": true, "type": "module" }\n');
    symlinkSync(join(packages, "node_modules"), join(this.folder, "node_modules"), "junction");
    this.must("git init --quiet --initial-branch main && git init --quiet --bare --initial-branch main ../origin");
    this.must("git remote add origin ../origin");
  }

  /** Commits everything to main, and pushes it. */
  publish(): void {
    this.must("git add --all && git commit --quiet --message all && git push --quiet origin main");
  }

  /** The blocks of a language in a recipe, as one text. */
  static text(recipe: string, language: string): string {
    const found = page.filter(({ attributes, language: own }) => attributes.in === recipe && own === language);
    return found
      .filter(({ attributes }) => !attributes.title)
      .map(({ text }) => text)
      .join("\n");
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8");
  }

  /** Replaces a part of a file. Fails when it is not there. */
  edit(path: string, part: string, by: string): void {
    const before = this.read(path);
    if (!before.includes(part)) throw new Error(`${path} has no ${JSON.stringify(part)}`);
    this.write(path, before.replace(part, by));
  }

  /** Runs a script as GitHub does, by `bash -e`. */
  run(script: string, env: { readonly [name: string]: string } = {}): Ended {
    const { status, stdout, stderr } = spawnSync("bash", ["-e", "-c", script], {
      cwd: this.folder,
      encoding: "utf8",
      env: { ...process.env, ...this.#environment(), ...env },
    });
    return { status, output: `${stdout}${stderr}` };
  }

  /** Runs a script that has to succeed. Returns what it wrote. */
  must(script: string, env: { readonly [name: string]: string } = {}): string {
    const { status, output } = this.run(script, env);
    if (status !== 0) throw new Error(`${script}\nended with ${status}:\n${output}`);
    return output;
  }

  /** Puts a program on the PATH of this project. Returns the folder that PATH then begins with. */
  program(name: string, text: string): string {
    this.write(`../bin/${name}`, text);
    chmodSync(join(this.#around, "bin", name), 0o755);
    return join(this.#around, "bin");
  }

  remove(): void {
    rmSync(this.#around, { recursive: true });
  }

  #environment(): { readonly [name: string]: string } {
    return {
      NO_COLOR: "1",
      PATH: `${join(this.#around, "bin")}:${join(this.#packages, "node_modules/.bin")}:${process.env.PATH}`,
      HOME: this.#around,
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "Ada",
      GIT_AUTHOR_EMAIL: "ada@example.com",
      GIT_COMMITTER_NAME: "Ada",
      GIT_COMMITTER_EMAIL: "ada@example.com",
    };
  }
}
