// Proves the documentation: links lead somewhere, excerpts are excerpts, commands exist, TypeScript compiles.
// What a block claims is in its first line:
//   from=<file>        lines of that file, word for word
//   ts check           compiles, with every strict flag
//   sh                 npm scripts of this repository
//   sh protomesh       command lines of protomesh, with commands and flags that exist; a comment or another command needs none
//   title=, quickstart, afterwards, output, serve, answers   README.md and docs/plugin.md: run by scripts/quickstart.mjs
//   in=, title=       docs/recipes.md: run by scripts/recipes.test.ts
//   proto example      docs/policies.md: an option that scripts/reference.test.ts compiles
//   text               a drawing or a log; nothing to prove
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocks, links } from "./markdown.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const git = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
  cwd: root,
  encoding: "utf8",
});
const files = git.stdout.trim().split("\n");
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** Words of the blocks that scripts/quickstart.mjs runs. */
const run = ["quickstart", "afterwards", "output", "serve", "answers"];
const problems = [];
const compiled = [];

for (const file of files) {
  for (const link of links(join(root, file))) {
    if (!existsSync(join(root, dirname(file), link))) problems.push(`${file}: the link ${link} leads nowhere`);
  }
  for (const block of blocks(join(root, file))) {
    const problem = prove(file, block);
    if (problem) problems.push(`${file}:${block.line}: ${problem}`);
  }
}
problems.push(...compile());

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${files.length} files, ${compiled.length} compiled blocks: all true`);

/** What is wrong with a block, or undefined. */
function prove(file, block) {
  const { language, words, attributes, text } = block;
  if (attributes.from) {
    const source = existsSync(join(root, attributes.from))
      ? readFileSync(join(root, attributes.from), "utf8")
      : undefined;
    if (source === undefined) return `there is no ${attributes.from}`;
    return flush(source).includes(flush(text)) ? undefined : `is not an excerpt of ${attributes.from} any more`;
  }
  if (attributes.in) return file === "docs/recipes.md" ? undefined : "scripts/recipes.test.ts does not run this file";
  if (attributes.title || words.some((word) => run.includes(word))) {
    return file === "README.md" || file === "docs/plugin.md"
      ? undefined
      : "scripts/quickstart.mjs does not run this file";
  }
  if (language === "ts" && words.includes("check")) {
    compiled.push(block);
    return undefined;
  }
  // Written and compiled by scripts/reference.
  if (language === "proto" && words.includes("example") && file === "docs/policies.md") return undefined;
  if (language === "sh" && words.includes("protomesh")) return commandLines(text);
  if (language === "sh") {
    for (const line of text.split("\n")) {
      const script = /^npm (?:run )?([a-z]+)(?: |$)/.exec(line)?.[1];
      if (!script || !scripts[script]) return `${JSON.stringify(line)} is not an npm script of this repository`;
    }
    return undefined;
  }
  return language === "text" ? undefined : "nothing proves this block: see scripts/docs.mjs for what a block can claim";
}

/** What is wrong with command lines of protomesh, or undefined. A flag is declared in the command's file, or in one beside it. */
function commandLines(text) {
  const folder = join(root, "cli/src");
  const read = (name) => readFileSync(join(folder, name), "utf8");
  for (const line of text.split("\n")) {
    const [, command, args] = /^npx protomesh ([a-z]+)(.*)$/.exec(line) ?? [];
    if (!command) return `${JSON.stringify(line)} is no command line of protomesh`;
    if (!read("commands.ts").includes(`name: "${command}"`)) return `there is no command ${command}`;
    const own = read(`${command}.ts`);
    const beside = [...own.matchAll(/from "\.\/([\w/-]+\.ts)"/g)].map(([, name]) => read(name));
    for (const [, flag] of args.replace(/ -- .*/, "").matchAll(/ --([\w-]+)/g))
      if (![own, ...beside].some((source) => source.includes(`name: "${flag}"`)))
        return `${command} has no flag --${flag}`;
  }
  return undefined;
}

/** Whole lines without their indentation, which differs between a file and a page. */
function flush(text) {
  return `\n${text.replace(/^[ \t]+/gm, "")}\n`;
}

/** Compiles the `ts check` blocks; each is a module of its own. */
function compile() {
  const folder = join(root, ".cache", "docs");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [index, { text }] of compiled.entries())
    writeFileSync(join(folder, `block${index}.ts`), `${text}\nexport {};\n`);
  const paths = { "#shop/*": [join(root, "examples/shop/gen/shop/v1/*")] };
  const config = {
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: { noEmit: true, noUnusedLocals: false, paths },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  if (compiled.length === 0) return [];
  const { status, stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", folder], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status === 0) return [];
  return stdout
    .trim()
    .split("\n")
    .map((line) =>
      line.replace(
        /block(\d+)\.ts\((\d+),/,
        (_, index, at) => `${compiled[index].file}:${compiled[index].line + Number(at)} (`,
      ),
    );
}
