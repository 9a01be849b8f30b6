import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type Any, overNews } from "../../../test/news.ts";
import { open } from "../../../test/over-http.ts";
import { RpcError } from "../../core/error.ts";

const long = "word ".repeat(1000);
const tagged = { policy: { read: { http: { etag: true } } } };

/** What is on the wire: fetch would decode it. */
async function wire(port: number, path: string, headers: Record<string, string>, method = "GET") {
  const lines = Object.entries({ host: "x", connection: "close", ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const socket = await open(port);
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const answer = Buffer.concat(chunks);
  const end = answer.indexOf("\r\n\r\n");
  const [line = "", ...rest] = answer.subarray(0, end).toString().split("\r\n");
  const fields = rest.map((one) => one.split(/: (.*)/s, 2) as [string, string]);
  return {
    status: Number(line.split(" ")[1]),
    headers: Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value])) as Record<string, string>,
    body: answer.subarray(end + 4),
  };
}

test.each(["ascii", "Grüße", "é", "🍲", "\u2028", ""])(
  "%j is as long as its header says, and arrives",
  async (text) => {
    const { port } = await overNews({ read: async () => ({ text }) });
    const { headers, body } = await wire(port, "/v1/articles/a", {});
    expect(headers["content-length"]).toBe(String(body.length));
    expect(JSON.parse(body.toString()).text).toBe(text);
  },
);

describe("http.etag", () => {
  test("tags a reply by what it says, and answers 304 to who has it", async () => {
    const { get } = await overNews({}, tagged);
    const first = await get("/v1/articles/a");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^W\/"[\w-]{22}"$/);
    expect((await get("/v1/articles/a")).headers.get("etag")).toBe(etag);
    expect((await get("/v1/articles/b")).headers.get("etag")).not.toBe(etag);
    const second = await get("/v1/articles/a", { "if-none-match": etag });
    expect([second.status, await second.text(), second.headers.get("etag")]).toEqual([304, "", etag]);
    expect([second.headers.get("content-type"), second.headers.get("content-length")]).toEqual([null, null]);
    expect((await get("/v1/articles/b", { "if-none-match": etag })).status).toBe(200);
  });

  test.each([
    ["v1", '"v1"'],
    ['"v1"', '"v1"'],
    ['W/"v1"', 'W/"v1"'],
    ["0", '"0"'],
    ["two words", /^W\/"[\w-]{22}"$/],
    ['a"b', /^W\/"[\w-]{22}"$/],
    ["é", /^W\/"[\w-]{22}"$/],
    ["a\r\nset-cookie: x", /^W\/"[\w-]{22}"$/],
  ])("a reply's own etag %j is the tag %s", async (own, tag) => {
    const { get } = await overNews({ read: async () => ({ etag: own }) }, tagged);
    const { headers } = await get("/v1/articles/a");
    expect(headers.get("etag")).toEqual(typeof tag === "string" ? tag : expect.stringMatching(tag));
    expect(headers.get("set-cookie")).toBeNull();
  });

  test.each([
    ['"v,1"', 304],
    ['W/"v,1"', 304],
    ['"other", W/"v,1"', 304],
    ['"other","v,1","more"', 304],
    ["*", 304],
    ['"other"', 200],
    ["v,1", 200],
    ['"v"', 200],
    ["", 200],
    ['"v,1', 200],
  ])("If-None-Match %j gets %i", async (known, status) => {
    const { get } = await overNews({ read: async () => ({ etag: '"v,1"' }) }, tagged);
    expect((await get("/v1/articles/a", { "if-none-match": known })).status).toBe(status);
    expect((await get("/v1/articles/a", { "if-none-match": known }, "HEAD")).status).toBe(status);
  });

  test("keeps what the implementation says: its tag, how long the reply is good", async () => {
    const read = async (_: Any, { responseHeaders }: Any) => {
      responseHeaders.set("etag", '"mine"').set("cache-control", "max-age=5");
      return { etag: "other" };
    };
    const { get } = await overNews({ read }, tagged);
    const { status, headers } = await get("/v1/articles/a", { "if-none-match": '"mine"' });
    expect([status, headers.get("etag"), headers.get("cache-control")]).toEqual([304, '"mine"', "max-age=5"]);
  });

  test("is for 200 in answer to GET and HEAD alone", async () => {
    const read = async ({ name }: Any, { responseHeaders }: Any) => {
      if (name === "gone") throw new RpcError("NOT_FOUND", "gone");
      if (name === "other") responseHeaders.set("x-http-code", "203");
      return { etag: "v" };
    };
    const { get } = await overNews({ read }, tagged);
    const known = { "if-none-match": "*" };
    expect((await get("/v1/articles/a", known, "POST")).status).toBe(200);
    expect((await get("/v1/articles/other", known)).status).toBe(203);
    expect((await get("/v1/articles/gone", known)).status).toBe(404);
    for (const path of ["other", "gone"]) expect((await get(`/v1/articles/${path}`)).headers.get("etag")).toBeNull();
  });

  test("is not there unless it is asked for", async () => {
    const { get } = await overNews({ read: async () => ({ etag: "v" }) });
    const { status, headers } = await get("/v1/articles/a", { "if-none-match": "*" });
    expect([status, headers.get("etag")]).toEqual([200, null]);
  });

  test("tags raw bytes and fields of a reply by what is sent", async () => {
    const picture = { contentType: "image/png", data: Buffer.from([1, 2]) };
    const { get } = await overNews({ read: async () => ({ etag: "v", name: "n", picture }) }, tagged);
    const [image, title] = [await get("/v1/articles/a/picture"), await get("/v1/articles/a/title")];
    for (const { headers } of [image, title]) expect(headers.get("etag")).toMatch(/^W\//);
    expect(image.headers.get("etag")).not.toBe(title.headers.get("etag"));
  });
});

