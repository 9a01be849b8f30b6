import { createHash } from "node:crypto";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { folderWith } from "../../test/config/files.ts";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { raw } from "../../test/over-http.ts";
import { kitchenWith, start } from "../../test/serving.ts";
import { loadConfig } from "./load.ts";

const load = async (text: string, name = "mesh.yaml") => {
  const file = join(folderWith({ [name]: text }), name);
  const config = await loadConfig({ file, args: [], env: {}, watch: false });
  onTestFinished(config.close);
  return config;
};

test("what the file says of CORS, proxies, slashes and compositions holds, and services go where it says", async () => {
  const backend = await start({ grpc: 0 });
  const config = await load(`
server: { http: "127.0.0.1:0" }
targets:
  - { name: kitchen, address: "127.0.0.1:${backend.grpc?.port}" }
gateway:
  services:
    - { service: "test.kitchen.*", target: kitchen, prefix: /k }
    - { service: test.kitchen.v1.Kitchen, target: kitchen, host: kitchen.example }
  cors: { origins: ["https://shop.example.com"], maxAge: 60s, credentials: true }
  trustedProxies: [loopback]
  trailingSlash: redirect
  compose:
    - get: /page/{id}
      parts:
        dish: { method: test.kitchen.v1.Kitchen/GetDish, request: { id: "{id}" } }
        other:
          method: test.kitchen.v1.Kitchen/GetDish
          request: { id: 7, name: "{query.name}" }
          optional: true
          default: { name: none }
`);
  const { http } = await start({ ...config.serve, forward: config.forward([Kitchen]) });
  const url = http?.url ?? "";
  const get = (path: string, headers = {}) => fetch(url + path, { headers, redirect: "manual" });
  expect(await (await get("/k/v1/dishes/1")).json()).toMatchObject({ id: "1" });
  expect((await get("/v1/dishes/1")).status).toBe(404);
  expect((await get("/v1/dishes/1", { "x-forwarded-host": "kitchen.example" })).status).toBe(200);
  const slash = await get("/k/v1/dishes/1/?a=b", { origin: "https://shop.example.com" });
  expect([slash.status, slash.headers.get("location")]).toEqual([308, "/k/v1/dishes/1?a=b"]);
  expect(slash.headers.get("access-control-allow-credentials")).toBe("true");
  expect(await (await get("/page/3?name=x")).json()).toMatchObject({
    dish: { id: "3" },
    other: { id: "7", name: "x" },
  });
});

const openapi = { openapi: "3.1.0", info: { title: "Dishes", version: "1" }, paths: {} };

