import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { portOf } from "../stacks/port.ts";

/** Starts a program that is not Node.js. It ends with this process. Fails when it ends by itself. */
export function startProgram(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  child.on("exit", (code, signal) => {
    throw new Error(`${command} ended with ${signal ?? `exit code ${code}`}`);
  });
  process.on("exit", () => child.kill("SIGKILL"));
  return child;
}

/** CPU time of all threads of a process so far, in microseconds. Source: proc(5), schedstat. */
export function cpuUsOf({ pid }: ChildProcess): number {
  const tasks = `/proc/${pid}/task`;
  const ns = readdirSync(tasks).map((task) => Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]));
  return ns.reduce((sum, one) => sum + one, 0) / 1000;
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  const port = await portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until a gateway answers: it may listen before it can. */
export async function answering(port: number, deadline = Date.now() + 20_000): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/tiny/x?number=1`).catch((error: Error) => error);
    if (answer instanceof Response) {
      await answer.text();
      if (answer.ok) return;
    }
    const said = answer instanceof Response ? `status ${answer.status}` : String(answer.cause ?? answer);
    if (Date.now() > deadline) throw new Error(`the gateway on port ${port} does not answer: ${said}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
