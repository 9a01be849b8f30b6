import { readFileSync } from "node:fs";
import { createServer as createTlsServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import express from "express";
import fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { gate } from "../../test/over-grpc.ts";
import { listen, open, overHttp, text } from "../../test/over-http.ts";
import type { Gateway } from "./gateway.ts";

const json = { "content-type": "application/json" };

/** Asks a mounted gateway, and what it is mounted in, for everything that could get in each other's way. */
async function checkMounted(url: string): Promise<void> {
  expect(await (await fetch(`${url}/own`)).text()).toBe("own");
  expect(await (await fetch(`${url}/v1/dishes/7`)).json()).toMatchObject({ id: "7" });
  const post = await fetch(`${url}/v1/dishes`, { method: "POST", headers: json, body: '{"name":"soup"}' });
  expect(await post.json()).toMatchObject({ name: "soup" });
  const lines = await (await fetch(`${url}/v1/dishes:watch?count=3`)).text();
  expect(lines.trim().split("\n")).toHaveLength(3);
  const bad = await fetch(`${url}/v1/dishes`, { method: "POST", headers: json, body: "{" });
  expect(bad.status).toBe(400);
  expect(await bad.json()).toMatchObject({ code: 3 });
  expect((await fetch(`${url}/nope`)).status).toBe(404);
  expect((await fetch(`${url}/v1/dishes/7`, { method: "HEAD" })).status).toBe(200);
}

async function kitchen(): Promise<Gateway> {
  return (await overHttp()).gateway;
}

test("mounts in express", async () => {
  const app = express();
  app.get("/own", (_req, res) => void res.send("own"));
  app.use(await kitchen());
  app.use(express.json());
  await checkMounted((await listen(app)).url);
});

test("mounts in express under a path", async () => {
  const app = express();
  app.use("/api", await kitchen());
  const { url } = await listen(app);
  expect(await (await fetch(`${url}/api/v1/dishes/7`)).json()).toMatchObject({ id: "7" });
  expect((await fetch(`${url}/v1/dishes/7`)).status).toBe(404);
});

test("mounts in fastify, in a hook that runs before bodies are read", async () => {
  const app = fastify();
  const gateway = await kitchen();
  app.addHook("onRequest", (req, reply, done) => gateway(req.raw, reply.raw, done));
  app.get("/own", async () => "own");
  await app.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => app.close());
  await checkMounted(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`);
});

test("a client that left while something before the gateway held its request is not served", async () => {
  let calls = 0;
  const { gateway } = await overHttp({
    async getDish() {
      calls += 1;
      return Dish.create();
    },
  });
  const handedOver = gate();
  const { port } = await listen((req, res) => {
    res.once("close", () => {
      gateway(req, res);
      handedOver.open();
    });
    socket.destroy();
  });
  const socket = await open(port);
  socket.write("GET /v1/dishes/1 HTTP/1.1\r\nhost: x\r\n\r\n");
  await handedOver.promise;
  await gateway.idle();
  expect(calls).toBe(0);
});

test("sees the client's certificate when TLS has verified it, and only then", async () => {
  const pem = (name: string) => readFileSync(new URL(`../../test/tls/${name}`, import.meta.url));
  const { gateway } = await overHttp({
    getDish: async (_request, { peer }) => Dish.create({ name: JSON.stringify(peer.certificate ?? null) }),
  });
  const server = createTlsServer(
    {
      cert: pem("server.pem"),
      key: pem("server.key"),
      ca: pem("ca.pem"),
      requestCert: true,
      rejectUnauthorized: false,
    },
    gateway,
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const ask = (identity: { cert?: Buffer; key?: Buffer }) =>
    new Promise<unknown>((resolve, reject) => {
      request(
        {
          port: (server.address() as AddressInfo).port,
          host: "127.0.0.1",
          path: "/v1/dishes/1",
          rejectUnauthorized: false,
          agent: false,
          ...identity,
        },
        async (response) => resolve(JSON.parse((JSON.parse(await text(response)) as { name: string }).name)),
      )
        .on("error", reject)
        .end();
    });
  expect(await ask({})).toBeNull();
  expect(await ask({ cert: pem("intruder.pem"), key: pem("intruder.key") })).toBeNull();
  expect(await ask({ cert: pem("waiter.pem"), key: pem("waiter.key") })).toEqual({
    uris: ["spiffe://kitchen.test/waiter"],
    dns: ["waiter.kitchen.test"],
    fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
  });
});
