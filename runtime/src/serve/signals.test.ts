import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { get, start } from "../../test/serving.ts";

const program = fileURLToPath(new URL("../../test/signal-server.ts", import.meta.url));

/** A server in a process of its own, and the lines it says. */
async function spawnServer(drain: object = {}, ...flags: string[]) {
  const args = ["--conditions=@protomesh/source", "--import", "tsx", program, JSON.stringify(drain), ...flags];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] }) as ChildProcess & {
    stdout: NodeJS.ReadableStream;
    stdin: NodeJS.WritableStream;
  };
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value as string | undefined;
  const exited = once(child, "exit") as Promise<[code: number | null, signal: string | null]>;
  const url = (await line()) as string;
  return { child, url, line, exited };
}

test("SIGTERM: the call under way finishes, then the process ends with code 0", async () => {
  const { child, url, line, exited } = await spawnServer({ lameDuckMs: 0 });
  const call = get(`${url}/v1/dishes/1`);
  expect(await line()).toBe("called");

  child.kill("SIGTERM");
  expect([await line(), await line()]).toEqual(["lameDuck", "draining"]);
  // Refused, or reset when the connection was made before the process got round to closing its door.
  await expect(get(`${url}/healthz`)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|hang up/);

  child.stdin.write("go on\n");
  expect(JSON.parse((await call).body)).toMatchObject({ name: "done" });
  expect([await line(), await line(), await line()]).toEqual(["stopped", "after", undefined]);
  expect(await exited).toEqual([0, null]);
});

test("SIGTERM: for load balancers the server stays a while, NOT_SERVING; a second signal stops it at once", async () => {
  const { child, url, line, exited } = await spawnServer();
  const call = get(`${url}/v1/dishes/1`);
  expect(await line()).toBe("called");

  child.kill("SIGTERM");
  expect(await line()).toBe("lameDuck");
  expect((await get(`${url}/healthz`)).response.statusCode).toBe(503);

  child.kill("SIGTERM");
  expect((await call).response.statusCode).toBe(503);
  expect([await line(), await line(), await line()]).toEqual(["draining", "stopped", "after"]);
  child.stdin.write("go on\n");
  expect(await exited).toEqual([0, null]);
});

test("SIGINT: a developer does not wait", async () => {
  const { child, line, exited } = await spawnServer();
  child.kill("SIGINT");
  expect([await line(), await line(), await line()]).toEqual(["lameDuck", "draining", "stopped"]);
  expect(await exited).toEqual([0, null]);
});

test("what else keeps the process alive does so for limitMs only", async () => {
  const { child, line, exited } = await spawnServer({ lameDuckMs: 0, limitMs: 50 }, "stay");
  child.kill("SIGTERM");
  expect([await line(), await line(), await line()]).toEqual(["lameDuck", "draining", "stopped"]);
  expect(await exited).toEqual([0, null]);
});

test("any number of servers listens for a signal once, and not at all when they have stopped", async () => {
  const before = process.listenerCount("SIGTERM");
  const signals = ["SIGTERM"] as const;
  const servers = [await start({ grpc: 0, signals }), await start({ grpc: 0, signals })];
  await start({ grpc: 0, signals: false });
  expect(process.listenerCount("SIGTERM")).toBe(before + 1);

  await servers[0]?.stop();
  expect(process.listenerCount("SIGTERM")).toBe(before + 1);
  await servers[1]?.stop();
  expect(process.listenerCount("SIGTERM")).toBe(before);
});
