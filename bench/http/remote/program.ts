import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
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

/** Waits until something listens on the port. */
export async function listening(port: number, deadline = Date.now() + 20_000): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (open) return;
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
