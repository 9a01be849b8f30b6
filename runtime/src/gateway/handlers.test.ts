import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import express from "express";
import { expect, test } from "vitest";
import { listen, open as openSocket, overHttp, rawGet } from "../../test/over-http.ts";
import { apiKeys } from "../policies/auth.ts";
import type { RequestRecord } from "./access.ts";
import { principalOf } from "./mount.ts";

const echo = (req: IncomingMessage & { originalUrl?: string }, res: ServerResponse) => {
  res.end(JSON.stringify({ url: req.url, originalUrl: req.originalUrl, subject: principalOf(req)?.subject }));
};
const key = "k".repeat(20);
const sha256 = createHash("sha256").update(key).digest("hex");
const providers = { keys: apiKeys({ keys: [{ sha256, subject: "ada", scopes: ["read"] }] }) };

test("a handler gets what is below its path, without that part of it", async () => {
  const { gateway, get, port } = await overHttp();
  gateway.mount("/legacy", echo);
  gateway.mount("/legacy/deep/", echo, { keepPath: true });
  const at = async (path: string) => (await get(path)).json();
  expect(await at("/legacy")).toEqual({ url: "/", originalUrl: "/legacy" });
  expect(await at("/legacy/a/b?c=/d")).toEqual({ url: "/a/b?c=/d", originalUrl: "/legacy/a/b?c=/d" });
  expect(await at("/legacy?x=1")).toEqual({ url: "/?x=1", originalUrl: "/legacy?x=1" });
  expect(await at("/l%65gacy/a%2Fb")).toMatchObject({ url: "/a%2Fb" });
  expect(await at("/legacy/a//b/")).toMatchObject({ url: "/a//b/" });
  expect(await at("/legacy/deep/x")).toEqual({ url: "/legacy/deep/x" });
  expect(JSON.parse((await rawGet(port, "http://x/legacy/y?z")).body)).toMatchObject({ url: "/y?z" });
  expect((await get("/legacyx")).status).toBe(404);
});

test("the more specific one answers: a route, or the handler", async () => {
  const { gateway, get, post } = await overHttp();
  gateway.mount("/", (_req, res) => res.end("pages"));
  gateway.mount("/v1/dishes/special", (_req, res) => res.end("special"));
  expect(await (await get("/v1/dishes/1")).json()).toMatchObject({ id: "1" });
  expect(await (await get("/v1/dishes/special")).text()).toBe("special");
  expect(await (await get("/v1/dishes/special/more")).text()).toBe("special");
  expect(await (await get("/index.html")).text()).toBe("pages");
  expect(await (await get("//a//b")).text()).toBe("pages");
  // No route of the path has the method: the wider handler may.
  expect(await (await post("/v1/dishes/1", {})).text()).toBe("pages");
});

test("an application of express reads bodies, answers, and passes on what it does not have", async () => {
  const { gateway, get, post, errors } = await overHttp();
  const app = express().use(express.json());
  app.post("/orders/:id", (req, res) => void res.json({ id: req.params.id, body: req.body }));
  app.get("/broken", () => {
    throw new Error("secret of the handler");
  });
  gateway.mount("/old", app as never);
  expect(await (await post("/old/orders/7?x=1", { a: 1 })).json()).toEqual({ id: "7", body: { a: 1 } });
  const missing = await get("/old/nowhere");
  expect([missing.status, await missing.json()]).toMatchObject([404, { code: 5 }]);
  const broken = await get("/old/broken");
  expect(broken.status).toBe(500);
  expect(await broken.text()).not.toContain("secret");
  expect(errors).toMatchObject([{ message: "secret of the handler" }]);
});

test("callers are admitted as for methods", async () => {
  const { gateway, get } = await overHttp(
    {},
    { gateway: { auth: { providers }, requestHeaders: ["x-api-key"], cors: { origins: ["*"] } } },
  );
  gateway.mount("/known", echo, { auth: {} });
  gateway.mount("/writers", echo, { auth: { scopes: ["write"] } });
  gateway.mount("/closed", echo, { auth: { access: "DENY" } });
  gateway.mount("/open", echo);
  const none = await get("/known", { origin: "https://a.b" });
  expect([none.status, none.headers.get("access-control-allow-origin")]).toEqual([401, "*"]);
  expect(none.headers.get("www-authenticate")).toBe("Bearer");
  expect(await none.json()).toMatchObject({ code: 16, message: expect.stringContaining("/known needs credentials") });
  expect((await get("/known", { "x-api-key": "wrong" })).status).toBe(401);
  expect(await (await get("/known/x", { "x-api-key": key })).json()).toMatchObject({ url: "/x", subject: "ada" });
  expect((await get("/writers", { "x-api-key": key })).status).toBe(403);
  expect((await get("/closed", { "x-api-key": key })).status).toBe(403);
  expect((await get("/open")).status).toBe(200);
});

