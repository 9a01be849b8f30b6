import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { describe, expect, test } from "vitest";
import { type Any, overNews } from "../../../test/news.ts";
import { gate } from "../../../test/over-grpc.ts";
import { open } from "../../../test/over-http.ts";
import { RpcError } from "../../core/error.ts";
import { FakeClock } from "../../testing.ts";

const json = (text: string): Any => ({ name: "", text, etag: "", eventId: "0" });
const failed = { code: 10, message: "burnt", details: [] };

/** Sends so many articles, then fails. */
const failing = (count: number) => ({
  async *follow() {
    for (let id = 1; id <= count; id++) yield { text: String(id) };
    throw new RpcError("ABORTED", "burnt");
  },
});

/** A body as text, or how its connection ended. */
async function read(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; type: string; body: string }> {
  const { response, chunks } = await start(url, headers);
  let body = "";
  try {
    for await (const chunk of chunks) body += chunk;
  } catch (error) {
    body += `<${(error as NodeJS.ErrnoException).code}>`;
  }
  return { status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", body };
}

/** A response that has begun. */
async function start(url: string, headers: Record<string, string> = {}) {
  const sent = request(url, { headers }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { sent, response, chunks: response[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer> };
}

/** What a standard reader makes of server-sent events. */
async function eventsOf(chunks: AsyncIterable<Uint8Array>): Promise<{ events: Any[]; comments: string[] }> {
  const events: Any[] = [];
  const comments: string[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }: EventSourceMessage) => events.push({ id, event, data: JSON.parse(data) }),
    onComment: (comment) => comments.push(comment.trim()),
  });
  for await (const chunk of chunks) parser.feed(Buffer.from(chunk).toString());
  return { events, comments };
}

const forms = [
  ["*/*", "application/json", '{"result":{1}}\n{"result":{2}}\n{"error":{e}}\n', ""],
  ["application/x-ndjson", "application/x-ndjson", '{1}\n{2}\n{"error":{e}}\n', ""],
  ["application/json", "application/json", "[{1},{2}<ECONNRESET>", "[]"],
  ["text/event-stream", "text/event-stream", "data: {1}\n\ndata: {2}\n\nevent: error\ndata: {e}\n\n", ""],
] as const;

describe.each(forms)("a stream for Accept %s", (accept, type, body, nothing) => {
  const filled = body
    .replace("{1}", JSON.stringify(json("1")))
    .replace("{2}", JSON.stringify(json("2")))
    .replace("{e}", JSON.stringify(failed));

  test.each(["in-process", "grpc"] as const)("%s that fails later ends as its framing can say it", async (through) => {
    const { url } = await overNews(failing(2), { through });
    expect(await read(`${url}/v1/articles:follow`, { accept })).toEqual({ status: 200, type, body: filled });
  });

  test("that fails at once is an HTTP status", async () => {
    const { url } = await overNews(failing(0));
    const answer = await read(`${url}/v1/articles:follow`, { accept });
    expect(answer).toEqual({ status: 409, type: "application/json", body: JSON.stringify(failed) });
  });

  test("without messages is empty", async () => {
    const { url } = await overNews();
    expect(await read(`${url}/v1/articles:follow`, { accept })).toEqual({ status: 200, type, body: nothing });
  });

  test("stops when the client leaves in the middle of it", async () => {
    const [left, more] = [gate(), gate()];
    const { url, gateway } = await overNews({
      async *follow() {
        try {
          yield { text: "1" };
          await more.promise;
          for (;;) yield { text: "x".repeat(1000) };
        } finally {
          left.open();
        }
      },
    });
    const { response, chunks } = await start(`${url}/v1/articles:follow`, { accept });
    await chunks.next();
    response.destroy();
    more.open();
    await left.promise;
    await gateway.idle();
  });

  test("is asked for no more than a client reads", async () => {
    let made = 0;
    const { port } = await overNews({
      async *follow() {
        for (;;) {
          made += 1;
          yield { text: "x".repeat(64 * 1024) };
        }
      },
    });
    const socket = await open(port);
    socket.pause();
    socket.write(
      `GET /v1/articles:follow HTTP/1.1\r\nhost: x\r\naccept: ${accept}\r\naccept-encoding: identity\r\n\r\n`,
    );
    let before = -1;
    for (let turns = 0; turns < 500; turns += 1) {
      if (made > 0 && made !== before) turns = 0;
      before = made;
      await new Promise(setImmediate);
    }
    expect(made).toBeLessThan(1000);
    socket.destroy();
  });
});

