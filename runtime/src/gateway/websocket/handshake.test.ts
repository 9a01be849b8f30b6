import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { Dish } from "../../../test/kitchen/kitchen.ts";
import { overWebSocket } from "../../../test/over-websocket.ts";
import type { Call } from "../../core/call.ts";
import { RpcError } from "../../core/error.ts";
import type { AuthConfig, MethodPolicy } from "../../policies/index.ts";
import { createGateway } from "../gateway.ts";
import { loadWs } from "./library.ts";

const auth: AuthConfig = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] };

/** Knows one token; remembers what came. */
function gatekeeper() {
  const seen: (string | undefined)[] = [];
  const provider = {
    authenticate({ metadata }: Call) {
      const text = metadata.has("authorization") ? metadata.all("authorization").join() : undefined;
      seen.push(text);
      if (text === undefined) return undefined;
      if (text !== "Bearer to.ken~1") throw new RpcError("UNAUTHENTICATED", "the token is not known");
      return { subject: "ada", provider: "keys", scopes: [], audiences: [], claims: {} };
    },
  };
  return { seen, options: { auth: { providers: { keys: provider } } } };
}

const guarded = (policy: MethodPolicy = { auth }) => ({ chat: policy, watchDishes: policy });
const encoded = `bearer.${Buffer.from("to.ken~1").toString("base64url")}`;

describe("refusals come before the handshake", () => {
  test("401 without a credential and with a bad one, 101 with a good one", async () => {
    const { options } = gatekeeper();
    const { open } = await overWebSocket({}, { policy: guarded(), server: options });
    const refused = await open("/v1/watch/1").refused;
    expect(refused).toMatchObject({ status: 401, headers: { "www-authenticate": "Bearer", connection: "close" } });
    expect(refused.body.code).toBe(16);
    expect((await open("/v1/watch/1", ["mesh.v1+json", "bearer.eA"]).refused).status).toBe(401);
    const client = await open("/v1/watch/1", ["mesh.v1+json", encoded]).opened();
    expect(client.ws.protocol).toBe("mesh.v1+json");
    expect((await client.closed).code).toBe(1000);
  });

  test("403 for who may not", async () => {
    const { options } = gatekeeper();
    const policy = guarded({ auth: { ...auth, scopes: ["cook"] } });
    const { open } = await overWebSocket({}, { policy, server: options });
    expect((await open("/v1/watch/1", ["mesh.v1+json", encoded]).refused).status).toBe(403);
  });

  test("429 with the limit's headers, also for a call that would wait for the client", async () => {
    const limit = { name: "per second", perSecond: 0.001, burst: 1, by: [], cost: "1" } as const;
    const rateLimit = [{ ...limit, shared: false, failClosed: false, shadow: false, scope: "method" as const }];
    const open1: MethodPolicy = { auth: { ...auth, access: "PUBLIC" }, rateLimit };
    const { open } = await overWebSocket({}, { policy: guarded(open1) });
    expect((await open("/v1/watch/1").closed).code).toBe(1000);
    const refused = await open("/v1/watch/1").refused;
    expect(refused.status).toBe(429);
    expect(refused.headers["retry-after"]).toBeDefined();
  });

  test("what the implementation says before it reads anything", async () => {
    const { open } = await overWebSocket({
      async uploadDishes() {
        throw new RpcError("NOT_FOUND", "no such shelf");
      },
    });
    expect(await open("/v1/uploads").refused).toMatchObject({ status: 404, body: { message: "no such shelf" } });
  });

  test("a grpc-timeout that is none, and one that has passed", async () => {
    const { open } = await overWebSocket({
      async uploadDishes() {
        await new Promise(() => {});
        return { count: 0 };
      },
    });
    const headers = (value: string) => ({ headers: { "grpc-timeout": value } });
    expect((await open("/v1/uploads", [], headers("soon")).refused).status).toBe(400);
    expect((await open("/v1/uploads", [], headers("50m")).refused).status).toBe(504);
  });
});

