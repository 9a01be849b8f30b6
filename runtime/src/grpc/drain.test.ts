import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect as tcp } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { gate, overGrpc } from "../../test/over-grpc.ts";
import { RpcError } from "../core/error.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };
const endless = { count: 1_000_000_000, failAfter: 0 };
const pem = (name: string) => readFileSync(new URL(`../../test/tls/${name}`, import.meta.url));
const tls = { cert: pem("server.pem"), key: pem("server.key") };

test("a connection that is no HTTP/2 does not hold up the drain", async () => {
  const { server, target } = await overGrpc({}, { keep: true });
  const encrypted = await overGrpc({}, { keep: true, listen: { tls } });
  const sockets = [server.port, encrypted.server.port].map((port) => tcp(port, "127.0.0.1"));
  for (const socket of sockets) socket.on("error", () => {});
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  sockets[0]?.write("GET / HTTP/1.1\r\n\r\n");

  await target.close();
  await encrypted.target.close();
  await Promise.all([server.drain(), encrypted.server.drain()]);
  for (const socket of sockets) socket.destroy();
});

test("drain lets a running call finish and refuses new ones", async () => {
  const begun = gate();
  const finish = gate();
  const { kitchen, server, target } = await overGrpc(
    {
      async getDish(request) {
        begun.open();
        await finish.promise;
        return Dish.create(request);
      },
    },
    { keep: true },
  );

  const running = kitchen.getDish(soup);
  await begun.promise;
  let drained = false;
  const draining = server.drain().then(() => {
    drained = true;
  });
  await expect(kitchen.ping({})).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(drained).toBe(false);
  finish.open();

  expect(await running).toMatchObject({ name: "soup" });
  await draining;
  await target.close();
});

test("end(streams) ends open streams with UNAVAILABLE and leaves unary calls alone", async () => {
  const begun = gate();
  const finish = gate();
  const stopped = gate<unknown>();
  const { kitchen, server } = await overGrpc({
    async getDish(request) {
      begun.open();
      await finish.promise;
      return Dish.create(request);
    },
    async *watchDishes(_request, { cancellation }) {
      cancellation.onCancel(stopped.open);
      yield Dish.create();
      await new Promise<void>((resolve) => cancellation.onCancel(() => resolve()));
    },
  });
  const unary = kitchen.getDish(soup);
  const reader = kitchen.watchDishes(endless)[Symbol.asyncIterator]();
  await reader.next();
  await begun.promise;

  server.end("streams");

  const expected = { code: "UNAVAILABLE", text: "the server is shutting down" };
  await expect(reader.next()).rejects.toMatchObject(expected);
  expect(await stopped.promise).toMatchObject(expected);
  finish.open();
  expect(await unary).toMatchObject({ name: "soup" });
});

test("end(all) ends every call with UNAVAILABLE and cancels its work", async () => {
  const begun = gate();
  const stopped = gate<unknown>();
  const { kitchen, server } = await overGrpc({
    getDish: (_request, { cancellation }) => {
      begun.open();
      cancellation.onCancel(stopped.open);
      return new Promise(() => {});
    },
  });
  const call = kitchen.getDish(soup);
  await begun.promise;

  server.end("all");

  const expected = { code: "UNAVAILABLE", text: "the server is shutting down" };
  await expect(call).rejects.toMatchObject(expected);
  expect(await stopped.promise).toMatchObject(expected);
});

test("destroy ends what will not end by itself", async () => {
  const begun = gate();
  const { kitchen, server, target } = await overGrpc(
    {
      getDish: () => {
        begun.open();
        return new Promise(() => {});
      },
    },
    { keep: true },
  );
  const call = kitchen.getDish(soup);
  call.catch(() => {});
  await begun.promise;
  const draining = server.drain();

  server.destroy();

  await expect(call).rejects.toBeInstanceOf(RpcError);
  await draining;
  await target.close();
});

test("a connection that finishes its handshake during the drain gets no call through", async () => {
  const begun = gate();
  const finish = gate();
  const { kitchen, server, target } = await overGrpc(
    {
      async getDish(request) {
        begun.open();
        await finish.promise;
        return Dish.create(request);
      },
    },
    { keep: true, listen: { tls }, connect: { tls: { ca: pem("ca.pem") } } },
  );
  const running = kitchen.getDish(soup);
  await begun.promise;
  const socket = tcp(server.port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  // A second connection whose bytes came back went through the same queue: the first is accepted.
  await expect(kitchen.ping({})).resolves.toBeDefined();

  const draining = server.drain();
  const session = connectHttp2("https://localhost", {
    createConnection: () => tlsConnect({ socket, ca: pem("ca.pem"), servername: "localhost", ALPNProtocols: ["h2"] }),
  });
  const status = await new Promise((resolve) => {
    session.on("error", resolve);
    const stream = session.request({
      ":method": "POST",
      ":path": Kitchen.methods.ping?.path ?? "",
      "content-type": "application/grpc",
    });
    stream.on("response", (got) => resolve(got["grpc-status"]));
    stream.on("error", resolve);
    stream.end(Buffer.alloc(5));
  });

  expect(status).toBe("14");
  session.destroy();
  finish.open();
  expect(await running).toMatchObject({ name: "soup" });
  await draining;
  await target.close();
});
