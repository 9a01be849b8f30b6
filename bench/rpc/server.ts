// Serves one stack: `server.js <stack>`. Started by compare.ts.
import { answer, cpuUs } from "../child.ts";
import type { ServerAnswers } from "../compare.ts";
import { type StackName, stacks } from "./stacks.ts";

answer({
  serve: async () => (await stacks[process.argv[2] as StackName]()).stack.serve(),
  cpuUs,
} satisfies ServerAnswers);
