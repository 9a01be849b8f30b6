// Follows README.md as a new user would: the quick start in an empty folder, with the packages as npm would publish them,
// and the curl commands against `npm run demo -- --serve`. Exit code 1 when anything differs from what README.md says.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocks } from "./markdown.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = blocks(join(root, "README.md"));
const plugin = blocks(join(root, "docs/plugin.md"));
const having = (word, page = readme) => page.filter(({ words }) => words.includes(word));
const step = (text) => console.log(`quick start: ${text}`);
const shell = (command, cwd) =>
  execFileSync("sh", ["-ec", command], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

await inEmptyFolder();
byInit();
await againstTheDemo();
step("ok");

/** Runs the commands with the packed packages in place of the published ones. */
async function inEmptyFolder() {
  const folder = mkdtempSync(join(tmpdir(), "protomesh-quickstart-"));
  try {
    const tarballs = join(folder, "tarballs");
    const user = join(folder, "user");
    mkdirSync(tarballs);
    mkdirSync(user);
    for (const name of ["runtime", "plugin"])
      shell(`npm pack --silent --pack-destination ${tarballs}`, join(root, name));
    const tarball = (start) =>
      join(
        tarballs,
        readdirSync(tarballs).find((name) => name.startsWith(start)),
      );
    for (const { attributes, text } of [...readme, ...plugin].filter((block) => block.attributes.title)) {
      mkdirSync(dirname(join(user, attributes.title)), { recursive: true });
      writeFileSync(join(user, attributes.title), `${text}\n`);
    }
    let output = "";
    for (const line of having("quickstart").flatMap(({ text }) => text.split("\n"))) {
      step(line);
      output = shell(
        line
          .replace("@protomesh/runtime", tarball("protomesh-runtime"))
          .replace("protoc-gen-mesh", tarball("protoc-gen-mesh")),
        user,
      );
    }
    same(output, having("output")[0].text, "the last command of the quick start");

    const generated = () => readFileSync(join(user, "gen/greet/v1/greet_mesh.ts"), "utf8");
    const byBuf = generated();
    for (const line of having("afterwards", plugin).flatMap(({ text }) => text.split("\n"))) {
      step(line);
      const printed = shell(line, user);
      if (line.startsWith("npx tsx")) same(printed, having("output", plugin)[0].text, line);
      if (line.startsWith("npx protoc")) same(generated(), byBuf, "protoc");
    }
    step("npx buf lint");
    shell("npx buf lint", user);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lets `protomesh init` write the project, and runs its scripts with the packed packages. */
function byInit() {
  const folder = mkdtempSync(join(tmpdir(), "protomesh-init-"));
  try {
    const [tarballs, user] = [join(folder, "tarballs"), join(folder, "user")];
    for (const path of [tarballs, user]) mkdirSync(path);
    shell("npm run --silent build", join(root, "cli"));
    for (const name of ["runtime", "plugin", "cli"])
      shell(`npm pack --silent --pack-destination ${tarballs}`, join(root, name));
    step("protomesh init --yes");
    const [cli, ...others] = readdirSync(tarballs).sort((one, other) => isCli(other) - isCli(one));
    shell(`npm exec --yes --package=${join(tarballs, cli)} -- protomesh init --yes`, user);
    shell(`npm install --silent ${[cli, ...others].map((name) => join(tarballs, name)).join(" ")}`, user);
    for (const script of ["generate", "lint", "check"]) {
      step(`npm run ${script}`);
      shell(`npm run --silent ${script}`, user);
    }
    step("npm start");
    same(shell("npm start --silent", user), having("output")[0].text, "npm start");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isCli(name) {
  return Number(/^protomesh-\d/.test(name));
}

/** Runs the curl commands; each must get an answer from the running demonstration. */
async function againstTheDemo() {
  step("npm run demo -- --serve");
  const answers = [];
  const demo = spawn("npm", ["run", "--silent", "demo", "--", "--serve"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const ended = new Promise((resolve) => demo.once("exit", resolve));
  let printed = "";
  try {
    await new Promise((resolve, reject) => {
      demo.stdout.on("data", (chunk) => {
        printed += chunk;
        if (printed.includes("until Ctrl-C")) resolve();
      });
      ended.then((code) => reject(new Error(`the demonstration ended with ${code}:\n${printed}`)));
    });
    for (const { text } of having("serve")) {
      for (const line of text.split("\n")) {
        const answer = shell(line, root);
        step(`${line}\n  ${answer.replaceAll("\n", "\n  ").trimEnd()}`);
        answers.push(answer);
      }
    }
  } finally {
    if (demo.exitCode === null) process.kill(-demo.pid, "SIGINT");
  }
  await ended;
  // npm's own exit code after Ctrl-C says nothing; the last line does.
  if (!printed.endsWith("All as promised.\n")) throw new Error(`the demonstration did not stop cleanly:\n${printed}`);
  const want = having("answers")[0].text.split("\n");
  const got = answers.map((answer) => answer.trim().split("\n").at(-1));
  want.forEach((line, index) => {
    if (!got[index]?.startsWith(line.replace(/ \.\.\.$/, "")))
      throw new Error(`README.md promises\n${line}\nbut got\n${got[index]}`);
  });
  if (got.length !== want.length) throw new Error("README.md shows more commands than answers");
}

function same(got, want, what) {
  if (got.trim() !== want.trim()) throw new Error(`${what} printed\n${got}\nbut the documentation says\n${want}`);
}
