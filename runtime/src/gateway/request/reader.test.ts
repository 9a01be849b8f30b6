import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { gate } from "../../../test/over-grpc.ts";
import { listen, open, raw } from "../../../test/over-http.ts";
import { Cancellation } from "../../core/cancellation.ts";
import { RpcError } from "../../core/error.ts";
import { openBody } from "./inflate.ts";
import { BodyReader } from "./reader.ts";

/** The request that a server gets, and a reader of its body. Both stay while the server runs. */
async function reading(answer: (reader: BodyReader, cancellation: Cancellation, req: IncomingMessage) => unknown) {
  const { port } = await listen(async (req, res) => {
    const cancellation = new Cancellation();
    const reader = new BodyReader(openBody(req), cancellation);
    res.end(String(await answer(reader, cancellation, req)));
  });
  return port;
}

const head = (length: number, more = "") => `POST / HTTP/1.1\r\nhost: x\r\n${more}content-length: ${length}\r\n\r\n`;
const last = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\na";

const encodings = { "a body as it is": ["", (bytes: Buffer) => bytes], gzip: ["content-encoding: gzip\r\n", gzipSync] };

describe.each(Object.entries(encodings))("%s", (_, [header, encode]) => {
  const sent = (bytes: Buffer) => {
    const body = (encode as (bytes: Buffer) => Buffer)(bytes);
    return Buffer.concat([Buffer.from(head(body.length, header as string)), body]);
  };

  test("who stops gets nothing more, and the rest flows by: the next request on the connection is answered", async () => {
    let requests = 0;
    const port = await reading(async (reader, _, req) => {
      const first = await reader.next();
      if (++requests === 2) return `second ${first}`;
      reader.stop();
      reader.stop();
      expect(await reader.next()).toBeUndefined();
      expect(req.listeners("readable")).toEqual([]);
      return "first";
    });
    const answers = await raw(port, Buffer.concat([sent(randomBytes(2_000_000)), Buffer.from(last)]));
    expect(answers).toMatch(/first[\s\S]*second a/);
  });

  test("stopping wakes who waits for a chunk", async () => {
    const port = await reading((reader) => {
      const waiting = reader.next();
      reader.stop();
      return waiting;
    });
    const socket = await open(port);
    socket.write(head(10, header as string));
    const [answer] = await new Promise<Buffer[]>((resolve) => socket.once("data", (...all) => resolve(all)));
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 [\s\S]*undefined/);
  });

  test("a cancellation is what the reader fails with, also one that came before", async () => {
    const port = await reading(async (reader, cancellation, req) => {
      const waiting = reader.next().catch((error: RpcError) => error.text);
      cancellation.cancel(new RpcError("CANCELLED", "gone"));
      const late = new BodyReader({ stream: req, meaning: (error) => error, stop: () => {} }, cancellation);
      return [await waiting, await late.next().catch((error: RpcError) => error.text)].join(" and ");
    });
    const socket = await open(port);
    socket.write(head(10, header as string));
    const [answer] = await new Promise<Buffer[]>((resolve) => socket.once("data", (...all) => resolve(all)));
    expect(String(answer)).toContain("gone and gone");
  });
});

test("a decoder that is stopped holds no memory, and bytes that are no gzip fail nobody afterwards", async () => {
  const stopped = gate<boolean>();
  const { port } = await listen(async (req, res) => {
    if (req.headers["content-encoding"] === undefined) return void res.end("next");
    const body = openBody(req);
    const reader = new BodyReader(body, new Cancellation());
    await reader.next();
    reader.stop();
    stopped.open(body.stream.destroyed);
    res.end("stopped");
  });
  const bytes = gzipSync(randomBytes(500_000));
  bytes.fill(0xff, 250_000);
  const answers = await raw(
    port,
    Buffer.concat([Buffer.from(head(bytes.length, "content-encoding: gzip\r\n")), bytes, Buffer.from(last)]),
  );
  expect(answers).toMatch(/stopped[\s\S]*next/);
  expect(await stopped.promise).toBe(true);
});