describe("a token", () => {
  const chat = async (protocols: string[], headers: Record<string, string> = {}) => {
    const { seen, options } = gatekeeper();
    const { open } = await overWebSocket(
      {},
      { policy: guarded(), server: options, gateway: { webSocket: { cookie: "token" } } },
    );
    const client = await open("/v1/watch/1", protocols, { headers }).opened();
    await client.closed;
    return { seen, protocol: client.ws.protocol };
  };
  const seen = ["Bearer to.ken~1"];

  test.each<{ how: string; protocols: string[]; headers?: Record<string, string>; protocol: string }>([
    { how: "as bearer.<base64url>", protocols: ["mesh.v1+json", encoded], protocol: "mesh.v1+json" },
    { how: "before the subprotocol", protocols: [encoded, "mesh.v1+proto"], protocol: "mesh.v1+proto" },
    { how: "after Bearer, as grpc-websocket-proxy has it", protocols: ["Bearer", "to.ken~1"], protocol: "Bearer" },
    { how: "after Bearer beside ours", protocols: ["mesh.v1+json", "Bearer", "to.ken~1"], protocol: "mesh.v1+json" },
    { how: "in a header", protocols: [], headers: { authorization: "Bearer to.ken~1" }, protocol: "" },
    {
      how: "in a header, which wins",
      protocols: ["mesh.v1+json", "bearer.eA"],
      headers: { authorization: "Bearer to.ken~1", cookie: "token=x" },
      protocol: "mesh.v1+json",
    },
    { how: "in the cookie", protocols: [], headers: { cookie: "a=b; token=to.ken~1" }, protocol: "" },
    {
      how: "by subprotocol, which wins over the cookie",
      protocols: ["mesh.v1+json", encoded],
      headers: { cookie: "token=x" },
      protocol: "mesh.v1+json",
    },
  ])("$how", async ({ protocols, headers, protocol }) => {
    expect(await chat(protocols, headers)).toEqual({ seen, protocol });
  });

  test("is not taken from the query, nor from a cookie unless that is configured", async () => {
    const { seen, options } = gatekeeper();
    const { open } = await overWebSocket({}, { policy: guarded(), server: options });
    const headers = { cookie: "token=to.ken~1" };
    expect((await open("/v1/watch/1?token=to.ken~1&access_token=to.ken~1", [], { headers }).refused).status).toBe(401);
    expect(seen).toEqual([undefined]);
  });

  test.each([
    { protocols: "Bearer", message: "no token after Bearer" },
    { protocols: "mesh.v1+json, bearer.a b", message: "list of different tokens" },
    { protocols: "mesh.v1+json, bearer.4pi6", message: "no token in base64url" },
    { protocols: "mesh.v1+json, mesh.v1+json", message: "list of different tokens" },
    { protocols: encoded, message: "no subprotocol that is spoken here" },
    { protocols: "graphql-transport-ws", message: "no subprotocol that is spoken here" },
  ])("is refused without being shown: $protocols", async ({ protocols, message }) => {
    const { port } = await overWebSocket();
    const answer = await handshake(port, { "sec-websocket-protocol": protocols });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain(message);
    expect(answer.body).not.toContain("4pi6");
  });
});

test("cookies and the handshake's own headers are not metadata", async () => {
  const seen: string[][] = [];
  const { open } = await overWebSocket(
    {
      async *watchDishes(_request, { requestMetadata }) {
        seen.push([...requestMetadata].map(([key]) => key));
        yield Dish.create();
      },
    },
    { gateway: { requestHeaders: ["cookie", "sec-websocket-protocol", "origin"] } },
  );
  const headers = { cookie: "a=b", "x-request-id": "1" };
  await open("/v1/watch", ["mesh.v1+json"], { headers, origin: undefined }).closed;
  expect(seen).toEqual([["x-request-id"]]);
});

