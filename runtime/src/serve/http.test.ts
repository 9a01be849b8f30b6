import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect as connectSocket, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { Dish } from "../../test/kitchen/kitchen.ts";
import { gate } from "../../test/over-grpc.ts";
import { get, kitchenWith, start } from "../../test/serving.ts";
import { listenHttp } from "./http.ts";
import type { HttpDoorOptions } from "./options.ts";
import type { RunningServer } from "./serve.ts";

const listen = (limits: Partial<HttpDoorOptions> = {}) => start({ http: { address: 0, ...limits } });

/** Writes bytes and reads what comes until the server closes the connection. */
async function raw(server: RunningServer, text: string): Promise<{ head: string; body: string }> {
  const socket = connectSocket(server.http?.port as number, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.write(text);
  return split(await rest(socket));
}

async function rest(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return text;
}

function split(text: string) {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  return { head, body };
}

/** The server's end of the next connection. */
function nextSocket(): Promise<Socket> {
  return new Promise((resolve) => {
    const take = (message: unknown) => {
      unsubscribe("net.server.socket", take);
      resolve((message as { readonly socket: Socket }).socket);
    };
    subscribe("net.server.socket", take);
  });
}

const status = (code: number, message: unknown) => ({ code, message, details: [] });

test("headers over the limit: 431", async () => {
  const server = await listen({ maxHeaderBytes: 2_000 });
  const { head, body } = await raw(server, `GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(3_000)}\r\n\r\n`);
  expect(head).toMatch(/^HTTP\/1\.1 431 /);
  expect(JSON.parse(body)).toEqual(status(8, "the request headers are too large"));
});

test("a client that sends its headers slowly is cut off: 408", async () => {
  const server = await listen({ headersTimeoutMs: 50 });
  const { head, body } = await raw(server, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow:");
  expect(head).toMatch(/^HTTP\/1\.1 408 /);
  expect(JSON.parse(body)).toEqual(status(4, "the request did not arrive in time"));
});

test("a client that sends its body slowly is cut off", async () => {
  const server = await listen({ headersTimeoutMs: 50, requestTimeoutMs: 100 });
  const head = "POST /v1/mirror HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
  const socket = connectSocket(server.http?.port as number, "127.0.0.1");
  socket.write(`${head}{`);
  await rest(socket).catch((error) => expect(error).toMatchObject({ code: "ECONNRESET" }));
});

test.each(["HELLO\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])(
  "what is not HTTP is a 400: %j",
  async (text) => {
    const { head, body } = await raw(await listen(), text);
    expect(head).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head).toContain("connection: close");
    expect(JSON.parse(body)).toEqual(status(3, "this is not an HTTP/1.1 request with one Host header"));
  },
);

test("HTTP/1.1 without Host is a 400; HTTP/1.0 does not need one", async () => {
  const server = await listen();
  const { head, body } = await raw(server, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
  expect(head).toMatch(/^HTTP\/1\.1 400 /);
  expect(JSON.parse(body)).toMatchObject({ code: 3 });
  expect((await raw(server, "GET /healthz HTTP/1.0\r\n\r\n")).head).toMatch(/^HTTP\/1\.1 200 /);
});

test.each([
  ["Host: a\r\nHost: b", 400],
  ["Host: a\r\nhOST: a", 400],
  ["Host: a b", 400],
  ["Host: a/b", 400],
  ["Host: user@a", 400],
  ["Host: a:x", 400],
  ["Host: [::1", 400],
  ["Host: a_b.example:8080\r\nHost-Not: b\r\nGhost: c", 200],
  ["Host: [::1]:8080", 200],
  ["Host:", 200],
])("a request for %j is a %i", async (lines, code) => {
  const { head } = await raw(await listen(), `GET /healthz HTTP/1.1\r\n${lines}\r\nConnection: close\r\n\r\n`);
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${code} `));
});

test.each([
  ["400", "NONSENSE\r\n\r\n"],
  ["408", "GET / HTTP/1.1\r\nX-Slow:"],
  ["431", `GET / HTTP/1.1\r\nX-Long: ${"x".repeat(3_000)}\r\n\r\n`],
])("a client that is refused by %s and does not close its side is disconnected", async (_, text) => {
  const server = await listen({ headersTimeoutMs: 50, maxHeaderBytes: 2_000 });
  const accepted = nextSocket();
  const client = connectSocket({ port: server.http?.port as number, host: "127.0.0.1", allowHalfOpen: true });
  onTestFinished(() => void client.destroy());
  client.resume().write(text);
  const socket = await accepted;
  await once(socket, "close");
  expect(client.writable).toBe(true);
});

test("a client that does not read its answer is cut off, a silent stream is not", async () => {
  const go = gate();
  const stalled = gate<ServerResponse>();
  const server = await listenHttp(
    async (request, response) => {
      if (request.url === "/large") {
        stalled.open(response);
        response.end("x".repeat(20_000_000));
        return;
      }
      response.write("begun ");
      await go.promise;
      response.end("done");
    },
    { address: { host: "127.0.0.1", port: 0 }, limits: { sendTimeoutMs: 50 }, where: "test" },
  );
  onTestFinished(() => server.destroy());
  const stream = await fetch(`http://127.0.0.1:${server.port}/stream`);

  const client = connectSocket(server.port, "127.0.0.1").pause();
  onTestFinished(() => void client.destroy());
  client.write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(await stalled.promise, "close");
  // The stream began before, and its limit is the same.
  go.open();
  expect(await stream.text()).toBe("begun done");
});

test("a connection without requests is closed after keepAliveMs", async () => {
  const server = await listen({ keepAliveMs: 50 });
  const client = connectSocket(server.http?.port as number, "127.0.0.1");
  client.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(split(await rest(client)).head).toMatch(/^HTTP\/1\.1 200 /);
});

test("an expectation that nobody can meet: 417", async () => {
  const server = await listen();
  const { head, body } = await raw(
    server,
    "GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: x\r\nConnection: close\r\n\r\n",
  );
  expect(head).toMatch(/^HTTP\/1\.1 417 /);
  expect(JSON.parse(body)).toEqual(status(3, expect.stringMatching(/^the only expectation/)));
});

test("a bad request behind one that is being answered gets no answer, which would be taken for the other's", async () => {
  const arrived = gate();
  const getDish = () => {
    arrived.open();
    return gate<Dish>().promise;
  };
  const server = await start({ services: [kitchenWith({ getDish })], http: 0 });
  const socket = connectSocket(server.http?.port as number, "127.0.0.1");
  socket.write("GET /v1/dishes/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  await arrived.promise;
  socket.write("NONSENSE\r\n\r\n");
  expect(await rest(socket)).toBe("");
});

test("clients that break off do no harm", async () => {
  const server = await listen();
  const socket = connectSocket(server.http?.port as number, "127.0.0.1");
  await once(socket, "connect");
  socket.write("GET /v1/dishes/1 HTT");
  socket.resetAndDestroy();
  expect((await get(`${server.http?.url}/healthz`)).response.statusCode).toBe(200);
});

test("/healthz says how the server and each service are", async () => {
  const server = await listen();
  const ask = async (query: string, method = "GET") => {
    const response = await fetch(`${server.http?.url}/healthz${query}`, { method });
    return [response.status, method === "HEAD" ? await response.text() : await response.json()];
  };
  expect(await ask("")).toEqual([200, { status: "SERVING" }]);
  expect(await ask("?service=test.kitchen.v1.Kitchen")).toEqual([200, { status: "SERVING" }]);
  expect(await ask("?service=no.Such")).toEqual([404, { status: "SERVICE_UNKNOWN" }]);

  server.health.set("test.kitchen.v1.Kitchen", "NOT_SERVING");
  expect(await ask("?service=test.kitchen.v1.Kitchen")).toEqual([503, { status: "NOT_SERVING" }]);
  expect(await ask("")).toEqual([200, { status: "SERVING" }]);

  expect(await ask("", "HEAD")).toEqual([200, ""]);
  expect(await ask("", "POST")).toEqual([405, status(12, "/healthz takes GET")]);
});

test("the URL of a server that listens everywhere can be opened", async () => {
  const server = await start({ http: "0.0.0.0:0" });
  expect(server.http?.url).toBe(`http://127.0.0.1:${server.http?.port}`);
  expect((await fetch(`${server.http?.url}/healthz`)).status).toBe(200);
});
