import { randomBytes } from "node:crypto";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { Dish } from "../../../test/kitchen/kitchen.ts";
import { gate } from "../../../test/over-grpc.ts";
import { listen, open, overHttp, raw } from "../../../test/over-http.ts";
import { type OpenBody, openBody } from "./inflate.ts";

const soup = Buffer.from('{"name":"soup"}');
const packers = { gzip: gzipSync, "x-gzip": gzipSync, br: brotliCompressSync, deflate: deflateSync };
type Encoding = keyof typeof packers;
const encodings = Object.keys(packers) as Encoding[];

/** Sends bytes as a body of JSON in an encoding. */
async function send(body: Buffer, encoding: string, options: Parameters<typeof overHttp>[1] = {}) {
  const kitchen = await overHttp({}, options);
  const headers = { "content-type": "application/json", "content-encoding": encoding };
  return { ...kitchen, response: await fetch(`${kitchen.url}/v1/dishes`, { method: "POST", headers, body }) };
}

test.each(encodings)("a body in %s is read", async (encoding) => {
  const { response } = await send(packers[encoding](soup), encoding.toUpperCase());
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ name: "soup" });
});

test("identity is no encoding", async () => {
  expect((await send(soup, "identity")).response.status).toBe(200);
  expect((await send(gzipSync(soup), "identity, gzip")).response.status).toBe(200);
});

test.each(["zstd", "compress", "gzip2", "gzip, br", "gzip,gzip", "__proto__"])("%s is 415", async (encoding) => {
  const { response } = await send(gzipSync(soup), encoding);
  expect(response.status).toBe(415);
  expect(response.headers.get("accept-encoding")).toBe("gzip, br, deflate, identity");
});

test.each(encodings)("a body that is not %s is 400, and nothing of it is shown", async (encoding) => {
  for (const body of [soup, packers[encoding](soup).subarray(0, -3), packers[encoding](soup).subarray(0, 1)]) {
    const { response, errors, gateway } = await send(body, encoding);
    expect(response.status).toBe(400);
    const message = `the body is not whole ${encoding}, which its Content-Encoding says it is`;
    expect(await response.json()).toMatchObject({ code: 3, message });
    await gateway.idle();
    expect(errors).toEqual([]);
  }
});

test("deflate without its wrapper is not what the name means", async () => {
  expect((await send(deflateRawSync(soup), "deflate")).response.status).toBe(400);
});

test("a gzip body whose checksum is wrong is 400", async () => {
  const body = gzipSync(soup);
  body.writeUInt32LE(7, body.length - 8);
  expect((await send(body, "gzip")).response.status).toBe(400);
});

test("the limit is on what comes out", async () => {
  const body = (length: number) => Buffer.from(`{"name":"${"a".repeat(length - 11)}"}`);
  const gateway = { maxRequestBytes: 1000 };
  for (const encoding of encodings) {
    expect((await send(packers[encoding](body(1000)), encoding, { gateway })).response.status).toBe(200);
    const { response } = await send(packers[encoding](body(1001)), encoding, { gateway });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ message: "the body is larger than the 1000 bytes that are allowed" });
  }
});

test("a method's own limit is on what comes out, too", async () => {
  const policy = { createDish: { limits: { requestBytes: 500 } } };
  const body = gzipSync(`{"name":"${"a".repeat(500)}"}`);
  expect((await send(body, "gzip", { policy })).response.status).toBe(413);
});

test("a body that would inflate a thousandfold is 413 and is not inflated", async () => {
  const zeros = Buffer.alloc(64 * 1024 * 1024);
  for (const encoding of encodings) {
    const bomb = packers[encoding](zeros);
    expect(zeros.length / bomb.length).toBeGreaterThan(900);
    const before = process.memoryUsage().arrayBuffers;
    const { response } = await send(bomb, encoding, { gateway: { maxRequestBytes: 100_000 } });
    expect(response.status).toBe(413);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(zeros.length / 4);
  }
});

test("blocks of nothing are counted as they are sent", async () => {
  // An empty stored block, of which gzip may have any number.
  const empty = Buffer.from([0, 0, 0, 0xff, 0xff]);
  const blocks = Buffer.concat(Array<Buffer>(40_000).fill(empty));
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  const { port } = await overHttp({}, { gateway: { maxRequestBytes: 1000 } });
  const body = Buffer.concat([head, blocks]);
  const lines = [
    "POST /v1/dishes HTTP/1.1",
    "host: x",
    "connection: close",
    "content-encoding: gzip",
    "transfer-encoding: chunked",
  ];
  const request = `${lines.join("\r\n")}\r\n\r\n${body.length.toString(16)}\r\n`;
  expect(await raw(port, Buffer.concat([Buffer.from(request), body, Buffer.from("\r\n0\r\n\r\n")]))).toMatch(
    /^HTTP\/1.1 413 /,
  );
});

test("the connection serves the next request after a body that did not inflate", async () => {
  const { port } = await overHttp();
  const first = "POST /v1/dishes HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: 100\r\n\r\n";
  const second = "GET /v1/ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
  const both = await raw(port, `${first}${"x".repeat(100)}${second}`);
  expect(both.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 200"]);
});

test("a client that leaves in the middle of an encoded body harms nobody", async () => {
  let called = false;
  const { port, gateway, errors } = await overHttp({
    async createDish() {
      called = true;
      return Dish.create();
    },
  });
  const socket = await open(port);
  socket.write("POST /v1/dishes HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: 100\r\n\r\n");
  socket.write(gzipSync(soup).subarray(0, 12));
  await expect.poll(() => socket.bytesWritten).toBeGreaterThan(90);
  socket.resetAndDestroy();
  await gateway.idle();
  expect(called).toBe(false);
  expect(errors).toEqual([]);
});

test("who stops reading lets go of the decoder, and the rest flows by", async () => {
  const stopped = gate<OpenBody>();
  const { port } = await listen((req, res) => {
    const body = openBody(req);
    body.stream.once("data", () => {
      body.stop();
      stopped.open(body);
      res.end("stopped");
    });
  });
  const body = gzipSync(randomBytes(2_000_000));
  const head = `POST / HTTP/1.1\r\nhost: x\r\ncontent-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`;
  const second = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\na";
  const both = await raw(port, Buffer.concat([Buffer.from(head), body, Buffer.from(second)]));
  expect(both.match(/stopped/g)).toHaveLength(2);
  expect((await stopped.promise).stream.destroyed).toBe(true);
});
