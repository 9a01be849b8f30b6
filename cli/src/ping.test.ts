import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { start } from "../../runtime/test/serving.ts";
import { type Bundle, bundle } from "../test/bundle.ts";
import { runs, talk } from "../test/talk.ts";

let command: Bundle;

beforeAll(() => {
  command = bundle();
}, 60_000);

afterAll(() => command.remove());

const ping = (...args: string[]) => runs(command, tmpdir(), ["ping", ...args]);

async function serving(options: { readonly health?: boolean } = {}) {
  const server = await start({ grpc: "127.0.0.1:0", ...options });
  return { server, at: `127.0.0.1:${server.grpc?.port}` };
}

test("it asks as often as wanted, and sums up", async () => {
  const { at } = await serving();
  const { status, stdout, stderr } = await ping(at, "-c", "3", "-i", "0");
  expect([status, stderr]).toEqual([0, ""]);
  const number = String.raw`\d+(\.\d+)? ms`;
  const lines = [1, 2, 3].map((check) => String.raw`SERVING  check=${check}  time=${number}\n`).join("");
  expect(stdout).toMatch(
    new RegExp(
      `^PING ${at}\n${lines}--- ${at}\n3 checks, 3 serving, 0 failed\ntime min/avg/max = ${number} / ${number} / ${number}\n$`,
    ),
  );
});

test("the answer for a service, and a server on its way out", async () => {
  const { at, server } = await serving();
  expect((await ping(at, "test.kitchen.v1.Kitchen", "-c", "1")).stdout).toMatch(/Kitchen\nSERVING {2}check=1/);
  server.health.set("test.kitchen.v1.Kitchen", "NOT_SERVING");
  const { status, stdout } = await ping(at, "test.kitchen.v1.Kitchen", "-c", "2", "--interval", "0ms");
  expect([status, stdout]).toEqual([
    4,
    expect.stringMatching(/NOT_SERVING {2}check=2[\s\S]*2 checks, 0 serving, 0 failed/),
  ]);
  expect((await ping(at, "-c", "1")).status).toBe(0);
});

test("a server without health, and one that does not know the service, fail the check", async () => {
  const without = await serving({ health: false });
  expect(await ping(without.at, "-c", "1")).toMatchObject({
    status: 3,
    stdout: expect.stringMatching(/UNIMPLEMENTED: .*check=1[\s\S]*1 check, 0 serving, 1 failed\n$/),
  });
  const { at } = await serving();
  expect(await ping(at, "no.such.Service", "-c", "1")).toMatchObject({
    status: 3,
    stdout: expect.stringMatching(/NOT_FOUND: .*check=1/),
  });
});

test("nobody there is told apart, and a server that does not answer is given up", async () => {
  const closed = await ping("127.0.0.1:1", "-c", "2", "-i", "0", "--timeout", "3s");
  expect([closed.status, closed.stdout]).toEqual([2, expect.stringMatching(/UNAVAILABLE: 127\.0\.0\.1:1.*check=2/)]);
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const { status, stdout } = await ping(`127.0.0.1:${port}`, "-c", "1", "--timeout", "200ms");
  expect([status, stdout]).toEqual([expect.any(Number), expect.stringMatching(/DEADLINE_EXCEEDED|UNAVAILABLE/)]);
  expect([2, 3]).toContain(status);
});

test("Ctrl-C ends it with the summary", async () => {
  const { at } = await serving();
  const { child, said, ended } = talk(command, tmpdir(), ["ping", at, "-c", "0", "-i", "1h"]);
  await said(/check=1/);
  child.kill("SIGINT");
  const { status, stdout } = await ended;
  expect([status, stdout]).toEqual([0, expect.stringMatching(/\n1 check, 1 serving, 0 failed\ntime min/)]);
});

test.each([
  [[], /<address> is missing/],
  [["localhost:1", "-c", "x"], /--count x is no number/],
  [["localhost:1", "-c", "-1"], /--count/],
  [["localhost:1", "-i", "soon"], /--interval soon is no duration/],
  [["localhost:1", "--timeout", "0s"], /--timeout 0 leaves no time/],
  [["localhost"], /must be host:port/],
])("refuses %j", async (args, text) => {
  const { status, stdout, stderr } = await ping(...args);
  expect([status, stdout, stderr]).toEqual([1, "", expect.stringMatching(text)]);
});
