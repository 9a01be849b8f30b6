import { expect, test } from "vitest";
import { Dish } from "../../../test/kitchen/kitchen.ts";
import { gate } from "../../../test/over-grpc.ts";
import { listen, open, overHttp, raw } from "../../../test/over-http.ts";

const json = { "content-type": "application/json" };

test.each([
  "application/json",
  "application/json; charset=utf-8",
  'APPLICATION/JSON;Charset="UTF-8"',
  "application/vnd.acme+json",
  "application/problem+JSON",
])("a body of type %s is read", async (type) => {
  const { post } = await overHttp();
  expect((await post("/v1/dishes", '{"name":"soup"}', { "content-type": type })).status).toBe(200);
});

test("a body without a type is read", async () => {
  const { port } = await overHttp();
  const head = "POST /v1/dishes HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
  expect(await raw(port, `${head}content-length: 15\r\n\r\n{"name":"soup"}`)).toContain('"name":"soup"');
});

test.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json", "+json", "a/b/c+json"])(
  "a body of type %s is 415",
  async (type) => {
    const { post } = await overHttp();
    const response = await post("/v1/dishes", "{}", { "content-type": type });
    expect(response.status).toBe(415);
    expect(response.headers.get("accept")).toBe("application/json");
  },
);

test.each(["latin1", "utf-16", '"iso-8859-1"'])("a body in charset %s is 415", async (charset) => {
  const { post } = await overHttp();
  const response = await post("/v1/dishes", "{}", { "content-type": `application/json; charset=${charset}` });
  expect(response.status).toBe(415);
  expect(await response.json()).toMatchObject({ message: expect.stringContaining("send it as UTF-8") });
});

test("no body is an empty message, whatever the type", async () => {
  const { url } = await overHttp();
  expect((await fetch(`${url}/v1/dishes`, { method: "POST" })).status).toBe(200);
  expect((await fetch(`${url}/v1/dishes`, { method: "POST", headers: { "content-type": "text/plain" } })).status).toBe(
    200,
  );
});

test("a route without a body ignores one of any kind", async () => {
  const { port } = await overHttp();
  const request = "GET /v1/dishes/7 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/plain\r\n";
  expect(await raw(port, `${request}content-length: 3\r\n\r\n{x}`)).toMatch(/^HTTP\/1.1 200 /);
});

test("the largest body that is allowed passes, one more byte is 413", async () => {
  const { post, url } = await overHttp({}, { gateway: { maxRequestBytes: 100 } });
  const body = (length: number) => `{"name":"${"a".repeat(length - 11)}"}`;
  expect((await post("/v1/dishes", body(100))).status).toBe(200);
  const response = await post("/v1/dishes", body(101));
  expect(response.status).toBe(413);
  expect(await response.json()).toEqual({
    code: 8,
    message: "the body is larger than the 100 bytes that are allowed",
    details: [],
  });

  // Without Content-Length the bytes are counted as they come.
  const chunked = (length: number) =>
    fetch(`${url}/v1/dishes`, {
      method: "POST",
      headers: json,
      body: new Blob([body(length)]).stream(),
      duplex: "half",
    });
  expect((await chunked(100)).status).toBe(200);
  expect((await chunked(101)).status).toBe(413);
});

test("a route without a body takes no more of one than is allowed", async () => {
  let called = false;
  const ping = () => {
    called = true;
    return new Promise<never>(() => {});
  };
  const { port, gateway } = await overHttp({ ping }, { gateway: { maxRequestBytes: 100 } });
  const head = "GET /v1/ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
  expect(await raw(port, `${head}content-length: 101\r\n\r\n${"a".repeat(101)}`)).toMatch(/^HTTP\/1.1 413 /);
  expect(called).toBe(false);
  // Without Content-Length the call is under way when it turns out.
  const chunk = `32\r\n${"a".repeat(50)}\r\n`;
  const chunked = `${head}transfer-encoding: chunked\r\n\r\n${chunk}${chunk}${chunk}0\r\n\r\n`;
  expect(await raw(port, chunked)).toMatch(/^HTTP\/1.1 413 /);
  expect(called).toBe(true);
  await gateway.idle();
});

