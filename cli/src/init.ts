import { relative, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Command } from "./command.ts";
import { namesOf } from "./init/names.ts";
import { type Plan, planOf } from "./init/plan.ts";
import { preview } from "./init/preview.ts";
import { writeAll } from "./init/write.ts";

/** Nothing was written, because nobody agreed. */
const notAgreed = 3;

/** Writes a project that generates, lints and starts. */
export const init: Command = {
  summary: "Writes a project that works: proto file with policies, buf configuration, a server, a call.",
  examples: [
    "protomesh init",
    "protomesh init shop --package acme.shop.v1 --service Shop",
    "protomesh init --yes --keep",
  ],
  operands: [{ name: "folder", text: "where to write; made if it is not there; default: this folder", optional: true }],
  flags: [
    { name: "yes", short: "y", text: "agrees to what the preview shows, overwriting included" },
    {
      name: "keep",
      text: "files that are there stay as they are; package.json and .gitignore still get what they lack",
    },
    { name: "package", value: "name", text: "of the proto file; default greet.v1" },
    { name: "service", value: "name", text: "of the service; default Greeter" },
  ],
  notes: `Shows the files first and asks. A package.json that is there gets scripts and dependencies that it lacks, and keeps all
that it has; a .gitignore gets lines; a tsconfig.json stays. When a file cannot be written, everything is as it was.

Exit codes:
  0   written, or all was there
  1   failed, and nothing is written
  2   the command line is wrong
  3   nothing is written, because nobody agreed: answer yes, or give --yes where nobody can be asked`,
  async run(given) {
    const [folder = "."] = given.operands;
    const plan = planOf(folder, namesOf(given.one("package"), given.one("service")), given.has("keep"));
    const [show, hint] = [preview(folder, plan.steps), nextSteps(folder, plan)];
    console.log([show, ...plan.notes].join("\n\n"));
    const changes = plan.steps.filter(({ action }) => action !== "keep");
    if (changes.length === 0) {
      console.log(`\nAll of it is there: nothing to write.`);
      return 0;
    }
    const question = `Write ${summaryOf(plan)}?`;
    if (!given.has("yes") && !(await agreed(question))) return notAgreed;
    writeAll(folder, plan.steps);
    console.log(`\n${hint}`);
    return 0;
  },
};

function summaryOf({ steps }: Plan): string {
  const counts = (["create", "merge", "overwrite"] as const)
    .map((action) => [steps.filter((step) => step.action === action).length, action] as const)
    .filter(([count]) => count > 0);
  const all = counts.reduce((sum, [count]) => sum + count, 0);
  return `${all} file${all === 1 ? "" : "s"} (${counts.map(([count, action]) => `${count} to ${action}`).join(", ")})`;
}

/** Asks a person; where there is none, says how to agree. */
async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    console.error(`\nprotomesh: nothing is written, because nobody can be asked here: agree by --yes`);
    return false;
  }
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  // The end of the input is no answer.
  const closed = new Promise<string>((resolve) => reader.once("close", () => resolve("")));
  const answer = await Promise.race([reader.question(`\n${question} [y/N] `), closed]);
  reader.close();
  if (/^\s*y(es)?\s*$/i.test(answer)) return true;
  console.error("protomesh: nothing is written");
  return false;
}

function nextSteps(folder: string, { steps, main }: Plan): string {
  const path = relative(process.cwd(), resolve(folder));
  const manifest = steps.find((step) => step.path === "package.json")?.text ?? "{}";
  const { scripts = {} } = JSON.parse(manifest.replace(/^\uFEFF/, "")) as { scripts?: { [name: string]: string } };
  const start = scripts.start === `tsx ${main}` ? "npm start" : `npx tsx ${main}`;
  const generate = scripts.generate === "buf generate" ? "npm run generate" : "npx buf generate";
  const lines = [...(path === "" ? [] : [`cd ${path}`]), "npm install", generate, start];
  return `Next:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}
