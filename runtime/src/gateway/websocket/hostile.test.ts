import type { Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gate } from "../../../test/over-grpc.ts";
import { open as connectTo } from "../../../test/over-http.ts";
import { overWebSocket, type SocketKitchen } from "../../../test/over-websocket.ts";
import { FakeClock } from "../../testing.ts";

/** Opcodes. Source: RFC 6455, 5.2. */
const op = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

interface Raw {
  readonly opcode: number;
  readonly data?: Buffer | string;
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** In place of the real one. */
  readonly length?: bigint;
  readonly reserved?: number;
}

/** A frame, byte by byte. */
function frame({ opcode, data = "", fin = true, masked = true, length, reserved = 0 }: Raw): Buffer {
  const body = Buffer.from(data);
  const size = length ?? BigInt(body.length);
  const head = Buffer.alloc(10);
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  let end = 2;
  if (size < 126n) head[1] = Number(size);
  else {
    head[1] = 127;
    head.writeBigUInt64BE(size, 2);
    end = 10;
  }
  if (!masked) return Buffer.concat([head.subarray(0, end), body]);
  head[1] |= 0x80;
  const key = Buffer.from([1, 2, 3, 4]);
  const hidden = body.map((byte, at) => byte ^ (key[at % 4] as number));
  return Buffer.concat([head.subarray(0, end), key, hidden]);
}

const text = (data: string): Buffer => frame({ opcode: op.text, data });

/** A connection on which a handshake was sent. What comes is kept; `closed` resolves with all of it. */
async function shake(port: number, path = "/v1/chat", protocol = "mesh.v1+json", extra: Buffer = Buffer.alloc(0)) {
  const socket = await connectTo(port);
  const chunks: Buffer[] = [];
  const accepted = gate();
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    const all = Buffer.concat(chunks);
    if (all.includes("\r\n\r\n")) accepted.open();
    if (closeCode(all) !== undefined) leave(socket);
  });
  const closed = new Promise<Buffer>((resolve) => socket.once("close", () => resolve(Buffer.concat(chunks))));
  socket.on("error", () => {});
  const named = protocol === "" ? "" : `sec-websocket-protocol: ${protocol}\r\n`;
  const head = `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${named}\r\n`;
  socket.write(Buffer.concat([Buffer.from(head), extra]));
  return { socket, accepted: accepted.promise, closed };
}

/** The code of the close frame among what a server sent. */
function closeCode(all: Buffer): number | undefined {
  if (!all.includes("HTTP/1.1 101")) return undefined;
  let at = all.indexOf("\r\n\r\n") + 4;
  while (at + 1 < all.length) {
    const opcode = (all[at] as number) & 0x0f;
    let size = (all[at + 1] as number) & 0x7f;
    at += 2;
    if (size === 126) [size, at] = [all.readUInt16BE(at), at + 2];
    else if (size === 127) [size, at] = [Number(all.readBigUInt64BE(at)), at + 8];
    if (opcode === op.close && at + 1 < all.length) return all.readUInt16BE(at);
    at += size;
  }
  return undefined;
}

/** Nothing is left of any call or connection. */
async function nothingLeft({ gateway, server }: SocketKitchen): Promise<void> {
  await gateway.idle();
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
  for (let turns = 0; (await connections()) > 0; turns++) {
    if (turns > 1_000_000) throw new Error("a connection is left");
    await new Promise(setImmediate);
  }
}

/** Sends an answer to the server's close, as clients do, and hangs up. */
const leave = (socket: Socket) => socket.end(frame({ opcode: op.close, data: Buffer.from([3, 232]) }));

