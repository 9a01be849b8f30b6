import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Any, overFiles } from "../../../test/files.ts";
import { gate } from "../../../test/over-grpc.ts";
import { open } from "../../../test/over-http.ts";

const image = { "content-type": "image/png" };

/** Keeps what `put` and `store` are called with. */
async function overKept(options: Parameters<typeof overFiles>[1] = {}) {
  const kept: Any[] = [];
  const keep = async (request: Any) => {
    kept.push(request);
    return { count: kept.length };
  };
  return { ...(await overFiles({ put: keep, store: keep }, options)), kept };
}

describe("a body that is a google.api.HttpBody", () => {
  test("holds the bytes as they were sent, of any media type; the rest comes from path and query", async () => {
    const { send, kept } = await overKept();
    const data = randomBytes(200_000);
    expect((await send("/v1/menus/files?name=a&tags=x&tags=y", data, image)).status).toBe(200);
    expect(kept[0]).toMatchObject({ folder: "menus", name: "a", tags: ["x", "y"], file: { contentType: "image/png" } });
    expect(Buffer.compare(kept[0].file.data, data)).toBe(0);
  });

  test("may be the request itself", async () => {
    const { send } = await overFiles();
    const response = await send("/v1/raw", Buffer.from([0, 255, 128]), {
      "content-type": "text/plain; charset=latin1",
    });
    expect(await response.json()).toMatchObject({ count: 3, seen: ["text/plain; charset=latin1"] });
  });

  test("is not JSON, even when it says so", async () => {
    const { send, kept } = await overKept();
    expect((await send("/v1/raw", '{"data":', { "content-type": "application/json" })).status).toBe(200);
    expect(Buffer.from(kept[0].data).toString()).toBe('{"data":');
    expect(kept[0].contentType).toBe("application/json");
  });

  test("cannot be replaced by the query", async () => {
    const { send, kept } = await overKept();
    await send("/v1/menus/files?file.contentType=text/html&file.data=AAAA&folder=other", "x", image);
    expect(kept[0]).toMatchObject({ folder: "menus", file: { contentType: "image/png" } });
    expect(Buffer.from(kept[0].file.data).toString()).toBe("x");
  });

  test("may be empty, and may be missing", async () => {
    const { send, kept } = await overKept();
    expect((await send("/v1/menus/files", null, image)).status).toBe(200);
    expect(kept[0].file).toMatchObject({ contentType: "image/png", data: new Uint8Array() });
    expect((await send("/v1/menus/files", null)).status).toBe(200);
    expect(kept[1].file).toBeUndefined();
  });

  test("is inflated, and limited", async () => {
    const { send, kept } = await overKept({ maxRequestBytes: 1000 });
    const encoded = { ...image, "content-encoding": "gzip" };
    expect((await send("/v1/raw", gzipSync(Buffer.alloc(1000)), encoded)).status).toBe(200);
    expect(kept[0].data).toHaveLength(1000);
    expect((await send("/v1/raw", gzipSync(Buffer.alloc(1001)), encoded)).status).toBe(413);
    expect((await send("/v1/raw", Buffer.alloc(1001), image)).status).toBe(413);
    expect(kept).toHaveLength(1);
  });
});

describe("a client stream of google.api.HttpBody", () => {
  test("comes in pieces of at most 64 KiB; the first one has the media type, path and query", async () => {
    const pieces: Any[] = [];
    const { send } = await overFiles(
      {
        async upload(requests) {
          for await (const request of requests) pieces.push(request);
          return { count: pieces.length };
        },
      },
      { maxRequestBytes: 1000 },
    );
    const data = randomBytes(1_000_000);
    expect((await send("/v1/menus/upload?name=a", data, image)).status).toBe(200);
    expect(pieces[0]).toMatchObject({ folder: "menus", name: "a", file: { contentType: "image/png" } });
    for (const { folder, name, file } of pieces.slice(1)) {
      expect([folder, name, file.contentType]).toEqual(["", "", ""]);
      expect(file.data.length).toBeGreaterThan(0);
    }
    for (const { file } of pieces) expect(file.data.length).toBeLessThanOrEqual(64 * 1024);
    expect(Buffer.compare(Buffer.concat(pieces.map(({ file }) => file.data)), data)).toBe(0);
  });

  test("of nothing has one message", async () => {
    const { send } = await overFiles();
    expect(await (await send("/v1/menus/upload?name=a", null, image)).json()).toEqual({
      count: 1,
      seen: ["menus|a|image/png|0"],
    });
    expect(await (await send("/v1/pour", "", {})).json()).toMatchObject({ count: 1 });
  });

  test("that has waited comes in pieces, too", async () => {
    const [asked, go] = [gate(), gate()];
    const sizes: number[] = [];
    const { port } = await overFiles({
      async pour(requests) {
        for await (const { data } of requests) {
          sizes.push(data.length);
          asked.open();
          await go.promise;
        }
        return {};
      },
    });
    const socket = await open(port);
    const [first, second, third] = [1, 15_000, 150_000];
    socket.write(`POST /v1/pour HTTP/1.1\r\nhost: x\r\ncontent-length: ${first + second + third}\r\n\r\na`);
    await asked.promise;
    // Less than what node:http holds back at most, so that it takes a large chunk on top.
    socket.write(Buffer.alloc(second));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    socket.write(Buffer.alloc(third));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    go.open();
    expect(String(await once(socket, "data"))).toContain("HTTP/1.1 200");
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(first + second + third);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * 1024);
  });

  test("is inflated piece by piece, however large it becomes", async () => {
    let length = 0;
    const { send } = await overFiles({
      async pour(requests) {
        for await (const { data } of requests) length += data.length;
        return {};
      },
    });
    const zeros = Buffer.alloc(20_000_000);
    const response = await send("/v1/pour", gzipSync(zeros), { ...image, "content-encoding": "gzip" });
    expect(response.status).toBe(200);
    expect(length).toBe(zeros.length);
  });

  test("is not read faster than it is asked for, and ends with its client", async () => {
    const [asked, go, ended] = [gate(), gate(), gate<string>()];
    const { port, gateway, errors } = await overFiles({
      async pour(requests) {
        try {
          for await (const _ of requests) {
            asked.open();
            await go.promise;
          }
        } catch (error) {
          ended.open((error as { code: string }).code);
          throw error;
        }
        return {};
      },
    });
    const total = 64 * 1024 * 1024;
    const socket = await open(port);
    socket.on("error", () => {});
    socket.write(`POST /v1/pour HTTP/1.1\r\nhost: x\r\ncontent-length: ${total}\r\n\r\n`);
    const block = Buffer.alloc(1024 * 1024);
    let sent = 0;
    const more = () => {
      while (sent < total) {
        sent += block.length;
        if (!socket.write(block)) return;
      }
    };
    socket.on("drain", more);
    more();
    await asked.promise;
    let last = -1;
    for (let same = 0; same < 50; same = sent === last ? same + 1 : 0) {
      last = sent;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(total / 2);
    const closed = once(socket, "close");
    socket.destroy();
    await closed;
    // Node hears of the end of a socket that it reads.
    go.open();
    expect(await ended.promise).toBe("CANCELLED");
    await gateway.idle();
    expect(errors).toEqual([]);
  });
});
