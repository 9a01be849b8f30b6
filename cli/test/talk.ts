import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { Bundle, Ended } from "./bundle.ts";

/** A run of the command that goes on while the test does. */
export interface Running {
  readonly child: ChildProcess;
  /** Settles when stdout matches, with what matched. Fails when the command ends without. */
  said(pattern: RegExp): Promise<string>;
  readonly ended: Promise<Ended>;
}

/** Runs the command without holding up servers of this process. */
export function talk({ dist }: Bundle, folder: string, args: readonly string[]): Running {
  const child = spawn(process.execPath, [join(dirname(dist), "bin/protomesh.js"), ...args], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1" },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const text = { stdout: "", stderr: "" };
  let look = () => {};
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk;
      look();
    });
  // The command may end before it has read everything.
  child.stdin.on("error", () => {});
  const ended = new Promise<Ended>((resolve) => child.once("close", (status) => resolve({ status, ...text })));
  const said = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      look = () => {
        const found = pattern.exec(text.stdout)?.[0];
        if (found !== undefined) resolve(found);
      };
      look();
      void ended.then(() => reject(new Error(`ended without ${pattern}: ${text.stdout}${text.stderr}`)));
    });
  return { child, said, ended };
}

/** Runs the command to its end. */
export function runs(bundle: Bundle, folder: string, args: readonly string[], input = ""): Promise<Ended> {
  const { child, ended } = talk(bundle, folder, args);
  child.stdin?.end(input);
  return ended;
}