describe("frames that break the rules of WebSocket close it and cancel the call", () => {
  const flood = Buffer.concat(
    Array.from({ length: 20_000 }, (_, at) => frame({ opcode: at === 0 ? op.text : op.more, data: "x", fin: false })),
  );
  test.each<[what: string, bytes: Buffer, code: number]>([
    ["an unmasked frame", frame({ opcode: op.text, data: "{}", masked: false }), 1002],
    ["a reserved opcode", frame({ opcode: 3, data: "{}" }), 1002],
    ["a reserved bit", frame({ opcode: op.text, data: "{}", reserved: 4 }), 1002],
    ["the rest of nothing", frame({ opcode: op.more, data: "{}" }), 1002],
    ["text that is not UTF-8", frame({ opcode: op.text, data: Buffer.from([0xff, 0xfe]) }), 1007],
    ["a claim of 1 TiB", frame({ opcode: op.text, data: "x", length: 2n ** 40n }), 1009],
    ["a claim of 2^63 bytes", frame({ opcode: op.text, data: "x", length: 2n ** 63n }), 1009],
    ["a flood of fragments", flood, 1008],
    ["a ping of 126 bytes", frame({ opcode: op.ping, data: "x".repeat(126) }), 1002],
    ["a fragmented ping", frame({ opcode: op.ping, fin: false }), 1002],
    ["a close with one byte", frame({ opcode: op.close, data: "x" }), 1002],
    ["a close with a code that nobody may send", frame({ opcode: op.close, data: Buffer.from([3, 237]) }), 1002],
  ])("%s", async (_what, bytes, code) => {
    const stopped = gate<string>();
    const kitchen = await overWebSocket({
      async *chat(notes, { cancellation }) {
        cancellation.onCancel((reason) => stopped.open(reason.code));
        yield* notes;
      },
    });
    const { socket, accepted, closed } = await shake(kitchen.port);
    await accepted;
    socket.write(bytes);
    socket.end();
    expect(closeCode(await closed)).toBe(code);
    expect(await stopped.promise).toBe(code === 1009 ? "RESOURCE_EXHAUSTED" : "CANCELLED");
    await nothingLeft(kitchen);
    expect(kitchen.errors).toEqual([]);
  });
});

