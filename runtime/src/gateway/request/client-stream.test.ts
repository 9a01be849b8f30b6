import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type FilesMethods, filesWith, overFiles } from "../../../test/files.ts";
import { gate } from "../../../test/over-grpc.ts";
import { listen, open, raw } from "../../../test/over-http.ts";
import { start, targetOf } from "../../../test/serving.ts";
import { FakeClock } from "../../testing.ts";
import { createGateway } from "../gateway.ts";

const json = { "content-type": "application/json" };
const lines = { "content-type": "application/x-ndjson" };

describe("a client stream", () => {
  test.each([
    ["lines", lines, '{"name":"a"}\n{"name":"b","count":2}\n'],
    ["lines without their media type", json, '{"name":"a"}\n{"name":"b","count":2}'],
    ["values after each other", json, '{"name":"a"}{"name":"b","count":2}'],
    ["an array", json, ' [ {"name":"a"}, {"name":"b","count":2} ] '],
    ["something like JSON", { "content-type": "application/vnd.x+json" }, '[{"name":"a"},{"name":"b","count":2}]'],
    ["an encoded body", { ...lines, "content-encoding": "gzip" }, gzipSync('{"name":"a"}\n{"name":"b","count":2}\n')],
  ])("may be %s; the path fills the first message", async (_name, headers, body) => {
    const { send } = await overFiles();
    const response = await send("/v1/menus/items?count=7", body, headers);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ count: 2, seen: ["menus|a|0", "|b|2"] });
  });

  test("of a field is made of that field's values, and the query fills the first message", async () => {
    const { send } = await overFiles();
    const response = await send("/v1/menus/held", '{"name":"a"}{"name":"b"}', json);
    expect(await response.json()).toEqual({ count: 2, seen: ["menus|a", "|b"] });
  });

  test.each(["", " \n", "[]"])("of %j has no message", async (body) => {
    const { send } = await overFiles();
    expect(await (await send("/v1/menus/items", body, json)).json()).toEqual({ count: 0, seen: [] });
  });

  test("of a route without a body has one message", async () => {
    const { send } = await overFiles();
    const response = await send("/v1/menus/touch?name=a", null);
    expect(await response.json()).toEqual({ count: 1, seen: ["menus|a"] });
  });

  test.each([
    ["text/plain", "application/json, application/x-ndjson"],
    ["application/json; charset=latin1", "application/json"],
  ])("of type %s is 415", async (type, accept) => {
    const { send } = await overFiles();
    const response = await send("/v1/menus/items", "{}", { "content-type": type });
    expect(response.status).toBe(415);
    expect(response.headers.get("accept")).toBe(accept);
  });

  test.each([
    ['{"name":"a"}\n{"name":5}', 400, "element 2 of the body: name"],
    ['{"name":"a"}\n{"nope":5}', 400, "element 2 of the body: nope"],
    ['{"name":"a"}\n{"name":}', 400, "element 2 of the body: "],
    ["{}\n{}\nx", 400, "element 3 of the body: "],
    ['{"count":1e999}', 400, "element 1 of the body: "],
    [`{"count":${"9".repeat(150)}}`, 400, "element 1 of the body: "],
    ["[{},{}", 400, "the body is incomplete"],
    ['{"name":"a', 400, "element 1 of the body is incomplete"],
    [`{}${'{"a":'.repeat(200)}`, 400, "element 2 of the body goes deeper than 100 brackets"],
    [`{}{"name":"${"a".repeat(200)}"}`, 413, "element 2 of the body is larger than the 200 bytes"],
  ])("with the body %j fails", async (body, status, message) => {
    let calls = 0;
    const count = async (requests: AsyncIterable<unknown>) => {
      calls++;
      for await (const _ of requests);
      return {};
    };
    const { send, errors, gateway } = await overFiles({ count }, { maxRequestBytes: 200 });
    const response = await send("/v1/menus/items", body, json);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { message: string }).message).toContain(message);
    await gateway.idle();
    expect(calls).toBe(1);
    expect(errors).toEqual([]);
  });

  test("with a wrong element fails, whatever the implementation makes of it", async () => {
    const { send } = await overFiles({
      async count(requests) {
        try {
          for await (const _ of requests);
        } catch {
          // As if nothing was.
        }
        return { count: 1 };
      },
    });
    const response = await send("/v1/menus/items", '{"name":"a"}{"count":"x"}', json);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining("element 2 of the body: count") });
  });

  test("with a wrong parameter fails by that, and not by its first element", async () => {
    const { send } = await overFiles();
    const held = await send("/v1/menus/held?item.name=x&folder=y&nope=1", "{}", json);
    expect(held.status).toBe(200);
    const { send: strict } = await overFiles({}, {}, { hold: { http: { unknownQuery: "REJECT" } } });
    const response = await strict("/v1/menus/held?nope=1", "{}", json);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { message: string }).message).toMatch(/^nope/);
  });

  test("may be longer in all than one message may be", async () => {
    const { send } = await overFiles({}, { maxRequestBytes: 100 });
    const response = await send("/v1/menus/items", '{"name":"a"}\n'.repeat(5000), lines);
    expect(await response.json()).toMatchObject({ count: 5000 });
  });

  test("that inflates a thousandfold is refused at its first element above the limit", async () => {
    const { send } = await overFiles({}, { maxRequestBytes: 10_000 });
    const body = gzipSync(`{"name":"${"a".repeat(10_000_000)}"}`);
    const response = await send("/v1/menus/items", body, { ...json, "content-encoding": "gzip" });
    expect(response.status).toBe(413);
  });

  test("whose encoding is broken in the middle is 400", async () => {
    const { send } = await overFiles();
    const body = gzipSync('{"name":"a"}\n{"name":"b"}').subarray(0, -4);
    const response = await send("/v1/menus/items", body, { ...json, "content-encoding": "gzip" });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining("the body is not whole gzip") });
  });

  test("reaches the implementation message by message, while it is sent", async () => {
    const arrived: string[] = [];
    const [first, second] = [gate(), gate()];
    const { port } = await overFiles({
      async count(requests) {
        for await (const { name } of requests) {
          arrived.push(name);
          (arrived.length === 1 ? first : second).open();
        }
        return { count: arrived.length };
      },
    });
    const socket = await open(port);
    socket.write("POST /v1/menus/items HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    socket.write(chunk('{"name":"a"}{"na'));
    await first.promise;
    expect(arrived).toEqual(["a"]);
    socket.write(chunk('me":"b"}'));
    await second.promise;
    socket.write(chunk(""));
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toContain('"count":2');
  });

  test("is not read faster than its messages are asked for", async () => {
    const [asked, go] = [gate(), gate()];
    const { port } = await overFiles({
      async count(requests) {
        let count = 0;
        for await (const _ of requests) {
          if (++count === 1) {
            asked.open();
            await go.promise;
          }
        }
        return { count };
      },
    });
    const total = 64 * 1024 * 1024;
    const line = Buffer.from(`{"name":"${"a".repeat(1011)}"}\n`.padEnd(1024));
    const block = Buffer.concat(Array<Buffer>(1024).fill(line));
    const socket = await open(port);
    socket.write(`POST /v1/menus/items HTTP/1.1\r\nhost: x\r\ncontent-length: ${total}\r\nconnection: close\r\n\r\n`);
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
    // The sender is stuck when what it has written does not change any more over many turns.
    let last = -1;
    for (let same = 0; same < 50; same = sent === last ? same + 1 : 0) {
      last = sent;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(total / 2);
    go.open();
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toContain(`"count":${total / 1024}`);
  });

  test("whose client leaves cancels the call, and leaves nothing behind", async () => {
    const [asked, ended] = [gate(), gate<unknown>()];
    const { port, gateway, errors } = await overFiles({
      async count(requests, { cancellation }) {
        try {
          for await (const _ of requests) asked.open();
        } catch (error) {
          ended.open([cancellation.reason?.code, cancellation.listening, (error as { code?: string }).code]);
          throw error;
        }
        return {};
      },
    });
    const socket = await open(port);
    socket.write('POST /v1/menus/items HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"name":"a"}{');
    await asked.promise;
    socket.resetAndDestroy();
    expect(await ended.promise).toMatchObject(["CANCELLED", 0, "CANCELLED"]);
    await gateway.idle();
    expect(errors).toEqual([]);
  });

  test("that is answered early lets the connection serve the next request", async () => {
    const { port } = await overFiles({ count: async () => ({ count: 42 }) });
    const body = '{"name":"a"}'.repeat(20_000);
    const first = `POST /v1/menus/items HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const second = "POST /v1/menus/touch HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    const both = await raw(port, first + second);
    expect(both).toContain('"count":42');
    expect(both).toContain('"count":1,');
  });

  test("that an implementation leaves early is answered all the same", async () => {
    const { send } = await overFiles({
      async count(requests) {
        for await (const _ of requests) return { count: 1 };
        return {};
      },
    });
    const response = await send("/v1/menus/items", `{"name":"a"}${"x".repeat(300_000)}`, json);
    expect(await response.json()).toMatchObject({ count: 1 });
  });

  test("of which several messages are asked for at once comes in order", async () => {
    const { send } = await overFiles({
      async count(requests) {
        const iterator = requests[Symbol.asyncIterator]();
        const results = await Promise.all([1, 2, 3, 4].map(() => iterator.next()));
        return { seen: results.map(({ done, value }) => (done ? "end" : value.name)) };
      },
    });
    const response = await send("/v1/menus/items", '{"name":"a"}{"name":"b"}', json);
    expect(await response.json()).toMatchObject({ seen: ["a", "b", "end", "end"] });
  });
});

describe("a client stream to a remote service", () => {
  async function overRemote(changes: FilesMethods = {}) {
    const { service, spec } = filesWith(changes);
    const server = await start({ services: [service], grpc: "127.0.0.1:0" });
    const errors: unknown[] = [];
    const onError = (error: unknown) => void errors.push(error);
    const gateway = createGateway([{ spec, target: targetOf(server) }], { onError });
    const { url, port } = await listen(gateway);
    const send = (path: string, body: string, headers: Record<string, string>) =>
      fetch(url + path, { method: "POST", body, headers });
    return { gateway, errors, send, port };
  }

  test("passes it on, raw bytes too", async () => {
    const { send, errors } = await overRemote();
    const items = await send("/v1/menus/items", '{"name":"a"}\n{"name":"b"}', lines);
    expect(await items.json()).toEqual({ count: 2, seen: ["menus|a|0", "|b|0"] });
    const bytes = await send("/v1/menus/upload?name=n", "abc", { "content-type": "image/png" });
    expect(await bytes.json()).toEqual({ count: 1, seen: ["menus|n|image/png|3"] });
    expect(errors).toEqual([]);
  });

  /** Tells when its first message is there, and what ends it. */
  function noticed() {
    const [asked, ended] = [gate(), gate<string>()];
    const count: FilesMethods["count"] = async (requests, { cancellation }) => {
      cancellation.onCancel(({ code }: { code: string }) => ended.open(code));
      for await (const _ of requests) asked.open();
      // node:http2 sends the end of the stream before its reset, so the end may come first.
      await ended.promise;
      return {};
    };
    return { asked, ended, count };
  }
  const head = 'POST /v1/menus/items HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"name":"a"}{';

  test("is answered by what is wrong with an element, and the service is told to stop", async () => {
    const { asked, ended, count } = noticed();
    const { port, errors, gateway } = await overRemote({ count });
    const socket = await open(port);
    socket.write(head);
    await asked.promise;
    socket.write('"count":"x"}');
    const [response] = (await once(socket, "data")) as [Buffer];
    expect(String(response)).toMatch(/^HTTP\/1.1 400 /);
    expect(String(response)).toContain("element 2 of the body: count");
    expect(await ended.promise).toBe("CANCELLED");
    socket.destroy();
    await gateway.idle();
    expect(errors).toEqual([]);
  });

  test("ends there when its client leaves", async () => {
    const { asked, ended, count } = noticed();
    const { port, errors, gateway } = await overRemote({ count });
    const socket = await open(port);
    socket.write(head);
    await asked.promise;
    socket.resetAndDestroy();
    expect(await ended.promise).toBe("CANCELLED");
    await gateway.idle();
    expect(errors).toEqual([]);
  });
});

test("a client stream that stands still ends with its deadline", async () => {
  const clock = new FakeClock();
  const asked = gate();
  const { port, gateway, errors } = await overFiles(
    {
      async count(requests) {
        for await (const _ of requests) asked.open();
        return {};
      },
    },
    { clock },
    { count: { timeout: { totalMs: 1000 } } },
  );
  const socket = await open(port);
  socket.write('POST /v1/menus/items HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"name":"a"}{');
  const answered = once(socket, "data") as Promise<[Buffer]>;
  await asked.promise;
  await clock.advance(1000);
  expect(String((await answered)[0])).toMatch(/^HTTP\/1.1 504 /);
  socket.destroy();
  await gateway.idle();
  expect(errors).toEqual([]);
});