test("handlers that fail are answered for; those that had begun are cut", async () => {
  const { gateway, get, errors } = await overHttp();
  gateway.mount("/throws", () => {
    throw new Error("one");
  });
  gateway.mount("/rejects", async () => Promise.reject(new Error("two")));
  gateway.mount("/begun", (_req, res) => {
    res.write("half");
    throw new Error("three");
  });
  for (const path of ["/throws", "/rejects"]) {
    const response = await get(path);
    expect([response.status, await response.json()]).toEqual([
      500,
      { code: 13, message: expect.stringMatching(/^internal error [\w-]+$/), details: [] },
    ]);
  }
  await expect(get("/begun").then((response) => response.text())).rejects.toThrow();
  expect(errors.map((error) => (error as Error).message)).toEqual(["one", "two", "three"]);
});

test("wrong mounts are refused", async () => {
  const { gateway } = await overHttp();
  gateway.mount("/a", echo);
  expect(() => gateway.mount("/a/", echo)).toThrow(
    /the handler mounted at \/a matches the same requests as the handler mounted at \/a/,
  );
  expect(() => gateway.mount("a", echo)).toThrow(/the path must start with a slash/);
  expect(() => gateway.mount("/{a}", echo)).toThrow(/gateway\.mount\("\/\{a\}"\)/);
  expect(() => gateway.mount("/b", undefined as never)).toThrow(/the handler is no function/);
  expect(() => gateway.mount("/b", echo, { authn: {} } as never)).toThrow(/unknown key "authn"/);
  expect(() => gateway.mount("/b", echo, { auth: { rule: "true" } as never })).toThrow(/unknown key "rule"/);
  expect(() => gateway.mount("/b", echo, { auth: {} })).toThrow(/has no auth provider/);
  gateway.mount("/b", echo, { host: "a.example" });
});

test("the hook hears of every request once: routes, handlers, refusals, clients that leave", async () => {
  const records: RequestRecord[] = [];
  const { gateway, get, post, port, errors } = await overHttp(
    { mirror: () => new Promise(() => {}) },
    { gateway: { onRequest: (record) => void records.push(record) } },
  );
  gateway.mount("/legacy", (_req, res) => res.writeHead(418).end("tea"));
  let arrived: (() => void) | undefined;
  gateway.mount("/silent", () => arrived?.());
  await (await get("/v1/dishes/1")).text();
  await (await get("/v1/dishes/x")).text();
  await (await get("/nowhere?token=secret")).text();
  await (await post("/v1/ping", {})).text();
  await (await get("/legacy/pot")).text();
  await (await get("/v1/dishes:watch?count=2")).text();
  const socket = await openSocket(port);
  const there = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  socket.write("GET /silent HTTP/1.1\r\nhost: x\r\n\r\n");
  await there;
  socket.destroy();
  await expect.poll(() => records.length).toBe(7);
  expect(
    records.map(({ method, template, status, code, rpc }) => [method, template, status, code, rpc?.split("/")[2]]),
  ).toEqual([
    ["GET", "/v1/dishes/{id}", 200, "OK", "GetDish"],
    ["GET", "/v1/dishes/{id}", 400, "INVALID_ARGUMENT", "GetDish"],
    ["GET", undefined, 404, "NOT_FOUND", undefined],
    ["POST", undefined, 405, "UNIMPLEMENTED", undefined],
    ["GET", "/legacy", 418, "UNKNOWN", undefined],
    ["GET", "/v1/dishes:watch", 200, "OK", "WatchDishes"],
    ["GET", "/silent", 499, "CANCELLED", undefined],
  ]);
  expect(records[0]).toMatchObject({ peer: "127.0.0.1", ms: expect.any(Number), bytes: expect.any(Number) });
  expect(records[0]?.bytes).toBeGreaterThan(100);
  expect(JSON.stringify(records)).not.toContain("secret");
  expect(errors).toEqual([]);
});

test("a hook that throws disturbs nobody", async () => {
  const { get } = await overHttp(
    {},
    {
      gateway: {
        onRequest: () => {
          throw new Error("no disk");
        },
      },
    },
  );
  const { error } = console;
  const printed: unknown[] = [];
  console.error = (...parts) => void printed.push(parts);
  try {
    expect((await get("/v1/dishes/1")).status).toBe(200);
    await expect.poll(() => printed).toMatchObject([["onRequest failed:", { message: "no disk" }]]);
  } finally {
    console.error = error;
  }
});

test("an end takes the connections of handlers that do not answer", async () => {
  const { gateway, port } = await overHttp();
  const arrived = new Promise<void>((resolve) => gateway.mount("/silent", () => resolve()));
  const socket = await openSocket(port);
  socket.write("GET /silent HTTP/1.1\r\nhost: x\r\n\r\n");
  await arrived;
  const closed = once(socket, "close");
  gateway.end("streams");
  gateway.end("all");
  await Promise.all([closed, gateway.idle()]);
});

test("a gateway passes on what neither routes nor handlers have", async () => {
  const { gateway } = await overHttp();
  gateway.mount("/legacy", echo);
  const { url } = await listen((req, res) => gateway(req, res, () => res.end("next")));
  expect(await (await fetch(`${url}/nowhere`)).text()).toBe("next");
  expect(await (await fetch(`${url}/legacy/x`)).json()).toMatchObject({ url: "/x" });
});
