import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bundle, bundle } from "../test/bundle.ts";
import { commands } from "./commands.ts";

let command: Bundle;
const work = mkdtempSync(join(tmpdir(), "mesh-completion-"));

beforeAll(() => {
  command = bundle();
  for (const shell of ["bash", "zsh", "fish"])
    writeFileSync(join(work, shell), command.run(work, ["completion", shell]).stdout);
  mkdirSync(join(work, "a folder"));
  writeFileSync(join(work, "a file.binpb"), "");
}, 60_000);

afterAll(() => {
  command.remove();
  rmSync(work, { recursive: true });
});

const has = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;

/** What bash offers for the last of these words. */
function offers(...words: string[]): string[] {
  const script = `source ./bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _protomesh; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync("bash", ["--norc", "-uc", script, "bash", "protomesh", ...words], {
    cwd: work,
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

test("bash takes it for protomesh", () => {
  const { stdout } = spawnSync("bash", ["--norc", "-c", "source ./bash; complete -p protomesh"], {
    cwd: work,
    encoding: "utf8",
  });
  expect(stdout).toBe("complete -o default -F _protomesh protomesh\n");
});

test("bash offers every command, and the flags that each one declares", async () => {
  expect(offers("")).toEqual([...commands.map(({ name }) => name), "--help", "--version"]);
  expect(offers("pi")).toEqual(["ping"]);
  for (const { name, load } of commands) {
    const flags = (await load()).flags.flatMap(({ name, short }) => [`--${name}`, ...(short ? [`-${short}`] : [])]);
    expect([name, offers(name, "-").sort()]).toEqual([name, [...flags, "--help", "-h"].sort()]);
  }
  expect(offers("call", "localhost:1", "--t")).toEqual(["--tls", "--timeout"]);
});

test("bash offers folders, values, and leaves the rest to its own completion of files", () => {
  expect(offers("call", "--input", "a")).toEqual(["a folder"]);
  expect(offers("gateway", "--descriptor", "")).toEqual([]);
  expect(offers("gateway", "--descriptor", "-")).toEqual([]);
  expect(offers("completion", "z")).toEqual(["zsh"]);
  expect(offers("lint", "a")).toEqual([]);
  expect(offers("nothing", "-")).toEqual([]);
});

test("texts are quoted, whatever is in them", () => {
  for (const shell of ["zsh", "fish"])
    expect(command.run(work, ["completion", shell]).stdout).toMatch(/the server's|server\\?'\\?'?'?s/);
});

test.runIf(has("zsh"))("zsh takes it, and offers commands", () => {
  const run = (args: string[]) => spawnSync("zsh", ["-f", ...args], { cwd: work, encoding: "utf8" });
  expect(run(["-n", "./zsh"])).toMatchObject({ status: 0, stderr: "" });
  const { stdout, stderr } = run(["-c", "autoload -U compinit; compinit -D; source ./zsh; print $_comps[protomesh]"]);
  expect([stdout, stderr]).toEqual(["_protomesh\n", ""]);
});

test.runIf(has("fish"))("fish takes it, and offers commands and flags", () => {
  const complete = (line: string) =>
    spawnSync("fish", ["--no-config", "-c", `source ./fish; complete -C ${JSON.stringify(line)}`], {
      cwd: work,
      encoding: "utf8",
    });
  expect(complete("protomesh pi")).toMatchObject({ stderr: "", stdout: expect.stringMatching(/^ping\t/) });
  expect(complete("protomesh ping --cou").stdout).toMatch(/^--count\t/);
});

test.each([
  [[], /<shell> is missing/],
  [["tcsh"], /<shell> tcsh is unknown: use bash, zsh, fish/],
  [["constructor"], /is unknown/],
])("refuses %j", (args, text) => {
  const { status, stdout, stderr } = command.run(work, ["completion", ...args]);
  expect([status, stdout, stderr]).toEqual([2, "", expect.stringMatching(text)]);
});