describe("http.stream", () => {
  test.each([
    ["SSE", undefined, "text/event-stream"],
    ["SSE", "*/*", "text/event-stream"],
    ["SSE", "application/json", "application/json"],
    ["SSE", "application/json, text/event-stream", "text/event-stream"],
    ["ARRAY", undefined, "application/json"],
    ["LINES", undefined, "application/json"],
    [undefined, undefined, "application/json"],
  ] as const)("%s with Accept %s gives %s", async (stream, accept, type) => {
    const { url } = await overNews(
      {
        async *follow() {
          yield { text: "1" };
        },
      },
      { policy: { follow: { http: { ...(stream && { stream }) } } } },
    );
    const answer = await read(`${url}/v1/articles:follow`, accept === undefined ? {} : { accept });
    expect(answer.type).toBe(type);
    if (type !== "text/event-stream") expect(answer.body[0]).toBe(stream === "LINES" || !stream ? "{" : "[");
  });
});

describe("server-sent events", () => {
  const accept = "text/event-stream";

  test("have the event_id of their message, which comes back as metadata", async () => {
    const seen: unknown[] = [];
    const { get } = await overNews({
      async *follow(_: Any, { requestMetadata }: Any) {
        seen.push(requestMetadata.get("last-event-id"));
        yield { text: "a\nb\r\u2028c", eventId: 7n };
        yield { text: "none" };
        throw new RpcError("ABORTED", "burnt");
      },
    });
    const response = await get("/v1/articles:follow", { accept, "last-event-id": "6" });
    const { events } = await eventsOf(response.body as Any);
    expect(events).toEqual([
      { id: "7", event: undefined, data: { ...json("a\nb\r\u2028c"), eventId: "7" } },
      { id: undefined, event: undefined, data: json("none") },
      { id: undefined, event: "error", data: failed },
    ]);
    expect(seen).toEqual(["6"]);
  });

  test("are kept from caches and from buffers of proxies, and are never compressed", async () => {
    const { get } = await overNews({
      async *follow() {
        yield { text: "x".repeat(5000) };
      },
    });
    const { headers } = await get("/v1/articles:follow", { accept, "accept-encoding": "gzip, br" });
    expect(Object.fromEntries(headers)).toMatchObject({
      "cache-control": "no-store",
      "x-accel-buffering": "no",
      vary: "Accept",
    });
    expect(headers.get("content-encoding")).toBeNull();
  });

  test("let the implementation say how they are cached", async () => {
    const { get } = await overNews({
      async *follow(_: Any, { responseHeaders }: Any) {
        responseHeaders.set("cache-control", "no-cache");
        yield { text: "1" };
      },
    });
    expect((await get("/v1/articles:follow", { accept })).headers.get("cache-control")).toBe("no-cache");
  });

  test("that are resumed and have nothing more are 204, which ends an EventSource", async () => {
    const { get } = await overNews();
    expect((await get("/v1/articles:follow", { accept, "last-event-id": "9" })).status).toBe(204);
    expect((await get("/v1/articles:follow", { accept })).status).toBe(200);
  });

  test("are followed by a comment for each silent period, before the first and between them, by one timer", async () => {
    const clock = new FakeClock();
    const [first, second, third] = [gate(), gate(), gate()];
    const { url } = await overNews(
      {
        async *follow() {
          await first.promise;
          yield { text: "1" };
          await second.promise;
          yield { text: "2" };
          await third.promise;
        },
      },
      { gateway: { clock, ssePingMs: 1000 } },
    );
    const begun = start(`${url}/v1/articles:follow`, { accept });
    while (clock.pending === 0) await new Promise(setImmediate);
    await clock.advance(999);
    await clock.advance(1);
    const { chunks } = await begun;
    const next = async () => String((await chunks.next()).value);
    expect(await next()).toBe(": ping\n\n");
    await clock.advance(600);
    first.open();
    expect(await next()).toContain('"text":"1"');
    // More than half of the period had passed when the message came, which begins it anew.
    await clock.advance(999);
    expect(clock.pending).toBe(1);
    second.open();
    expect(await next()).toContain('"text":"2"');
    await clock.advance(1000);
    expect(await next()).toBe(": ping\n\n");
    third.open();
    expect((await chunks.next()).done).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test("that fail after a comment say so in an event", async () => {
    const clock = new FakeClock();
    const fail = gate();
    const { url } = await overNews(
      {
        async *follow() {
          await fail.promise;
          yield* failing(0).follow();
        },
      },
      { gateway: { clock } },
    );
    const begun = start(`${url}/v1/articles:follow`, { accept, "last-event-id": "1" });
    while (clock.pending === 0) await new Promise(setImmediate);
    await clock.advance(15_000);
    const { response, chunks } = await begun;
    expect(response.statusCode).toBe(200);
    fail.open();
    const { events, comments } = await eventsOf(chunks);
    expect({ events, comments }).toEqual({
      events: [{ id: undefined, event: "error", data: failed }],
      comments: ["ping"],
    });
    expect(clock.pending).toBe(0);
  });

  test("leave no timer when the client leaves", async () => {
    const clock = new FakeClock();
    const { url, gateway } = await overNews(
      {
        async *follow() {
          yield { text: "1" };
          await new Promise(() => {});
        },
      },
      { gateway: { clock } },
    );
    const { response, chunks } = await start(`${url}/v1/articles:follow`, { accept });
    await chunks.next();
    expect(clock.pending).toBe(1);
    response.destroy();
    await gateway.idle();
    while (clock.pending > 0) await new Promise(setImmediate);
  });

  test("answer HEAD by their headers alone", async () => {
    const { get } = await overNews({
      async *follow() {
        yield { text: "1" };
      },
    });
    const response = await get("/v1/articles:follow", { accept }, "HEAD");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    expect(await response.text()).toBe("");
  });

  test.each([0, -1, Number.NaN])("cannot be kept alive every %s ms", async (ssePingMs) => {
    await expect(overNews({}, { gateway: { ssePingMs } })).rejects.toThrow("use milliseconds above 0");
  });
});

describe.each([
  ["gzip", createGunzip],
  ["br", createBrotliDecompress],
] as const)("a stream in %s", (coding, decoder) => {
  test.each(["application/x-ndjson", "*/*"])("for %s can be read message by message", async (accept) => {
    const more = [gate(), gate()];
    const { url } = await overNews({
      async *follow() {
        yield { text: "1" };
        await more[0]?.promise;
        yield { text: "2" };
        await more[1]?.promise;
      },
    });
    const { response } = await start(`${url}/v1/articles:follow`, { accept, "accept-encoding": coding });
    expect(response.headers["content-encoding"]).toBe(coding);
    const plain = response.pipe(decoder()).setEncoding("utf8")[Symbol.asyncIterator]();
    expect((await plain.next()).value).toContain('"text":"1"');
    more[0]?.open();
    expect((await plain.next()).value).toContain('"text":"2"');
    more[1]?.open();
    expect((await plain.next()).done).toBe(true);
  });

  test("has late errors in it, and trailers behind it", async () => {
    const { url } = await overNews({
      async *follow(_: Any, { responseTrailers }: Any) {
        responseTrailers.set("cost", "3");
        yield { text: "1" };
        throw new RpcError("ABORTED", "burnt");
      },
    });
    const { response } = await start(`${url}/v1/articles:follow`, { "accept-encoding": coding, te: "trailers" });
    let body = "";
    for await (const chunk of response.pipe(decoder())) body += chunk;
    expect(body).toBe(`{"result":${JSON.stringify(json("1"))}}\n{"error":${JSON.stringify(failed)}}\n`);
    expect(response.trailers["grpc-trailer-cost"]).toBe("3");
  });

  test("that must be cut is cut", async () => {
    const { url } = await overNews(failing(1));
    const accept = "application/json";
    const answer = await read(`${url}/v1/articles:follow`, { accept, "accept-encoding": coding });
    expect(answer.body).toMatch(/<ECONNRESET>$/);
  });

  test("is asked for no more than a client reads, and is left with it", async () => {
    let made = 0;
    const left = gate();
    const { port, gateway } = await overNews({
      async *follow() {
        try {
          for (;;) {
            made += 1;
            yield { text: Buffer.from(Array.from({ length: 50_000 }, () => Math.random() * 256)).toString("base64") };
          }
        } finally {
          left.open();
        }
      },
    });
    const socket = await open(port);
    socket.pause();
    socket.write(`GET /v1/articles:follow HTTP/1.1\r\nhost: x\r\naccept-encoding: ${coding}\r\n\r\n`);
    let before = -1;
    for (let turns = 0; turns < 3000; turns += 1) {
      if (made > 0 && made !== before) turns = 0;
      before = made;
      await new Promise(setImmediate);
    }
    expect(made).toBeLessThan(1000);
    socket.destroy();
    await left.promise;
    await gateway.idle();
  });
});