describe("the origin", () => {
  const status = async (origin: string | undefined, host: string, origins?: string[]) => {
    const { port } = await overWebSocket({}, { gateway: { webSocket: origins ? { origins } : true } });
    return (await handshake(port, { host, ...(origin !== undefined && { origin }) })).status;
  };

  test.each([
    [undefined, "shop.example.com", 101],
    ["http://shop.example.com", "shop.example.com", 101],
    ["https://shop.example.com", "SHOP.example.com:443", 101],
    ["http://shop.example.com:8080", "shop.example.com:8080", 101],
    ["http://shop.example.com:8081", "shop.example.com:8080", 403],
    ["http://evil.example.com", "shop.example.com", 403],
    ["http://shop.example.com.evil.com", "shop.example.com", 403],
    ["null", "shop.example.com", 403],
    ["file://", "shop.example.com", 403],
    ["ftp://shop.example.com", "shop.example.com", 403],
    ["http://", "", 403],
    ["not a url", "shop.example.com", 403],
  ])("%s at host %s is answered with %i", async (origin, host, expected) => {
    expect(await status(origin, host)).toBe(expected);
  });

  test.each([
    ["http://shop.example.com", "https", 403],
    ["https://shop.example.com", "https", 101],
    ["http://shop.example.com", "http", 101],
  ])("%s behind a proxy that speaks TLS for it, by %s, is answered with %i", async (origin, proto, expected) => {
    const { port } = await overWebSocket({}, { gateway: { trustedProxies: ["loopback"] } });
    const headers = { origin, host: "inside", "x-forwarded-host": "shop.example.com", "x-forwarded-proto": proto };
    expect((await handshake(port, headers)).status).toBe(expected);
  });

  test("is looked up in the list when there is one", async () => {
    const list = ["https://app.example.com"];
    expect(await status("https://app.example.com", "x", list)).toBe(101);
    expect(await status("http://app.example.com", "x", list)).toBe(403);
    expect(await status("http://x", "x", list)).toBe(403);
    expect(await status("null", "x", ["*"])).toBe(101);
  });
});

describe("a handshake that is none", () => {
  test.each<{ what: string; method?: string; path?: string; headers?: Record<string, string>; status: number }>([
    { what: "has no key", headers: { "sec-websocket-key": "" }, status: 400 },
    { what: "has a short key", headers: { "sec-websocket-key": "YWJj" }, status: 400 },
    { what: "is of an old version", headers: { "sec-websocket-version": "8" }, status: 426 },
    { what: "is a POST", method: "POST", status: 405 },
    { what: "wants another protocol", headers: { upgrade: "h2c" }, status: 400 },
    { what: "has a malformed path", path: "/v1/watch/%zz", status: 400 },
  ])(
    "because it $what is answered with $status",
    async ({ method = "GET", path = "/v1/watch", headers = {}, status }) => {
      const { port } = await overWebSocket();
      expect((await handshake(port, headers, path, method)).status).toBe(status);
    },
  );

  test("of an old version learns which one is spoken", async () => {
    const { open } = await overWebSocket();
    const { headers } = await open("/v1/watch", [], { protocolVersion: 8 }).refused;
    expect(headers).toMatchObject({
      "sec-websocket-version": "13",
      upgrade: "websocket",
      connection: expect.stringMatching(/^upgrade, close$/),
    });
  });

  test("is refused where WebSockets are not served", async () => {
    const { open } = await overWebSocket({}, { gateway: { webSocket: false } });
    expect(await open("/v1/watch").refused).toMatchObject({ status: 501, body: { code: 12 } });
  });
});

test("wrong options are named", () => {
  const make = (webSocket: object) => () => createGateway([], { webSocket });
  expect(make({ orgins: [] })).toThrow('webSocket: unknown key "orgins", did you mean origins?');
  expect(make({ origins: ["app.example.com"] })).toThrow('webSocket: origins has "app.example.com"');
  expect(make({ origins: ["https://app.example.com/"] })).toThrow("without a path");
  expect(make({ origins: ["*"], cookie: "token" })).toThrow("every site could act as its visitors");
  expect(make({ cookie: "a b" })).toThrow('webSocket: cookie is "a b"');
  expect(make({ pingMs: -1 })).toThrow("webSocket: pingMs is -1");
  expect(make({ maxConnectionAgeMs: Number.NaN })).toThrow("webSocket: maxConnectionAgeMs is NaN");
});

test("a missing package is named with the command that installs it", () => {
  expect(() => loadWs("file:///nowhere/x.js")).toThrow("webSocket needs the package ws: run npm install ws");
});

/** A handshake with exactly these headers besides the ones that make it one. Empty values are left out. */
function handshake(port: number, headers: Record<string, string>, path = "/v1/watch", method = "GET") {
  const all = {
    host: "x",
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version": "13",
    ...headers,
  };
  const sent = Object.entries(all).filter(([name, value]) => value !== "" || name === "host");
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const req = request({ port, host: "127.0.0.1", path, method, headers: Object.fromEntries(sent) }).on(
      "error",
      reject,
    );
    req.on("upgrade", ({ statusCode = 0 }, socket) => {
      socket.destroy();
      resolve({ status: statusCode, body: "" });
    });
    req.on("response", async (response) => {
      let body = "";
      for await (const chunk of response.setEncoding("utf8")) body += chunk;
      resolve({ status: response.statusCode ?? 0, body });
    });
    req.end();
  });
}
