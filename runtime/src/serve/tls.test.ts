import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { type RequestOptions, request } from "node:https";
import { connect as connectSocket } from "node:net";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient } from "../../test/kitchen/kitchen_mesh.ts";
import { gate } from "../../test/over-grpc.ts";
import { kitchenWith, start } from "../../test/serving.ts";
import { type ConnectOptions, connect } from "../grpc/connect.ts";
import type { RunningServer } from "./serve.ts";

const file = (name: string) => fileURLToPath(new URL(`../../test/tls/${name}`, import.meta.url));
const tls = { cert: file("server.pem"), key: file("server.key") };
const ca = file("ca.pem");

/** Answers with the first URI of the caller's certificate. */
const services = [
  kitchenWith({
    getDish: async (_, { peer }) => Dish.create({ name: peer.certificate?.uris[0] ?? "nobody" }),
  }),
];

async function byHttp(server: RunningServer, options: RequestOptions = {}): Promise<unknown> {
  const sent = request({
    host: "127.0.0.1",
    port: server.http?.port,
    path: "/v1/dishes/1",
    ca: readFileSync(ca),
    agent: false,
    ...options,
  }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk;
  return JSON.parse(body);
}

function byGrpc(server: RunningServer, options: ConnectOptions["tls"] = { ca }) {
  const target = connect(`127.0.0.1:${server.grpc?.port}`, { tls: options });
  onTestFinished(() => target.close());
  return createKitchenClient(target).getDish({ name: "", id: 1n, withRecipe: false });
}

test("one certificate serves both doors", async () => {
  const server = await start({ services, grpc: 0, http: 0, tls });
  expect(server.http?.url).toMatch(/^https:/);
  expect(await byGrpc(server)).toMatchObject({ name: "nobody" });
  expect(await byHttp(server)).toMatchObject({ name: "nobody" });
});

test("a door may have its own certificate, or none", async () => {
  const server = await start({ services, grpc: 0, http: { address: 0, tls: false }, tls });
  expect(await byGrpc(server)).toMatchObject({ name: "nobody" });
  expect((await fetch(`${server.http?.url}/v1/dishes/1`)).status).toBe(200);

  const other = await start({ services, grpc: { address: 0, tls }, http: 0 });
  expect(await byGrpc(other)).toMatchObject({ name: "nobody" });
  expect(other.http?.url).toMatch(/^http:/);
});

test("mutual TLS: the caller is known at both doors, and one without a good certificate gets nowhere", async () => {
  const server = await start({ services, grpc: 0, http: 0, tls: { ...tls, ca } });
  const waiter = { cert: file("waiter.pem"), key: file("waiter.key") };
  const pem = ({ cert, key }: typeof waiter) => ({ cert: readFileSync(cert), key: readFileSync(key) });
  expect(await byGrpc(server, { ca, ...waiter })).toMatchObject({ name: "spiffe://kitchen.test/waiter" });
  expect(await byHttp(server, pem(waiter))).toMatchObject({ name: "spiffe://kitchen.test/waiter" });

  const intruder = { cert: file("intruder.pem"), key: file("intruder.key") };
  await expect(byGrpc(server)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(byHttp(server)).rejects.toThrow();
  await expect(byHttp(server, pem(intruder))).rejects.toThrow();
});

test.each(["http", "listen"])("a request by TLS at %s is answered before its server stops", async (door) => {
  const [asked, go] = [gate(), gate()];
  const kitchen = kitchenWith({
    async getDish() {
      asked.open();
      await go.promise;
      return Dish.create({ name: "in time" });
    },
  });
  const server = await start({ services: [kitchen], [door]: 0, tls });
  const idle = connectTls({ host: "127.0.0.1", port: server.http?.port as number, ca: readFileSync(ca) });
  await once(idle, "secureConnect");
  const closed = once(idle.resume(), "close");
  const answer = byHttp(server);
  await asked.promise;
  const stopped = server.stop();
  await closed;
  go.open();
  expect(await answer).toMatchObject({ name: "in time" });
  await stopped;
});

test("connections stop with the server, those in the middle of a handshake too", async () => {
  const server = await start({ services, http: 0, tls });
  const socket = connectSocket(server.http?.port as number, "127.0.0.1");
  await once(socket, "connect");
  const closed = once(socket, "close");
  await byHttp(server);
  await server.stop();
  await closed;
});

test.each([
  [{ grpc: 0 }, "gRPC on 127.0.0.1:0"],
  [{ http: 0 }, "serve: http"],
])("files that cannot be used are named: %j", async (door, where) => {
  const missing = { cert: "/no/such.pem", key: tls.key };
  await expect(start({ ...door, tls: missing })).rejects.toThrow(
    `${where}: tls.cert names /no/such.pem, which cannot be read (ENOENT)`,
  );
  const another = { cert: tls.cert, key: file("waiter.key") };
  await expect(start({ ...door, tls: another })).rejects.toThrow(
    `${where}: the TLS certificate, key or ca cannot be used:`,
  );
});
