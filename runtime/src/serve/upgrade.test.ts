import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import type { Duplex } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { open, raw } from "../../test/over-http.ts";
import { listenHttp, type UpgradeListener } from "./http.ts";

async function listen(onUpgrade?: UpgradeListener, sendTimeoutMs?: number) {
  const server = await listenHttp((request, response) => void response.end(`${request.method} ${request.url}`), {
    address: { host: "127.0.0.1", port: 0 },
    limits: { sendTimeoutMs },
    where: "test",
    onUpgrade,
  });
  onTestFinished(() => server.destroy());
  return server;
}

const head = "GET /v1/chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const switching = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n";

test("a WebSocket handshake reaches its listener, with what came behind it", async () => {
  const server = await listen((request, socket, first) => void socket.end(`${request.url} ${first}`));
  expect(await raw(server.port, `${head}frames`)).toBe("/v1/chat frames");
});

test.each(["h2c", "TLS/1.0", "websockets"])("an offer of %s is ignored, its request is answered", async (protocol) => {
  const server = await listen(() => expect.unreachable());
  const offer = `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\n`;
  const socket = await open(server.port);
  const ask = async (request: string) => {
    socket.write(request);
    const [answer] = (await once(socket, "data")) as [Buffer];
    return String(answer).split("\r\n\r\n")[1];
  };
  expect(await ask(`GET /a HTTP/1.1\r\nHost: x\r\n${offer}\r\n`)).toBe("GET /a");
  expect(await ask(`POST /b HTTP/1.1\r\nHost: x\r\n${offer}Content-Length: 2\r\n\r\n{}`)).toBe("POST /b");
  expect(await ask("GET /c HTTP/1.1\r\nHost: x\r\n\r\n")).toBe("GET /c");
});

test("without a listener a handshake is a request", async () => {
  const server = await listen();
  expect(await raw(server.port, head.replace("Upgrade\r\n", "Upgrade, close\r\n"))).toContain("GET /v1/chat");
});

test("draining waits for what took over the connection", async () => {
  let taken: Duplex | undefined;
  const server = await listen((_request, socket) => {
    taken = socket;
    socket.write(switching);
  });
  const answer = raw(server.port, head);
  await expect.poll(() => taken).toBeDefined();
  let drained = false;
  const draining = server.drain().then(() => {
    drained = true;
  });
  await new Promise(setImmediate);
  expect(drained).toBe(false);
  taken?.end("last words");
  expect(await answer).toContain("last words");
  await draining;
});

test("a WebSocket may be silent; destroy ends it", async () => {
  const server = await listen((_request, socket) => socket.write(switching), 20);
  const client = connectSocket(server.port, "127.0.0.1");
  onTestFinished(() => void client.destroy());
  let closed = false;
  client.on("close", () => {
    closed = true;
  });
  client.on("error", () => {}).resume();
  client.write(head);
  // Longer than the limit on a client that does not read.
  const other = connectSocket(server.port, "127.0.0.1");
  other.on("error", () => {}).resume();
  await new Promise((resolve) => other.once("close", resolve));
  expect(closed).toBe(false);
  server.destroy();
  await expect.poll(() => closed).toBe(true);
});