test("a strict gateway refuses a body that a route has no use for", async () => {
  const { url, port } = await overHttp({}, { gateway: { strictBody: true } });
  const request = "GET /v1/dishes/7 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
  const answer = await raw(port, `${request}content-length: 3\r\n\r\n{x}`);
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(answer).toContain("the route takes no body: send the request without");
  expect(await raw(port, `${request}content-length: 0\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /);
  expect((await fetch(`${url}/v1/dishes/7`)).status).toBe(200);
});

test("a body in chunks of a byte takes no more memory than one in a piece", async () => {
  const { port } = await overHttp();
  const length = 300_000;
  const text = `{"name":"${"a".repeat(length)}"}`;
  const head = "POST /v1/dishes HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
  const answer = await raw(port, `${head}${[...text].map((one) => `1\r\n${one}\r\n`).join("")}0\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect(answer.length).toBeGreaterThan(length);
});

test.each(["zz\r\n", "-1\r\n", "5\r\nab\r\n", `${"f".repeat(20)}\r\n`])(
  "the chunk %j breaks the connection and nothing else",
  async (chunk) => {
    let called = false;
    const { port, gateway, errors } = await overHttp({
      async createDish() {
        called = true;
        return Dish.create();
      },
    });
    const socket = await open(port);
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume().write(`POST /v1/dishes HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`);
    await closed;
    await gateway.idle();
    expect(called).toBe(false);
    expect(errors).toEqual([]);
  },
);

test("a body that announces too much is refused before it is sent", async () => {
  const { port } = await overHttp();
  const socket = await open(port);
  socket.write("POST /v1/dishes HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n{");
  const [answer] = (await new Promise<Buffer>((resolve) => socket.once("data", resolve))).toString().split("\r\n");
  expect(answer).toBe("HTTP/1.1 413 Payload Too Large");
});

test("the connection serves the next request after a body was refused", async () => {
  const { port } = await overHttp({}, { gateway: { maxRequestBytes: 10 } });
  const first = `POST /v1/dishes HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`;
  const chunk = `20\r\n${"a".repeat(32)}\r\n`;
  const second = "GET /v1/ping HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
  const both = await raw(port, `${first}${chunk}${chunk}0\r\n\r\n${second}`);
  expect(both.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 413", "HTTP/1.1 200"]);
});

test.each(["{", '{"name":"soup"} x', '{"name":"soup"}{"name":"soup"}', "nul", '{"name":5}', '"x"'])(
  "the body %j is 400",
  async (body) => {
    const { post } = await overHttp();
    const response = await post("/v1/dishes", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 3,
      details: [{ "@type": "type.googleapis.com/google.rpc.BadRequest" }],
    });
  },
);

test("a body that is not UTF-8 is 400", async () => {
  const { url } = await overHttp();
  const body = Buffer.from('{"name":"\xff"}', "latin1");
  const response = await fetch(`${url}/v1/dishes`, { method: "POST", headers: json, body });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ message: "the body is not UTF-8" });
});

test("a client that leaves while it sends harms nobody", async () => {
  let called = false;
  const { port, gateway, errors } = await overHttp({
    async createDish() {
      called = true;
      return Dish.create();
    },
  });
  const socket = await open(port);
  socket.write("POST /v1/dishes HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
  await expect.poll(() => socket.bytesWritten).toBeGreaterThan(0);
  socket.resetAndDestroy();
  await gateway.idle();
  expect(called).toBe(false);
  expect(errors).toEqual([]);
});

test.each(["in-process", "grpc"] as const)("a client that leaves cancels the call %s", async (through) => {
  const [asked, cancelled] = [gate(), gate<string>()];
  const { url, gateway, errors } = await overHttp(
    {
      ping: (_request, { cancellation }) => {
        cancellation.onCancel(({ code }) => cancelled.open(code));
        asked.open();
        return new Promise(() => {});
      },
    },
    { through },
  );
  const controller = new AbortController();
  const response = fetch(`${url}/v1/ping`, { signal: controller.signal });
  await asked.promise;
  controller.abort();
  await expect(response).rejects.toThrow("aborted");
  expect(await cancelled.promise).toBe("CANCELLED");
  await gateway.idle();
  expect(errors).toEqual([]);
});

test("a parser in front of the gateway is named as the mistake that it is", async () => {
  const { gateway, errors } = await overHttp();
  const { url } = await listen(async (req, res) => {
    for await (const _ of req);
    gateway(req, res);
  });
  const response = await fetch(`${url}/v1/dishes`, { method: "POST", headers: json, body: "{}" });
  expect(response.status).toBe(500);
  expect(String(errors[0])).toContain("mount the gateway before body parsers");
});
