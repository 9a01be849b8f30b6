import { expect, test } from "vitest";
import { RpcError } from "./core/error.ts";
import { FakeClock, mount, mountLayers } from "./testing.ts";

test("a fake clock stands still until told, then runs what falls due, in order and at its time", async () => {
  const clock = new FakeClock(1000);
  const log: [string, number][] = [];
  const note = (name: string) => () => void log.push([name, clock.now()]);
  clock.schedule(30, note("c"));
  clock.schedule(10, () => {
    note("a")();
    clock.schedule(5, note("b"));
  });
  const stop = clock.schedule(20, note("never"));
  stop();
  clock.schedule(31, note("later"));
  expect([clock.now(), clock.pending]).toEqual([0, 3]);

  await clock.advance(30);
  expect(log).toEqual([
    ["a", 10],
    ["b", 15],
    ["c", 30],
  ]);
  expect([clock.now(), clock.wallNow(), clock.pending]).toEqual([30, 1030, 1]);
});

test("promises settle between two timers", async () => {
  const clock = new FakeClock();
  const times: number[] = [];
  const wait = (ms: number) => new Promise<void>((resolve) => void clock.schedule(ms, resolve));
  const work = (async () => {
    for (let n = 0; n < 3; n++) {
      await wait(10);
      times.push(clock.now());
    }
  })();
  await clock.advance(100);
  await work;
  expect(times).toEqual([10, 20, 30]);
});

test("a mounted layer stands between the caller and the peer", async () => {
  const row = {
    name: "shout" as const,
    client: () => (next) => async (call) => `${await next(call)}!`,
  } satisfies Parameters<typeof mount<"shout", object>>[0];
  const { send, seen } = mount(row, {}, { handler: ({ request }) => request });
  expect(await send("hello")).toBe("hello!");
  expect(seen.map(({ request }) => request)).toEqual(["hello"]);
});

test("the peer obeys deadline and signal, as a transport does", async () => {
  const { send, clock } = mountLayers(() => [], { handler: () => new Promise(() => {}) });
  const late = expect(send({}, { timeoutMs: 20 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  await clock.advance(20);
  await late;
  const abort = new AbortController();
  const cut = expect(send({}, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  abort.abort();
  await cut;
  expect(clock.pending).toBe(0);
});

test("what the peer throws reaches the caller as it is", async () => {
  const error = new RpcError("NOT_FOUND", "no such thing");
  const { send } = mountLayers(() => [], {
    handler: () => {
      throw error;
    },
  });
  await expect(send()).rejects.toBe(error);
});
