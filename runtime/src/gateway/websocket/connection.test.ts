import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Dish } from "../../../test/kitchen/kitchen.ts";
import { gate } from "../../../test/over-grpc.ts";
import { Client, overWebSocket } from "../../../test/over-websocket.ts";
import { start } from "../../../test/serving.ts";
import { RpcError } from "../../core/error.ts";
import { FakeClock } from "../../testing.ts";
import type { RequestRecord } from "../access.ts";

const note = (text: string) => ({ m: { text } });
const pause = () => new Promise(setImmediate);

/** Turns of the event loop until something holds. */
async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    if (turns > 1_000_000) throw new Error("it never came to hold");
    await pause();
  }
}

/** Once nothing changes for so many turns of the event loop, all buffers on the way are full. */
async function still(count: () => number): Promise<void> {
  let before = -1;
  for (let turns = 0; turns < 500; turns += 1) {
    if (count() > 0 && count() !== before) turns = 0;
    before = count();
    await pause();
  }
}

describe("sizes", () => {
  test("a message of 1 MiB passes both ways, one above the limit closes with 1009 and cancels the call", async () => {
    const ended = gate<unknown>();
    const { open } = await overWebSocket(
      {
        async *chat(notes, { cancellation }) {
          cancellation.onCancel(({ code }) => ended.open(code));
          yield* notes;
        },
      },
      { gateway: { maxRequestBytes: 1024 * 1024 + 100 } },
    );
    const client = await open("/v1/chat").opened();
    const large = note("x".repeat(1024 * 1024));
    client.send(large);
    expect(await client.next()).toEqual(large);
    client.send(note("x".repeat(1024 * 1024 + 300)));
    expect((await client.closed).code).toBe(1009);
    expect(await ended.promise).toBe("RESOURCE_EXHAUSTED");
  });

  test("limits.request_bytes of the method wins, and limits.messages bounds a stream", async () => {
    const policy = { chat: { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const } };
    const small = await overWebSocket({}, { policy: { chat: { ...policy.chat, limits: { requestBytes: 64 } } } });
    const client = await small.open("/v1/chat").opened();
    client.send(note("x".repeat(1000)));
    expect((await client.closed).code).toBe(1009);
    const few = await overWebSocket({}, { policy: { chat: { ...policy.chat, limits: { messages: 1 } } } });
    const many = await few.open("/v1/chat").opened();
    many.send(note("a"));
    many.send(note("b"));
    const { frames, code } = await many.rest();
    expect(code).toBe(4008);
    expect(frames.at(-1)).toMatchObject({ error: { code: 8 } });
  });
});

test.each(["mesh.v1+json", "mesh.v1+proto"])("limits.response_bytes ends the call under %s", async (protocol) => {
  const auth = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
  const { open } = await overWebSocket(
    {
      async *chat(notes) {
        for await (const _ of notes) yield { text: "x".repeat(100) };
      },
    },
    { policy: { chat: { auth, limits: { responseBytes: 64 } } } },
  );
  const client = await open("/v1/chat", protocol).opened();
  client.send(protocol === "mesh.v1+json" ? note("a") : new Uint8Array());
  const { frames, code } = await client.rest();
  expect(code).toBe(4008);
  expect(frames).toMatchObject([{ error: { code: 8 } }]);
});

describe("backpressure", () => {
  test("a call that does not read pauses the client, and pings find out when that is gone", async () => {
    const clock = new FakeClock();
    const stopped = gate<string>();
    const { open, gateway } = await overWebSocket(
      {
        async uploadDishes(dishes, { cancellation }) {
          cancellation.onCancel(({ code }) => stopped.open(code));
          await dishes[Symbol.asyncIterator]().next();
          await new Promise(() => {});
          return { count: 0 };
        },
      },
      { gateway: { clock }, server: { clock } },
    );
    const client = await open("/v1/uploads").opened();
    let left = 0;
    const frame = JSON.stringify({ m: { name: "x".repeat(16 * 1024) } });
    const fill = () => {
      for (; client.ws.bufferedAmount < 256 * 1024 && left < 10_000; left++) client.send(frame);
    };
    const timer = setInterval(fill, 0);
    await still(() => left);
    clearInterval(timer);
    expect(left).toBeLessThan(2_000);
    // Nothing is missed meanwhile: the answers to pings are not read.
    for (let beats = 0; beats < 5; beats++) await clock.advance(30_000);
    expect(client.ws.readyState).toBe(client.ws.OPEN);
    client.ws.terminate();
    let gone = false;
    void stopped.promise.then(() => {
      gone = true;
    });
    for (let beats = 0; beats < 20 && !gone; beats++) await clock.advance(30_000);
    expect(await stopped.promise).toBe("CANCELLED");
    await gateway.idle();
    expect(clock.pending).toBe(0);
  });

  test("a client that does not read pauses the call", async () => {
    let made = 0;
    const stopped = gate<string>();
    const { open, gateway } = await overWebSocket({
      async *watchDishes(_request, { cancellation }) {
        cancellation.onCancel(({ code }) => stopped.open(code));
        for (;;) {
          made += 1;
          yield Dish.create({ name: "x".repeat(64 * 1024) });
        }
      },
    });
    const client = await open("/v1/watch").opened();
    client.ws.pause();
    await still(() => made);
    expect(made).toBeLessThan(500);
    const before = made;
    client.ws.resume();
    await until(() => made > before + 100);
    client.ws.terminate();
    expect(await stopped.promise).toBe("CANCELLED");
    await gateway.idle();
  });

  test("a client that does not read in time loses the call", async () => {
    const clock = new FakeClock();
    let made = 0;
    const stopped = gate<string>();
    const { open, gateway } = await overWebSocket(
      {
        async *watchDishes(_request, { cancellation }) {
          cancellation.onCancel(({ code }) => stopped.open(code));
          for (;;) {
            made += 1;
            yield Dish.create({ name: "x".repeat(64 * 1024) });
          }
        },
      },
      { gateway: { clock }, server: { clock } },
    );
    const client = await open("/v1/watch", [], { headers: { "grpc-timeout": "5S" } }).opened();
    client.ws.pause();
    await still(() => made);
    await clock.advance(5_000);
    expect(await stopped.promise).toBe("DEADLINE_EXCEEDED");
    client.ws.resume();
    const { frames, code } = await client.rest();
    expect(code).toBe(4004);
    expect(frames.at(-1)).toMatchObject({ error: { code: 4 } });
    await gateway.idle();
    expect(clock.pending).toBe(0);
  });
});

