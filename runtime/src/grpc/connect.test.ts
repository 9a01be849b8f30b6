import { createServer, type Server as TcpServer } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, gate, overGrpc } from "../../test/over-grpc.ts";
import { settled } from "../testing.ts";
import { connect } from "./connect.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };
const all = { count: 3, failAfter: 0 };

/** A port that accepts connections and never says a word. */
async function silence(): Promise<string> {
  const sockets = new Set<import("node:net").Socket>();
  const server: TcpServer = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** A port where nobody listens. */
async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

test("a refused connection fails calls at once, naming the address", async () => {
  const address = await nobody();
  const target = connect(address);
  const kitchen = createKitchenClient(target);

  for (const call of [kitchen.getDish(soup), collect(kitchen.watchDishes(all)), kitchen.getDish(soup)]) {
    await expect(call).rejects.toMatchObject({
      code: "UNAVAILABLE",
      text: expect.stringMatching(new RegExp(`^${address}: .*ECONNREFUSED`)),
    });
  }
  await target.close();
});

test("an address that never answers fails calls at the connect timeout, not at their deadline", async () => {
  const address = await silence();
  const target = connect(address, { connectTimeoutMs: 50 });
  const kitchen = createKitchenClient(target);

  const calls = [kitchen.getDish(soup, { timeoutMs: 60_000 }), collect(kitchen.watchDishes(all))];

  for (const call of calls)
    await expect(call).rejects.toMatchObject({
      code: "UNAVAILABLE",
      text: `${address}: no connection within 50 ms`,
    });
  await target.close();
});

test("the connect timeout counts from each call's own start", async () => {
  const target = connect(await silence(), { connectTimeoutMs: 1_000 });
  const kitchen = createKitchenClient(target);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const failed: string[] = [];
  const call = (name: string, signal?: AbortSignal) => kitchen.getDish(soup, { signal }).catch(() => failed.push(name));
  /** Lets time pass, then what has no timer. */
  const pass = async (ms: number) => {
    vi.advanceTimersByTime(ms);
    await settled();
  };
  const leaving = new AbortController();

  const first = call("first");
  await pass(500);
  const left = call("left", leaving.signal);
  await pass(400);
  const last = call("last");
  await pass(99);
  expect(failed).toEqual([]);
  await pass(1);
  expect(failed).toEqual(["first"]);
  leaving.abort();
  await left;
  await pass(899);
  expect(failed).toEqual(["first", "left"]);
  await pass(1);
  expect(failed).toEqual(["first", "left", "last"]);
  await Promise.all([first, last]);
  await target.close();
});

test("a deadline before the connect timeout counts first", async () => {
  const target = connect(await silence(), { connectTimeoutMs: 60_000 });

  await expect(createKitchenClient(target).getDish(soup, { timeoutMs: 30 })).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
  });
  await target.close();
});

test("the connect timeout does not end a call that has its connection", async () => {
  const begun = gate();
  const finish = gate();
  const { kitchen } = await overGrpc(
    {
      async getDish({ name }) {
        begun.open();
        await finish.promise;
        return Dish.create({ name });
      },
    },
    { connect: { connectTimeoutMs: 10_000 } },
  );
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());

  const call = kitchen.getDish(soup);
  await begun.promise;
  vi.advanceTimersByTime(20_000);
  finish.open();

  expect(await call).toMatchObject({ name: "soup" });
});

test("a name that does not exist fails calls, naming the target", async () => {
  const target = connect("no-such-host.invalid:50051");

  await expect(createKitchenClient(target).getDish(soup)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    text: expect.stringContaining("no-such-host.invalid:50051"),
  });
  await target.close();
});

