/** Requests that are compressed, and what becomes of them at servers that can and cannot inflate. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, overGrpc } from "../../test/over-grpc.ts";
import { withPolicy } from "../../test/over-http.ts";
import { finish, frame, rawServer, respond } from "../../test/raw-http2.ts";
import { createClient } from "../client.ts";
import type { Target } from "../core/target.ts";
import type { CompressionConfig } from "../policies/index.ts";
import { connect } from "./connect.ts";

const compressing = (target: Target, request: CompressionConfig["request"], minBytes = 64): Kitchen =>
  createClient(
    withPolicy(
      Object.fromEntries(
        Object.keys(Kitchen.methods).map((key) => [key, { compression: { request, minBytes }, retry: undefined }]),
      ) as never,
    ),
    target,
  );

/** A server that answers with what it got: the encoding, and each message with its mark. */
async function observer() {
  const calls: { encoding: unknown; messages: { compressed: boolean; bytes: Buffer }[] }[] = [];
  const port = await rawServer((stream, headers) => {
    const messages: { compressed: boolean; bytes: Buffer }[] = [];
    calls.push({ encoding: headers["grpc-encoding"], messages });
    let unread = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      while (unread.length >= 5 && unread.length >= 5 + unread.readUInt32BE(1)) {
        const end = 5 + unread.readUInt32BE(1);
        messages.push({ compressed: unread[0] === 1, bytes: unread.subarray(5, end) });
        unread = unread.subarray(end);
      }
    });
    stream.on("end", () => {
      respond(stream);
      stream.write(frame(Buffer.alloc(0)));
      finish(stream, { "grpc-status": "0" });
    });
  });
  const target = connect(`127.0.0.1:${port}`);
  onTestFinished(() => target.close());
  return { target, calls };
}

const large = "x".repeat(500);
const ask = (name: string) => ({ name, id: 1n, withRecipe: false });

test.each([
  ["GZIP", "gzip", gunzipSync],
  ["DEFLATE", "deflate", inflateSync],
] as const)("%s: large requests are compressed, small ones are not", async (request, encoding, inflate) => {
  const { target, calls } = await observer();
  const client = compressing(target, request);
  await client.getDish(ask(large));
  await client.getDish(ask("small"));
  async function* dishes() {
    yield Dish.create({ name: large });
    yield Dish.create({ name: "small" });
    yield Dish.create({ name: large });
  }
  await client.uploadDishes(dishes());
  expect(calls.map((call) => [call.encoding, call.messages.map(({ compressed }) => compressed)])).toEqual([
    [encoding, [true]],
    [undefined, [false]],
    [encoding, [true, false, true]],
  ]);
  const [message] = calls[0]?.messages ?? [];
  expect(message?.bytes.length).toBeLessThan(100);
  expect(inflate(message?.bytes as Buffer).includes(large)).toBe(true);
});

test.each(["IDENTITY", undefined] as const)("nothing is compressed under %s", async (request) => {
  const { target, calls } = await observer();
  await (request ? compressing(target, request) : createClient(Kitchen, target)).getDish(ask(large));
  expect(calls).toMatchObject([{ encoding: undefined, messages: [{ compressed: false }] }]);
});

test("our server inflates, in all four kinds", async () => {
  const { target } = await overGrpc();
  for (const encoding of ["GZIP", "DEFLATE"] as const) {
    const client = compressing(target, encoding, 0);
    async function* dishes() {
      for (let n = 0; n < 5; n++) yield Dish.create({ name: large });
    }
    async function* notes() {
      for (let n = 0; n < 5; n++) yield { text: large };
    }
    expect((await client.getDish(ask(large))).name).toBe(large);
    expect(await client.uploadDishes(dishes())).toMatchObject({ count: 5 });
    expect(await collect(client.watchDishes({ count: 3, failAfter: 0 }))).toHaveLength(3);
    expect(await collect(client.chat(notes() as never))).toHaveLength(5);
  }
});

test.each([
  ["gzip", gzipSync],
  ["deflate", deflateSync],
] as const)("a %s reply of another server is inflated", async (encoding, compress) => {
  const port = await rawServer((stream) => {
    respond(stream, { "grpc-encoding": encoding });
    stream.write(frame(compress(Dish.encode(Dish.create({ name: large })).finish()), { compressed: true }));
    finish(stream, { "grpc-status": "0" });
  });
  const target = connect(`127.0.0.1:${port}`);
  onTestFinished(() => target.close());
  expect((await createClient(Kitchen, target).getDish(ask("any"))).name).toBe(large);
});

test("a server without the encoding is left alone after its first answer", async () => {
  const encodings: unknown[] = [];
  const port = await rawServer((stream, headers) => {
    encodings.push(headers["grpc-encoding"]);
    stream.on("end", () => {
      const compressed = headers["grpc-encoding"] !== undefined;
      respond(stream, { "grpc-accept-encoding": "identity" });
      if (!compressed) stream.write(frame(Buffer.alloc(0)));
      finish(stream, compressed ? { "grpc-status": "12", "grpc-message": "no gzip" } : { "grpc-status": "0" });
    });
  });
  const target = connect(`127.0.0.1:${port}`);
  onTestFinished(() => target.close());
  const client = compressing(target, "GZIP");
  await expect(client.getDish(ask(large))).rejects.toMatchObject({ code: "UNIMPLEMENTED", text: "no gzip" });
  await client.getDish(ask(large));
  expect(encodings).toEqual(["gzip", undefined]);
});

test("closing waits for the calls of every encoding, and then refuses all", async () => {
  const { server } = await overGrpc({
    getDish: async ({ name }) => {
      await new Promise((resolve) => setImmediate(resolve));
      return Dish.create({ name });
    },
  });
  const target = connect(`127.0.0.1:${server.port}`);
  const [plain, zipped] = [createClient(Kitchen, target), compressing(target, "GZIP", 0)];
  const calls = [plain.getDish(ask("a")), zipped.getDish(ask("b"))];
  const closed = target.close();
  expect((await Promise.all(calls)).map(({ name }) => name)).toEqual(["a", "b"]);
  await closed;
  await expect(zipped.getDish(ask("c"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test("a connection that cannot be made fails compressed calls in time too", async () => {
  const silent = createServer((socket) => onTestFinished(() => void socket.destroy())).listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const target = connect(`127.0.0.1:${(silent.address() as AddressInfo).port}`, { connectTimeoutMs: 100 });
  onTestFinished(() => target.close());
  await expect(compressing(target, "GZIP", 0).getDish(ask("a"))).rejects.toMatchObject({
    code: "UNAVAILABLE",
    origin: "transport",
  });
});