describe("time", () => {
  test("a client that leaves two pings unanswered is cut, and its call cancelled", async () => {
    const clock = new FakeClock();
    const stopped = gate<string>();
    const { open, gateway } = await overWebSocket(
      {
        async *chat(notes, { cancellation }) {
          cancellation.onCancel(({ code }) => stopped.open(code));
          yield* notes;
        },
      },
      { gateway: { clock }, server: { clock } },
    );
    const client = await open("/v1/chat", "mesh.v1+json", { autoPong: false }).opened();
    let pings = 0;
    client.ws.on("ping", () => {
      pings += 1;
    });
    await clock.advance(30_000);
    await clock.advance(30_000);
    await until(() => pings === 2);
    await clock.advance(30_000);
    expect(await stopped.promise).toBe("CANCELLED");
    expect((await client.closed).code).toBe(1006);
    await gateway.idle();
    expect(clock.pending).toBe(0);
  });

  test("a client that answers, or sends anything else, stays", async () => {
    const clock = new FakeClock();
    const { open, gateway } = await overWebSocket({}, { gateway: { clock }, server: { clock } });
    const client = await open("/v1/chat").opened();
    for (let beats = 0; beats < 6; beats++) {
      const pinged = once(client.ws, "ping");
      await clock.advance(30_000);
      await pinged;
      client.send(note("still here"));
      expect(await client.next()).toEqual(note("still here"));
    }
    client.send({ end: true });
    expect((await client.closed).code).toBe(1000);
    await gateway.idle();
    expect(clock.pending).toBe(0);
  });

  test("an old connection ends with UNAVAILABLE and 1001", async () => {
    const clock = new FakeClock();
    const { open, gateway } = await overWebSocket(
      {},
      { gateway: { clock, webSocket: { maxConnectionAgeMs: 1_000, pingMs: 0 } }, server: { clock } },
    );
    const client = await open("/v1/chat").opened();
    await clock.advance(1_000);
    const { frames, code, reason } = await client.rest();
    expect(frames).toEqual([{ error: { code: 14, message: "the connection is old: connect again", details: [] } }]);
    expect({ code, reason }).toEqual({ code: 1001, reason: "the connection is old: connect again" });
    await gateway.idle();
    expect(clock.pending).toBe(0);
  });

  test("a deadline ends the call with 4004, timeout.idle too", async () => {
    const clock = new FakeClock();
    const auth = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
    const { open, gateway } = await overWebSocket(
      {},
      { gateway: { clock }, server: { clock }, policy: { chat: { auth, timeout: { idleMs: 500 } } } },
    );
    const late = await open("/v1/rooms/x/chat", "mesh.v1+json", { headers: { "grpc-timeout": "200m" } }).opened();
    await clock.advance(200);
    expect((await late.closed).code).toBe(4004);
    const idle = await open("/v1/chat").opened();
    await clock.advance(500);
    expect((await idle.closed).code).toBe(4004);
    await gateway.idle();
    expect(clock.pending).toBe(0);
  });

  test("a call that begins with the client's message does not wait for it forever", async () => {
    const clock = new FakeClock();
    const { open, gateway } = await overWebSocket({}, { gateway: { clock }, server: { clock } });
    const client = await open("/v1/asked").opened();
    await clock.advance(60_000);
    expect(await client.rest()).toMatchObject({ frames: [{ error: { code: 4 } }], code: 4004 });
    const ended = await open("/v1/asked").opened();
    ended.send({ end: true });
    expect((await ended.closed).code).toBe(4003);
    await gateway.idle();
    expect(clock.pending).toBe(0);
  });
});