test("WebSocket, Connect, the docs page and what else a gateway does are switched on by the file", async () => {
  const folder = folderWith({
    "openapi.json": JSON.stringify(openapi),
    "mesh.yaml": `
server: { http: "127.0.0.1:0" }
auth:
  providers:
    - name: keys
      apiKey: { keys: [{ subject: ada, sha256: ${createHash("sha256").update("a key").digest("hex")} }] }
gateway:
  webSocket: { origins: ["https://shop.example.com"], cookie: session, ping: 20s, connectionAge: 1h }
  connect: true
  docs: { documentFile: openapi.json, path: /api, auth: { providers: [keys] } }
  compression: false
  ssePing: 5s
  strictBody: true
  multipart: true
`,
  });
  const config = await loadConfig({ file: join(folder, "mesh.yaml"), args: [], env: {}, watch: false });
  onTestFinished(config.close);
  expect(config.serve.gateway).toMatchObject({
    webSocket: { cookie: "session", pingMs: 20_000, maxConnectionAgeMs: 3_600_000 },
    compression: false,
    ssePingMs: 5_000,
    multipart: true,
  });
  const { http } = await start({ ...config.serve, services: [kitchenWith()] });
  const url = http?.url ?? "";

  const page = (headers = {}) => fetch(`${url}/api`, { headers });
  expect((await page()).status).toBe(401);
  expect((await page({ "x-api-key": "a key" })).status).toBe(200);
  const document = await fetch(`${url}/openapi.json`, { headers: { "x-api-key": "a key" } });
  expect(await document.json()).toEqual(openapi);

  const connect = await fetch(`${url}/test.kitchen.v1.Kitchen/GetDish`, {
    method: "POST",
    headers: { "content-type": "application/json", "connect-protocol-version": "1" },
    body: '{"id":"7"}',
  });
  expect(connect.status).toBe(200);
  expect(await connect.json()).toMatchObject({ id: "7" });

  const handshake = (origin: string) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/dishes:watch?count=1`, { origin });
    return new Promise<string>((resolve) => {
      socket.once("message", (data) => resolve(String(data)));
      socket.once("unexpected-response", (_, { statusCode }) => resolve(`${statusCode}`));
    });
  };
  expect(JSON.parse(await handshake("https://shop.example.com"))).toMatchObject({ result: { id: "1" } });
  expect(await handshake("https://elsewhere.example.com")).toBe("403");

  const head = "GET /v1/dishes/7 HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n";
  expect(await raw(http?.port ?? 0, `${head}{}`)).toMatch(/^HTTP\/1\.1 400 /);
});

test("headers that the file names pass both ways, beside those of the door; 0s turns pings off", async () => {
  const config = await load(`
server: { http: "127.0.0.1:0" }
gateway: { requestHeaders: [X-Tenant], responseHeaders: [X-Cost], ssePing: 0s, webSocket: { ping: 0s } }
`);
  expect(config.serve.gateway).toMatchObject({ ssePingMs: Number.POSITIVE_INFINITY, webSocket: { pingMs: 0 } });
  const kitchen = kitchenWith({
    async getDish(_, { requestMetadata, responseHeaders }) {
      responseHeaders.set("x-cost", "3").set("x-door", "4");
      return Dish.create({ name: `${requestMetadata.get("x-tenant")} ${requestMetadata.get("x-more")}` });
    },
  });
  const door = {
    ...(config.serve.http as object),
    address: 0,
    requestHeaders: ["x-more"],
    responseHeaders: ["x-door"],
  };
  const { http } = await start({ ...config.serve, http: door, services: [kitchen] });
  const answer = await fetch(`${http?.url}/v1/dishes/7`, { headers: { "x-tenant": "a", "x-more": "b" } });
  expect([answer.headers.get("x-cost"), answer.headers.get("x-door")]).toEqual(["3", "4"]);
  expect(await answer.json()).toMatchObject({ name: "a b" });
});

test("without these keys nothing of it is there", async () => {
  const config = await load("server: { http: '127.0.0.1:0' }\ngateway: {}");
  expect(config.serve.gateway).toEqual({});
  const { http } = await start({ ...config.serve, services: [kitchenWith()] });
  const post = await fetch(`${http?.url}/test.kitchen.v1.Kitchen/GetDish`, { method: "POST", body: "{}" });
  expect([post.status, (await fetch(`${http?.url}/docs`)).status]).toEqual([404, 404]);
});

test("without a list, the only target gets every service", async () => {
  const config = await load("targets: [{ name: a, address: 'localhost:1' }]");
  expect(config.forward([Kitchen])).toMatchObject([{ spec: Kitchen, target: { name: "localhost:1" } }]);
});

test.each([
  [
    "gateway: { requestHeaders: ['a b'] }",
    /mesh\.yaml:1: gateway\.requestHeaders\[0\]: is "a b": use the name of a header/,
  ],
  [
    "gateway: { webSocket: { connectionAge: 0s } }",
    /gateway\.webSocket\.connectionAge: "0s" is not a duration above zero/,
  ],
  ["gateway: { cors: {} }", /mesh\.yaml:1: gateway\.cors\.origins: is missing/],
  ["gateway: { cors: { origins: [a], maxAge: 1.5s } }", /maxAge: is no number of whole seconds/],
  ["gateway: { trailingSlash: cut }", /gateway\.trailingSlash: is none of "ignore", "strict", "redirect"/],
  ["gateway: { forwardedHeader: via }", /forwardedHeader: is none of/],
  ["gateway: { trustedProxy: [] }", /unknown key "trustedProxy", did you mean trustedProxies/],
  [
    "gateway: { services: [{ service: '*', target: b }] }",
    /mesh\.yaml:1: gateway\.services\[0\]\.target: no target is named "b"/,
  ],
  ["gateway: { services: [{ service: 'a b', target: b }] }", /services\[0\]\.service: is "a b"/],
  ["gateway: { webSockets: {} }", /mesh\.yaml:1: gateway: unknown key "webSockets", did you mean webSocket\?/],
  ["gateway: { webSocket: true }", /mesh\.yaml:1: gateway\.webSocket: is true or false, it must be an object/],
  [
    "gateway:\n  webSocket: { pingMs: 1 }",
    /mesh\.yaml:2: gateway\.webSocket: unknown key "pingMs", did you mean ping\?/,
  ],
  ["gateway: { webSocket: { ping: 20 } }", /gateway\.webSocket\.ping: is a number, it must be text/],
  ["gateway: { webSocket: { cookie: 'a b' } }", /mesh\.yaml:1: gateway\.webSocket: cookie is "a b": use the name/],
  ["gateway: { webSocket: { origins: [shop] } }", /gateway\.webSocket: origins has "shop": use what browsers send/],
  ["gateway: { connect: 1 }", /gateway\.connect: is a number, it must be true or false/],
  ["gateway: { ssePing: 5 }", /gateway\.ssePing: is a number, it must be text/],
  ["gateway: { ssePingMs: 5 }", /gateway: unknown key "ssePingMs", did you mean ssePing\?/],
  ["gateway: { strictBodies: true }", /gateway: unknown key "strictBodies", did you mean strictBody\?/],
  ["gateway: { docs: {} }", /mesh\.yaml:1: gateway\.docs\.documentFile: is missing/],
  [
    "gateway:\n  docs: { documentFile: none.json }",
    /mesh\.yaml:2: gateway\.docs\.documentFile: none\.json cannot be read \(ENOENT\)/,
  ],
  ["gateway: { docs: { documentFile: mesh.yaml } }", /mesh\.yaml:1: gateway\.docs: document is no JSON: give what/],
  ["gateway: { docs: { document: a.json } }", /gateway\.docs: unknown key "document", did you mean documentFile\?/],
  ["gateway: { compose: [{ parts: {} }] }", /compose\[0\]\.get: is missing/],
  ["gateway: { compose: [{ get: /a, parts: [] }] }", /compose\[0\]\.parts: is a list, it must be an object/],
  ["gateway: { compose: [{ get: /a, parts: { b: { method: c, request: [] } } }] }", /parts\.b\.request: is a list/],
  [
    "gateway: { compose: [{ get: /a, parts: { b: { metod: c } } }] }",
    /parts\.b: unknown key "metod", did you mean method/,
  ],
])("refuses %s", async (text, error) => {
  await expect(load(text)).rejects.toThrow(error);
});

test.each([
  ["{}", /gateway\.services: is missing, and there is no target/],
  ["targets: [{ name: a, address: x }, { name: b, address: y }]", /say which services go to which of the targets a, b/],
  [
    "targets: [{ name: a, address: x }]\ngateway: { services: [{ service: test.kitchen.v1.Kitchn, target: a }] }",
    /mesh\.yaml:2: gateway\.services\[0\]\.service: there is no service test\.kitchen\.v1\.Kitchn, did you mean test\.kitchen\.v1\.Kitchen\?/,
  ],
])("says what is missing in %s", async (text, error) => {
  const config = await load(text);
  expect(() => config.forward([Kitchen])).toThrow(error);
});

test("a composition that does not fit is found out at the start, by file, line and key", async () => {
  const config = await load(`
gateway:
  compose:
    - get: /page
      parts: { dish: { method: test.kitchen.v1.Kitchen/GetDish, request: { idd: 1 } } }
`);
  await expect(start({ ...config.serve, http: 0 })).rejects.toThrow(
    /mesh\.yaml:4: gateway\.compose\[0\]\.parts\.dish\.request: test\.kitchen\.v1\.GetDishRequest: unknown key "idd", did you mean id/,
  );
});
