// Puts load on one stack: `client.js <stack>`. Started by compare.ts.
import { answer } from "../child.ts";
import type { ClientAnswers } from "../compare.ts";
import { verify, workloads } from "./load.ts";
import type { Peer } from "./peer.ts";
import { type StackName, stacks } from "./stacks.ts";

let peer: Peer;

answer({
  async connect(port) {
    const { stack } = await stacks[process.argv[2] as StackName]();
    peer = await stack.connect(port);
    await verify(peer);
  },
  run: ({ workload, ms }) => workloads[workload as keyof typeof workloads].run(peer, ms),
} satisfies ClientAnswers);