test("a server that comes back is found again", async () => {
  const first = await overGrpc({}, { keep: true });
  await first.kitchen.getDish(soup);
  const drained = first.server.drain();
  await drained;
  await expect(first.kitchen.getDish(soup)).rejects.toMatchObject({ code: "UNAVAILABLE" });

  const second = await overGrpc({}, { listen: { address: `127.0.0.1:${first.server.port}` } });

  await expect
    .poll(() => first.kitchen.getDish(soup).catch(({ code }) => code), { timeout: 10_000 })
    .toMatchObject({
      name: "soup",
    });
  await first.target.close();
  await second.target.close();
});

test("close waits for running calls, refuses new ones, and may be called again", async () => {
  const begun = gate();
  const finish = gate();
  const { kitchen, target } = await overGrpc({
    async getDish(request) {
      begun.open();
      await finish.promise;
      return Dish.create(request);
    },
  });

  const running = kitchen.getDish(soup);
  await begun.promise;
  let closed = false;
  const closing = target.close().then(() => {
    closed = true;
  });

  await expect(kitchen.getDish(soup)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    text: expect.stringContaining(target.name),
  });
  expect(closed).toBe(false);
  finish.open();
  expect(await running).toMatchObject({ name: "soup" });
  await closing;
  await target.close();
});

test("close waits for a stream until its reader is done", async () => {
  const { kitchen, target } = await overGrpc();
  const reader = kitchen.watchDishes({ count: 1_000_000, failAfter: 0 })[Symbol.asyncIterator]();
  await reader.next();
  let closed = false;
  const closing = target.close().then(() => {
    closed = true;
  });

  await reader.next();
  expect(closed).toBe(false);
  await reader.return?.();
  await closing;
});

test("nothing is left behind by calls that end in every way", async () => {
  const count = () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout/.test(name)).length;
  const before = count();
  const { kitchen, target, server } = await overGrpc(
    {
      updateDish() {
        throw new Error("broken");
      },
      getDish: (_request, { cancellation }) =>
        new Promise((_, reject) => {
          cancellation.onCancel(reject);
        }),
    },
    { keep: true },
  );

  await kitchen.ping({});
  await kitchen.updateDish({ dish: undefined, updateMask: undefined }).catch(() => {});
  await kitchen.getDish(soup, { timeoutMs: 20 }).catch(() => {});
  await kitchen.getDish(soup, { timeoutMs: 60_000, signal: AbortSignal.timeout(20) }).catch(() => {});
  for await (const _ of kitchen.watchDishes({ count: 10_000, failAfter: 0 }, { timeoutMs: 60_000 })) break;
  await target.close();
  await server.drain();

  await expect.poll(count).toBeLessThanOrEqual(before);
});

test.each([
  ["localhost", "host:port"],
  ["", "host:port"],
  ["a:b:1", "host:port"],
  ["http://localhost:8080", "without http://"],
])("the address %j is refused with a remedy", (address, remedy) => {
  expect(() => connect(address)).toThrow(remedy);
  expect(() => connect(address)).toThrow(`connect(${JSON.stringify(address)})`);
});

test.each([
  [{ connectTimeoutMs: 0 }, "connectTimeoutMs"],
  [{ connectTimeoutMs: Number.NaN }, "connectTimeoutMs"],
  [{ maxReceiveBytes: -1 }, "maxReceiveBytes"],
  [{ maxSendBytes: 0 }, "maxSendBytes"],
  [{ keepalive: { timeMs: 0 } }, "keepalive.timeMs"],
])("the options %j are refused by name", (options, name) => {
  expect(() => connect("localhost:1", options)).toThrow(name);
});

test.each([
  [{ tsl: {} }, /connect\("users:1"\): unknown key "tsl", did you mean tls\?/],
  [{ tls: { caFile: "ca.pem" } }, /: tls: unknown key "caFile". Known keys: ca, cert, key, serverName/],
  [{ keepalive: { time: 1 } }, /: keepalive: unknown key "time", did you mean timeMs\?/],
])("an option that nobody reads is refused: %j", (options, text) => {
  expect(() => connect("users:1", options as never)).toThrow(text);
});