describe("the end of the server", () => {
  test("ends WebSockets with UNAVAILABLE and 1001, and waits until they are closed", async () => {
    const { open, gateway } = await overWebSocket();
    const clients: Client[] = [];
    for (const path of ["/v1/chat", "/v1/uploads", "/v1/asked"]) clients.push(await open(path).opened());
    let idle = false;
    const drained = gateway.idle().then(() => {
      idle = true;
    });
    await pause();
    expect(idle).toBe(false);
    gateway.end("streams");
    for (const client of clients) {
      const { frames, code } = await client.rest();
      expect(code).toBe(1001);
      expect(frames).toMatchObject([{ error: { code: 14, message: "the server is shutting down" } }]);
    }
    await drained;
  });

  test.each(["http", "listen"] as const)("holds for a server of serve() too, at its door %s", async (door) => {
    const server = await start({ [door]: 0, gateway: { webSocket: true } });
    const url = server.http?.url.replace("http", "ws");
    const done = new Client(new WebSocket(`${url}/v1/dishes:watch?count=2`, "mesh.v1+json"));
    const { frames, code } = await done.rest();
    expect(code).toBe(1000);
    expect(frames).toHaveLength(2);
    // More than anybody reads, so under way when the server stops.
    const under = await new Client(new WebSocket(`${url}/v1/dishes:watch?count=2000000000`, "mesh.v1+json")).opened();
    under.ws.pause();
    const stopped = server.stop();
    under.ws.resume();
    expect((await under.closed).code).toBe(1001);
    await stopped;
  });
});

test("a bug of the gateway's own is 1011 and stays in the log; one of the implementation's is its INTERNAL", async () => {
  const { open, errors } = await overWebSocket({
    async *chat(notes) {
      for await (const { text } of notes) {
        if (text === "throw") throw new Error("secret");
        yield { text: 5 } as never;
      }
    },
  });
  const own = await open("/v1/chat").opened();
  own.send(note("a"));
  const bug = await own.rest();
  expect(bug).toMatchObject({ frames: [{ error: { code: 13 } }], code: 1011 });
  expect(errors).toHaveLength(1);
  const theirs = await open("/v1/chat").opened();
  theirs.send(note("throw"));
  const internal = await theirs.rest();
  expect(internal).toMatchObject({ frames: [{ error: { code: 13 } }], code: 4013 });
  expect(JSON.stringify([bug, internal])).not.toContain("secret");
});

test("a long text is cut to what a close frame holds, between characters", async () => {
  const { open } = await overWebSocket({
    // biome-ignore lint/correctness/useYield: it fails before it could
    async *chat(notes) {
      for await (const _ of notes) throw new RpcError("ABORTED", "ü".repeat(100));
    },
  });
  const client = await open("/v1/chat").opened();
  client.send(note("a"));
  expect(await client.rest()).toMatchObject({ code: 4010, reason: "ü".repeat(61) });
});

test("what the client says after the call has stopped listening is dropped", async () => {
  const { open } = await overWebSocket({
    async *chat(notes) {
      for await (const one of notes) {
        yield one;
        break;
      }
      yield { text: "done" };
    },
  });
  const client = await open("/v1/chat").opened();
  client.send(note("a"));
  client.send(note("b"));
  client.send({ end: true });
  const { frames, code } = await client.rest();
  expect({ frames, code }).toEqual({ frames: [note("a"), note("done")], code: 1000 });
});

test("a record of each handshake says how it was answered, and how its call ended", async () => {
  const records: RequestRecord[] = [];
  const { open, gateway } = await overWebSocket(
    {
      async uploadDishes() {
        throw new RpcError("NOT_FOUND", "no such shelf");
      },
    },
    { gateway: { onRequest: (record) => void records.push(record) } },
  );
  const client = await open("/v1/rooms/x/chat").opened();
  client.send({ end: true });
  await client.closed;
  const failed = await open("/v1/chat").opened();
  failed.send({ m: { text: 1 } });
  await failed.closed;
  await open("/v1/uploads").refused;
  await open("/v1/nowhere").refused;
  await gateway.idle();
  await until(() => records.length === 4);
  const told = records.map(({ template, rpc, status, code }) => ({ template, rpc, status, code }));
  const chat = "/test.kitchen.v1.Kitchen/Chat";
  expect(told).toEqual([
    { template: "/v1/rooms/*/chat", rpc: chat, status: 101, code: "OK" },
    { template: "/v1/chat", rpc: chat, status: 101, code: "INVALID_ARGUMENT" },
    { template: "/v1/uploads", rpc: "/test.kitchen.v1.Kitchen/UploadDishes", status: 404, code: "NOT_FOUND" },
    { template: undefined, rpc: undefined, status: 404, code: "NOT_FOUND" },
  ]);
  for (const { peer, bytes, method } of records) {
    expect({ peer, method }).toEqual({ peer: "127.0.0.1", method: "GET" });
    expect(bytes).toBeGreaterThan(100);
  }
});
