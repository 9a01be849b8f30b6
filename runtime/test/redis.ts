import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The server's command, or undefined where neither Redis nor Valkey is installed. In CI that is a failure. */
export const redisCommand = ["valkey-server", "redis-server"].find(
  (command) => spawnSync(command, ["--version"]).status === 0,
);
if (!redisCommand) {
  if (process.env.CI) throw new Error("CI needs redis-server or valkey-server: apt-get install redis-server");
  console.warn("SKIPPED: tests of shared rate limits, which need redis-server or valkey-server");
}

/** A server of its own on a unix socket. */
export class Redis {
  readonly #folder = mkdtempSync(join(tmpdir(), "redis-"));
  readonly socket = join(this.#folder, "socket");
  #process: ChildProcess | undefined;

  async start(): Promise<void> {
    const options = ["--port", "0", "--unixsocket", this.socket, "--save", "", "--appendonly", "no"];
    const server = spawn(redisCommand as string, options, { cwd: this.#folder, stdio: ["ignore", "pipe", "inherit"] });
    this.#process = server;
    let log = "";
    for await (const chunk of server.stdout.setEncoding("utf8")) {
      log += chunk;
      if (/ready to accept connections/i.test(log)) break;
    }
    server.stdout.resume();
    if (server.exitCode !== null) throw new Error(`the store did not start:\n${log}`);
  }

  async stop(): Promise<void> {
    const server = this.#process;
    if (!server || server.exitCode !== null) return;
    server.kill("SIGKILL");
    await once(server, "exit");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