describe("compression", () => {
  const read = async () => ({ text: long });

  test.each([
    ["gzip", "gzip"],
    ["br", "br"],
    ["gzip, deflate, br", "br"],
    ["gzip;q=1, br;q=0.9", "gzip"],
    ["*", "br"],
    ["*;q=0.5, br;q=0", "gzip"],
    ["x-gzip", "gzip"],
    ["GZIP", "gzip"],
    ["identity, gzip;q=0.5", undefined],
    ["identity;q=0, gzip;q=0.1", "gzip"],
    ["deflate, zstd", undefined],
    ["identity;q=0", undefined],
    ["gzip;q=0, br;q=0", undefined],
    ["gzip;q=x", undefined],
    ["", undefined],
    [undefined, undefined],
  ] as const)("Accept-Encoding %j gets %s", async (accepted, coding) => {
    const { port } = await overNews({ read });
    const { headers, body } = await wire(
      port,
      "/v1/articles/a",
      accepted === undefined ? {} : { "accept-encoding": accepted },
    );
    expect(headers["content-encoding"]).toBe(coding);
    expect(headers.vary).toBe("Accept-Encoding");
    expect(headers["content-length"]).toBe(String(body.length));
    const plain = coding === "gzip" ? gunzipSync(body) : coding === "br" ? brotliDecompressSync(body) : body;
    expect(JSON.parse(plain.toString()).text).toBe(long);
    if (coding) expect(body.length).toBeLessThan(500);
  });

  test.each([
    ["gzip, br", undefined],
    ["gzip, identity;q=0", "gzip"],
    ["gzip, *;q=0", "gzip"],
    ["*;q=0.5", undefined],
  ])("a small reply for %j is in %s", async (accepted, coding) => {
    const { port } = await overNews();
    const { headers } = await wire(port, "/v1/articles/a", { "accept-encoding": accepted });
    expect(headers["content-encoding"]).toBe(coding);
  });

  test.each([
    ["text/csv", true],
    ["Text/Plain; charset=utf-8", true],
    ["application/problem+json", true],
    ["image/svg+xml", true],
    ["image/png", false],
    ["application/zip", false],
    ["application/octet-stream", false],
    ["", false],
  ])("a raw body of the type %j is compressed: %s", async (contentType, compressed) => {
    const { port } = await overNews({ download: async () => ({ contentType, data: Buffer.from(long) }) });
    const { headers, body } = await wire(port, "/v1/downloads/a", { "accept-encoding": "gzip" });
    expect(headers["content-encoding"]).toBe(compressed ? "gzip" : undefined);
    expect(headers.vary).toBe(compressed ? "Accept-Encoding" : undefined);
    expect(String(compressed ? gunzipSync(body) : body)).toBe(long);
  });

  test.each([
    ["cache-control", "public, no-transform"],
    ["content-encoding", "zstd"],
    ["content-range", "bytes 0-9/10"],
  ])("leaves alone what has %s: %s", async (name, value) => {
    const { port } = await overNews(
      {
        async read(_: Any, { responseHeaders }: Any) {
          responseHeaders.set(name, value);
          return { text: long };
        },
      },
      { gateway: { responseHeaders: ["content-encoding", "content-range"] } },
    );
    const { headers, body } = await wire(port, "/v1/articles/a", { "accept-encoding": "gzip" });
    expect(headers[name]).toBe(value);
    expect(String(body)).toContain(long);
  });

  test("keeps a weak tag and makes a strong one weak, which still answers 304", async () => {
    const { port } = await overNews(
      { read: async ({ name }: Any) => ({ text: long, etag: name === "s" ? "v" : "" }) },
      tagged,
    );
    const plain = await wire(port, "/v1/articles/w", {});
    const coded = await wire(port, "/v1/articles/w", { "accept-encoding": "br" });
    expect(coded.headers.etag).toBe(plain.headers.etag);
    const strong = await wire(port, "/v1/articles/s", { "accept-encoding": "br" });
    expect(strong.headers.etag).toBe('W/"v"');
    const again = await wire(port, "/v1/articles/s", { "accept-encoding": "br", "if-none-match": 'W/"v"' });
    expect(again).toMatchObject({ status: 304, headers: { vary: "Accept-Encoding" } });
    expect([again.headers["content-encoding"], again.body.length]).toEqual([undefined, 0]);
  });

  test("answers HEAD with the headers of GET", async () => {
    const { port } = await overNews({ read }, tagged);
    const got = await wire(port, "/v1/articles/a", { "accept-encoding": "gzip" });
    const head = await wire(port, "/v1/articles/a", { "accept-encoding": "gzip" }, "HEAD");
    const { date: _, "content-length": _length, ...headers } = got.headers;
    expect(head).toMatchObject({ status: 200, headers });
    expect([head.headers["content-length"], head.body.length]).toEqual([undefined, 0]);
  });

  test("is off by option", async () => {
    const { port } = await overNews({ read }, { gateway: { compression: false } });
    const { headers } = await wire(port, "/v1/articles/a", { "accept-encoding": "gzip" });
    expect([headers["content-encoding"], headers.vary]).toEqual([undefined, undefined]);
  });

  test.each([
    [undefined, "a=1", undefined],
    [undefined, undefined, "gzip"],
    [true, "a=1", "gzip"],
  ] as const)("where cookies are passed on, %s and the cookie %s give %s", async (compression, cookie, coding) => {
    const gateway = { requestHeaders: ["Cookie"], ...(compression && { compression }) };
    const { port } = await overNews({ read }, { gateway });
    const { headers } = await wire(port, "/v1/articles/a", { "accept-encoding": "gzip", ...(cookie && { cookie }) });
    expect(headers["content-encoding"]).toBe(coding);
  });

  test("is for trailers' sake no other than without them", async () => {
    const { url } = await overNews({
      async read(_: Any, { responseTrailers }: Any) {
        responseTrailers.set("cost", "1");
        return { text: long };
      },
    });
    const response = await fetch(`${url}/v1/articles/a`, { headers: { te: "trailers", "accept-encoding": "gzip" } });
    expect(((await response.json()) as Any).text).toBe(long);
  });
});

