import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { parse } from "yaml";
import { root } from "./packages.ts";
import type { Ended, Project } from "./project.ts";

/** The parser imports JSON in a way that Node.js refuses, so it is bundled first. */
async function loadParser(): Promise<typeof import("@actions/workflow-parser")> {
  const outfile = join(root, ".cache/recipes/workflow-parser.mjs");
  const entry = fileURLToPath(import.meta.resolve("@actions/workflow-parser"));
  await build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "esm", logLevel: "warning" });
  return import(outfile);
}

/** What GitHub's own parser has against a workflow. */
export async function faultsOf(text: string): Promise<readonly string[]> {
  const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await loadParser();
  const { context, value } = parseWorkflow({ name: "workflow.yaml", content: text }, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors().map(({ message }) => message);
}

interface Step {
  readonly name?: string;
  readonly if?: string;
  readonly run?: string;
  readonly env?: { readonly [name: string]: string };
}

/** A step that ran, by its name. */
export interface Ran extends Ended {
  readonly name: string;
}

/**
 * Runs the steps of a workflow's only job as a runner does: after a failure only those with `if: always()`. Actions and
 * `npm ci` are what the project has done already. Expressions in `env` are left as they are.
 */
export function runJob(project: Project, text: string, env: { readonly [name: string]: string }): readonly Ran[] {
  const { jobs } = parse(text) as { jobs: { readonly [id: string]: { readonly steps: readonly Step[] } } };
  const [job] = Object.values(jobs);
  const temporary = join(project.folder, "../runner");
  mkdirSync(temporary, { recursive: true });
  const ran: Ran[] = [];
  for (const { name = "", run, env: own = {}, if: condition } of job?.steps ?? []) {
    if (run === undefined || run === "npm ci") continue;
    if (condition !== undefined && condition !== "always()") throw new Error(`unknown condition ${condition}`);
    if (condition === undefined && ran.some(({ status }) => status !== 0)) continue;
    ran.push({ name, ...project.run(run, { ...env, ...own, RUNNER_TEMP: temporary }) });
  }
  return ran;
}
