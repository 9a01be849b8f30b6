import { fork } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";

/** Starts hand-written grpc-js with the bench's service in a process of its own, and returns its port. Ends with this process. */
export async function startBackend(): Promise<number> {
  const program = join(dirname(process.argv[1] as string), "..", "rpc", "server.js");
  const child = fork(program, ["raw grpc-js"], { execArgv: [], stdio: "inherit" });
  child.send({ id: 1, question: "serve" });
  const [{ value, error }] = (await once(child, "message")) as [{ value: number; error?: string }];
  if (error !== undefined) throw new Error(`the backend: ${error}`);
  return value;
}