describe.each(["in-process", "grpc"] as const)("raw bytes %s", (through) => {
  const bytes = Buffer.from([0, 1, 254, 255, 10, 13]);

  test("are the body, with their own type", async () => {
    const { get } = await overNews({ download: async () => ({ contentType: "image/png", data: bytes }) }, { through });
    const response = await get("/v1/downloads/a", { accept: "application/json" });
    expect(response.headers.get("content-type")).toBe("image/png");
    expect(response.headers.get("content-length")).toBe("6");
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    expect((await get("/v1/downloads/a", {}, "HEAD")).headers.get("content-length")).toBe("6");
  });

  test("are so as a field of the reply, and none when it is not set", async () => {
    const picture = { contentType: "image/png", data: bytes };
    const { get } = await overNews({ read: async ({ name }: Any) => (name === "a" ? { picture } : {}) }, { through });
    const response = await get("/v1/articles/a/picture");
    expect(response.headers.get("content-type")).toBe("image/png");
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    const none = await get("/v1/articles/b/picture");
    expect([none.status, none.headers.get("content-type"), await none.text()]).toEqual([
      200,
      "application/octet-stream",
      "",
    ]);
  });

  test("of a stream follow each other, with the type of the first, whatever is accepted", async () => {
    const { get } = await overNews(
      {
        async *stream() {
          yield { contentType: "image/png", data: bytes };
          yield { contentType: "text/plain", data: bytes };
        },
        async *follow() {
          yield { picture: { contentType: "image/gif", data: bytes } };
          yield {};
          yield { picture: { data: bytes } };
        },
      },
      { through },
    );
    const response = await get("/v1/downloads:stream", { accept: "text/html" });
    expect(response.headers.get("content-type")).toBe("image/png");
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.concat([bytes, bytes]));
    const field = await get("/v1/pictures:follow");
    expect(field.headers.get("content-type")).toBe("image/gif");
    expect(Buffer.from(await field.arrayBuffer())).toEqual(Buffer.concat([bytes, bytes]));
  });

  test("that end by an error break the connection off, after one message and before it", async () => {
    const { get } = await overNews(
      {
        async *stream() {
          yield { contentType: "text/plain", data: Buffer.from(long) };
          throw new RpcError("DATA_LOSS", "lost");
        },
        async *follow() {
          yield* [];
          throw new RpcError("NOT_FOUND", "none");
        },
      },
      { through },
    );
    for (const coding of ["identity", "gzip"]) {
      const response = await get("/v1/downloads:stream", { "accept-encoding": coding });
      expect(response.status).toBe(200);
      await expect(response.arrayBuffer()).rejects.toThrow("terminated");
    }
    expect((await get("/v1/pictures:follow")).status).toBe(404);
  });

  test("of an empty stream are none", async () => {
    const { get } = await overNews({}, { through });
    const response = await get("/v1/downloads:stream");
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      200,
      "application/octet-stream",
      "",
    ]);
  });

  test("with a type that is no header are a 500", async () => {
    const { get, errors } = await overNews(
      { download: async () => ({ contentType: "text/plain\r\nset-cookie: a=1", data: bytes }) },
      { through },
    );
    const response = await get("/v1/downloads/a");
    expect([response.status, response.headers.get("set-cookie")]).toEqual([500, null]);
    expect(errors).toHaveLength(1);
  });
});

describe("a reply above limits.response_bytes", () => {
  const limits = { limits: { responseBytes: 1000 } };
  const policy = { read: limits, follow: limits };
  const methods = {
    read: async () => ({ text: long }),
    async *follow() {
      yield { text: "1" };
      yield { text: long };
    },
  };
  const tooLarge = { code: 8, message: expect.stringContaining("limits.response_bytes") };

  test.each(["in-process", "grpc"] as const)("is a 500 %s, and an error in a stream", async (through) => {
    const { get } = await overNews(methods, { through, policy });
    const response = await get("/v1/articles/a");
    expect(response.status).toBe(500);
    expect(response.headers.get("retry-after")).toBeNull();
    expect(await response.json()).toMatchObject(tooLarge);
    const lines = (await (await get("/v1/articles:follow")).text()).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ result: { text: "1" } }, { error: tooLarge }]);
  });
});