describe("frames that the subprotocol does not have end the call", () => {
  test.each<[what: string, path: string, protocol: string, frames: Buffer[], code: number]>([
    ["a binary frame in JSON", "/v1/chat", "mesh.v1+json", [frame({ opcode: op.binary, data: '{"m":{}}' })], 1008],
    ["a bare message", "/v1/chat", "mesh.v1+json", [text('{"text":"a"}')], 1008],
    ["an empty frame", "/v1/chat", "mesh.v1+json", [text("")], 1008],
    ["an error of the client", "/v1/chat", "mesh.v1+json", [text('{"error":{"code":1}}')], 1008],
    ["two things in one frame", "/v1/chat", "mesh.v1+json", [text('{"m":{},"end":true}')], 4003],
    ["an end that is none", "/v1/chat", "mesh.v1+json", [text('{"end":false}')], 1008],
    ["a message that is not JSON", "/v1/chat", "mesh.v1+json", [text('{"m":{"text":}}')], 4003],
    ["two messages in one frame", "/v1/chat", "mesh.v1+json", [text('{"m":{}} {"m":{}}')], 4003],
    ["a field that does not exist", "/v1/chat", "mesh.v1+json", [text('{"m":{"texts":"a"}}')], 4003],
    ["a prototype", "/v1/chat", "mesh.v1+json", [text('{"m":{"__proto__":{"text":"a"}}}')], 4003],
    ["deep nesting", "/v1/chat", "mesh.v1+json", [text(`{"m":${'{"a":'.repeat(9_999)}1${"}".repeat(9_999)}}`)], 4003],
    ["text in bytes", "/v1/chat", "mesh.v1+proto", [text('{"m":{}}')], 1008],
    ["bytes that are no message", "/v1/chat", "mesh.v1+proto", [frame({ opcode: op.binary, data: "\xff" })], 4003],
    [
      "bytes that are not UTF-8 where JSON is bare",
      "/v1/posted",
      "",
      [frame({ opcode: op.binary, data: Buffer.from([0xff]) })],
      1008,
    ],
    ["a message where none is taken", "/v1/watch", "mesh.v1+json", [text('{"m":{}}')], 1008],
  ])("%s", async (_what, path, protocol, frames, code) => {
    const kitchen = await overWebSocket({
      async *watchDishes() {
        await new Promise(() => {});
      },
    });
    const { socket, accepted, closed } = await shake(kitchen.port, path, protocol);
    await accepted;
    for (const one of frames) socket.write(one);
    const all = await closed;
    expect(closeCode(all)).toBe(code);
    expect(all.toString("latin1")).toContain('{"error":{"code":');
    await nothingLeft(kitchen);
    expect(kitchen.errors).toEqual([]);
  });

  // Field 6 of a dish, a time in the year 31690708.
  const noTime = Buffer.from([0x32, 9, 8, 0x80, 0x80, 0x9a, 0xa6, 0xea, 0xaf, 0xe3, 1]);

  test("bytes that JSON has no form for are refused where the path has to get into them", async () => {
    const kitchen = await overWebSocket();
    const { socket, accepted, closed } = await shake(kitchen.port, "/v1/shelves/a/uploads", "mesh.v1+proto");
    await accepted;
    socket.write(frame({ opcode: op.binary, data: noTime }));
    expect(closeCode(await closed)).toBe(4003);
    expect(kitchen.errors).toEqual([]);
  });

  test("and arrive as they are where nothing else says anything", async () => {
    const kitchen = await overWebSocket({
      async uploadDishes(dishes) {
        let count = 0;
        for await (const { createdAt } of dishes) count += createdAt === undefined ? 0 : 1;
        return { count };
      },
    });
    const { socket, accepted, closed } = await shake(kitchen.port, "/v1/uploads", "mesh.v1+proto");
    await accepted;
    for (const data of [noTime, noTime]) socket.write(frame({ opcode: op.binary, data }));
    socket.write(text('{"end":true}'));
    const all = await closed;
    expect(closeCode(all)).toBe(1000);
    expect(all.includes(Buffer.from([0x82, 2, 8, 2])), "a count of 2").toBe(true);
  });

  test("a message after the last one", async () => {
    const kitchen = await overWebSocket({
      async uploadDishes(dishes) {
        for await (const _ of dishes);
        await new Promise(() => {});
        return { count: 0 };
      },
    });
    const { socket, accepted, closed } = await shake(kitchen.port, "/v1/uploads");
    await accepted;
    socket.write(Buffer.concat([text('{"end":true}'), text('{"m":{}}')]));
    expect(closeCode(await closed)).toBe(1008);
    await nothingLeft(kitchen);
  });
});

describe("clients that go", () => {
  test("during the handshake cancel the call", async () => {
    for (const hangUp of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const begun = gate();
      const stopped = gate<string>();
      const kitchen = await overWebSocket({
        async uploadDishes(_dishes, { cancellation }) {
          cancellation.onCancel(({ code }) => stopped.open(code));
          begun.open();
          await new Promise(() => {});
          return { count: 0 };
        },
      });
      const { socket } = await shake(kitchen.port, "/v1/uploads");
      await begun.promise;
      hangUp(socket);
      expect(await stopped.promise).toBe("CANCELLED");
      await nothingLeft(kitchen);
    }
  });

  test("without a word cancel the call", async () => {
    for (const hangUp of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const stopped = gate<string>();
      const kitchen = await overWebSocket({
        async *chat(notes, { cancellation }) {
          cancellation.onCancel(({ code }) => stopped.open(code));
          yield* notes;
        },
      });
      const { socket, accepted } = await shake(kitchen.port);
      await accepted;
      hangUp(socket);
      expect(await stopped.promise).toBe("CANCELLED");
      await nothingLeft(kitchen);
    }
  });
});

test("data before the answer to the handshake is refused", async () => {
  const kitchen = await overWebSocket();
  const { closed } = await shake(kitchen.port, "/v1/chat", "mesh.v1+json", text('{"m":{}}'));
  expect((await closed).toString()).toMatch(/^HTTP\/1\.1 400 [\s\S]*before the handshake was answered/);
  const begun = gate();
  const waiting = await overWebSocket({
    async uploadDishes() {
      begun.open();
      await new Promise(() => {});
      return { count: 0 };
    },
  });
  const late = await shake(waiting.port, "/v1/uploads");
  await begun.promise;
  late.socket.write(text('{"m":{}}'));
  expect((await late.closed).toString()).toMatch(/^HTTP\/1\.1 400 /);
  await nothingLeft(kitchen);
  await nothingLeft(waiting);
});

test("a flood of tiny frames to a call that does not read stays outside", async () => {
  let read = 0;
  const go = gate();
  const kitchen = await overWebSocket({
    async uploadDishes(dishes) {
      for await (const _ of dishes) {
        read += 1;
        await go.promise;
      }
      return { count: read };
    },
  });
  let taken = () => 0;
  kitchen.server.on("connection", (socket: Socket) => {
    taken = () => socket.bytesRead;
  });
  const client = await kitchen.open("/v1/uploads").opened();
  for (let sent = 0; sent < 30_000; sent++) client.send('{"m":{}}');
  client.send({ end: true });
  for (let turns = 0; turns < 200; turns++) await new Promise(setImmediate);
  expect(read).toBe(1);
  // Of 600 kB, what may wait and what was read together with it.
  expect(taken()).toBeLessThan(256 * 1024);
  go.open();
  expect(await client.next()).toEqual({ m: { count: 30_000 } });
  await nothingLeft(kitchen);
});

test("a flood of pings from a client that reads nothing leaves nothing lying, and the last one is answered", async () => {
  const kitchen = await overWebSocket();
  let server: Socket | undefined;
  kitchen.server.on("connection", (socket: Socket) => {
    server = socket;
  });
  const { socket, accepted, closed } = await shake(kitchen.port);
  await accepted;
  socket.pause();
  const pings = Buffer.concat(Array<Buffer>(1000).fill(frame({ opcode: op.ping, data: "x".repeat(125) })));
  let most = 0;
  for (let sent = 0; sent < 200; sent++) {
    await new Promise((resolve) => socket.write(pings, resolve));
    most = Math.max(most, server?.writableLength ?? 0);
  }
  expect(most).toBeLessThan(1000);
  socket.write(frame({ opcode: op.ping, data: "the last" }));
  socket.resume();
  let end = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    end = (end + chunk.toString("latin1")).slice(-100);
    if (end.endsWith("the last")) break;
  }
  leave(socket);
  await closed;
  await nothingLeft(kitchen);
});

test("whatever bytes come, every connection ends and no timer is left", { timeout: 60_000 }, async () => {
  const clock = new FakeClock();
  const kitchen = await overWebSocket({}, { gateway: { clock }, server: { clock } });
  const sent = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    fc
      .record({
        opcode: fc.integer({ min: 0, max: 15 }),
        data: fc.oneof(
          fc.constantFrom('{"m":{"text":"a"}}', '{"end":true}', "", '{"m":', "{}", '{"text":"b"}'),
          fc.json(),
          fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        ),
        fin: fc.boolean(),
        masked: fc.boolean(),
        reserved: fc.constantFrom(0, 0, 0, 4),
      })
      .map(frame),
  );
  const paths = fc.constantFrom("/v1/chat", "/v1/uploads", "/v1/asked", "/v1/watch/1", "/v1/rooms/x/chat");
  const protocols = fc.constantFrom("mesh.v1+json", "mesh.v1+proto", "");
  await fc.assert(
    fc.asyncProperty(paths, protocols, fc.array(sent, { maxLength: 12 }), async (path, protocol, frames) => {
      const { socket, accepted, closed } = await shake(kitchen.port, path, protocol);
      await accepted;
      socket.write(Buffer.concat(frames));
      socket.end();
      await closed;
    }),
    { numRuns: 400 },
  );
  await nothingLeft(kitchen);
  expect(clock.pending).toBe(0);
  expect(kitchen.errors).toEqual([]);
});
