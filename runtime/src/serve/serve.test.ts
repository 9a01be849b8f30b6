import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook } from "../../test/over-grpc.ts";
import { kitchenOf, kitchenWith, start, targetOf } from "../../test/serving.ts";
import type { CallContext } from "../core/context.ts";
import type { MethodSpec } from "../core/spec.ts";
import { connect } from "../grpc/connect.ts";
import { apiKeys } from "../policies/auth.ts";
import { implement } from "../server.ts";
import type { ServeOptions } from "./options.ts";
import { serve } from "./serve.ts";

/** The kitchen under another policy. */
const withPolicy = (policy: MethodSpec["policy"]): typeof Kitchen => ({
  ...Kitchen,
  methods: Object.fromEntries(Object.entries(Kitchen.methods).map(([key, method]) => [key, { ...method, policy }])),
});

test("gRPC alone", async () => {
  const server = await start({ grpc: "127.0.0.1:0" });
  expect(server.http).toBeUndefined();
  expect(server.grpc).toEqual({ host: "127.0.0.1", port: expect.any(Number) });
  expect(await kitchenOf(server).getDish({ name: "", id: 7n, withRecipe: false })).toMatchObject({ id: 7n });
});

test("HTTP alone", async () => {
  const server = await start({ http: 0 });
  expect(server.grpc).toBeUndefined();
  expect(server.http?.url).toBe(`http://127.0.0.1:${server.http?.port}`);
  const response = await fetch(`${server.http?.url}/v1/dishes/7`);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ id: "7" });
});

test("gRPC on a socket file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mesh-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const address = `unix:${folder}/kitchen.sock`;
  const server = await start({ grpc: address });
  expect(server.grpc).toEqual({ host: address, port: 0 });
  const target = connect(address);
  onTestFinished(() => target.close());
  const dish = await createKitchenClient(target).getDish({ name: "", id: 7n, withRecipe: false });
  expect(dish).toMatchObject({ id: 7n });
});

test("both doors lead to the same object", async () => {
  const seen: bigint[] = [];
  const getDish = async ({ id }: { id: bigint }) => {
    seen.push(id);
    return Dish.create();
  };
  const server = await start({ services: [kitchenWith({ getDish })], grpc: 0, http: 0 });
  await kitchenOf(server).getDish({ name: "", id: 1n, withRecipe: false });
  await fetch(`${server.http?.url}/v1/dishes/2`);
  expect(seen).toEqual([1n, 2n]);
});

test("both doors draw on the same rate limit", async () => {
  const limit = { name: "all", perSecond: 0.001, burst: 2, by: [], cost: "1", shared: false, failClosed: false };
  const auth = { access: "PUBLIC", providers: [], scopes: [], audiences: [] };
  const limited = withPolicy({ auth, rateLimit: [{ ...limit, shadow: false, scope: "method" }] });
  const server = await start({ services: [implement(limited, cook as Kitchen)], grpc: 0, http: 0 });
  const users = kitchenOf(server);

  await users.getDish({ name: "", id: 1n, withRecipe: false });
  expect((await fetch(`${server.http?.url}/v1/dishes/1`)).status).toBe(200);
  expect((await fetch(`${server.http?.url}/v1/dishes/1`)).status).toBe(429);
  await expect(users.getDish({ name: "", id: 1n, withRecipe: false })).rejects.toMatchObject({
    code: "RESOURCE_EXHAUSTED",
  });
});

test("a service elsewhere is served by HTTP through its gRPC server", async () => {
  const backend = await start({
    services: [
      kitchenWith({
        getDish: async ({ id }, context) => Dish.create({ id, note: context.requestMetadata.get("authorization") }),
      }),
    ],
    grpc: 0,
  });
  const front = await start({ forward: [{ spec: Kitchen, target: targetOf(backend) }], http: 0 });

  const response = await fetch(`${front.http?.url}/v1/dishes/7`, { headers: { authorization: "Bearer t" } });
  expect(await response.json()).toMatchObject({ id: "7", note: "Bearer t" });
});

test("two servers in one process serve different services on ports of their own", async () => {
  const [one, two] = await Promise.all([start({ http: 0 }), start({ http: 0, health: false })]);
  expect(one.http?.port).not.toBe(two.http?.port);
  expect((await fetch(`${one.http?.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${two.http?.url}/healthz`)).status).toBe(404);
});

const services = [kitchenWith()];
const wrong: readonly [options: object, message: RegExp][] = [
  [{ services, grcp: 0 }, /^serve: unknown key "grcp", did you mean grpc\? Known keys: services, /],
  [
    { services, http: { address: 0, keepAliveMS: 1 } },
    /^serve: http: unknown key "keepAliveMS", did you mean keepAliveMs/,
  ],
  [{ services, grpc: 0, tls: { cert: "c", keys: "k" } }, /^serve: tls: unknown key "keys", did you mean key\?/],
  [{ services, grpc: { address: 0, tls: { crt: "c" } } }, /^serve: grpc\.tls: unknown key "crt", did you mean cert\?/],
  [{ services, grpc: 0, drain: { limit: 1 } }, /^serve: drain: unknown key "limit", did you mean limitMs\?/],
  [{ services, grpc: 0, reflection: { access: "PUBLIC" } }, /^serve: reflection: unknown key "access"/],
  [{ services, grpc: 0, drain: { limitMs: -1 } }, /^serve: drain\.limitMs is -1: use a number of at least 0$/],
  [
    { services, http: { address: 0, headersTimeoutMs: 0 } },
    /^serve: http\.headersTimeoutMs is 0: use a number above 0$/,
  ],
  [{ services, grpc: 0, maxRequestBytes: Number.NaN }, /^serve: maxRequestBytes is NaN: use a number above 0$/],
  [{ services }, /^serve: nothing to listen on: set grpc, http or both/],
  [{ grpc: 0 }, /^serve: nothing to serve: add implement/],
  [{ grpc: 0, services: [cook] }, /^serve: services takes what implement\(Service, implementation\) returns$/],
  [{ grpc: 0, forward: [{ spec: Kitchen, target: "users:80" }] }, /^serve: forward takes \{ spec: Service, target:/],
  [
    { grpc: 0, forward: [{ spec: Kitchen, target: connect("127.0.0.1:1") }] },
    /^serve: forward serves HTTP routes: set http/,
  ],
  [
    { services, grpc: 0, auth: { providers: { main: "jwt" } } },
    /^serve: auth\.providers\.main is no provider: use jwt/,
  ],
  [
    { services, grpc: 0, signals: ["SIGKILL"] },
    /^serve: signals: "SIGKILL" is none of SIGTERM, SIGINT, SIGHUP, SIGQUIT$/,
  ],
  [{ services, http: "unix:/tmp/x" }, /^serve: http: "unix:\/tmp\/x" is not an address/],
  [{ services, grpc: "localhost" }, /^serve: grpc: "localhost" is not an address/],
  [{ services, http: "http://localhost:80" }, /^serve: http: "http:\/\/localhost:80" is not an address/],
  [
    { services: [...services, ...services], grpc: 0 },
    /has two implementations: register test\.kitchen\.v1\.Kitchen once/,
  ],
];

test.each(wrong.map(([options, message]) => ({ options, message })))(
  "refused: $message",
  async ({ options, message }) => {
    await expect(serve({ signals: false, ...options } as ServeOptions)).rejects.toThrow(message);
  },
);

test("a port in use is an error that says so, for either door", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const { port } = other.address() as { port: number };

  await expect(start({ grpc: port })).rejects.toThrow(new RegExp(`gRPC on 127.0.0.1:${port}: the port is in use`));
  await expect(start({ http: port })).rejects.toThrow(
    `serve: http: cannot listen on 127.0.0.1:${port}: the port is in use; stop the other process or choose another port (0 takes a free one)`,
  );
});

test("when the second door cannot be opened, the first is closed again", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port: taken } = other.address() as { port: number };
  onTestFinished(() => void other.close());
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port: free } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");

  await expect(start({ grpc: free, http: taken })).rejects.toThrow("the port is in use");
  const again = await start({ grpc: free });
  expect(again.grpc?.port).toBe(free);
});

test("a method that nobody may call is warned of once, by name and with the remedy", async () => {
  const warnings: string[] = [];
  const { getDish, ping } = withPolicy({}).methods as { [key: string]: MethodSpec };
  const closed = { ...Kitchen, methods: { ...Kitchen.methods, getDish, ping } } as typeof Kitchen;
  const logger = { info() {}, warn: (text: string) => void warnings.push(text), error() {} };
  const server = await start({ services: [implement(closed, cook as Kitchen)], grpc: 0, logger });

  expect(warnings).toEqual([
    expect.stringMatching(
      /^No caller may call \/test\.kitchen\.v1\.Kitchen\/GetDish, \/test\.kitchen\.v1\.Kitchen\/Ping: .* auth: \{ access:/,
    ),
  ]);
  await expect(kitchenOf(server).ping({})).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
});

test("an error that is no RpcError goes to the logger, and its id to the caller", async () => {
  const errors: string[] = [];
  const ping = () => Promise.reject(new Error("secret"));
  const logger = { info() {}, warn() {}, error: (text: string) => void errors.push(text) };
  const server = await start({ services: [kitchenWith({ ping })], http: 0, logger });

  const body = (await (await fetch(`${server.http?.url}/v1/ping`)).json()) as { message: string };
  expect(body.message).toMatch(/^internal error [0-9a-f-]{36}$/);
  expect(errors).toEqual([expect.stringContaining("secret")]);
  expect(errors[0]).toContain(body.message);
});

test("providers verify callers at both doors", async () => {
  const closed = withPolicy({ auth: { access: "AUTHENTICATED", providers: ["keys"], scopes: [], audiences: [] } });
  const keys = apiKeys({ keys: [{ subject: "ada", sha256: createHash("sha256").update("open").digest("hex") }] });
  const whoAmI = async (_: unknown, context: CallContext) => Dish.create({ name: context.principal?.subject ?? "" });
  const server = await start({
    services: [implement(closed, { ...cook, getDish: whoAmI } as unknown as Kitchen)],
    grpc: 0,
    http: 0,
    auth: { providers: { keys } },
  });
  const url = `${server.http?.url}/v1/dishes/1`;
  expect((await fetch(url)).status).toBe(401);
  const response = await fetch(url, { headers: { "grpc-metadata-x-api-key": "open" } });
  expect(await response.json()).toMatchObject({ name: "ada" });

  const kitchen = kitchenOf(server);
  const request = { name: "", id: 1n, withRecipe: false };
  await expect(kitchen.getDish(request)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  expect(await kitchen.getDish(request, { metadata: { "x-api-key": "open" } })).toMatchObject({ name: "ada" });
});

test("a provider that can never work stops the start, by name", async () => {
  const broken = { authenticate: () => undefined, ready: () => Promise.reject(new Error("npm install jose")) };
  await expect(start({ grpc: 0, auth: { providers: { main: broken } } })).rejects.toThrow(
    "serve: auth.providers.main: npm install jose",
  );
});

test("a request over maxRequestBytes is refused at both doors", async () => {
  const server = await start({ grpc: 0, http: 0, maxRequestBytes: 1_000 });
  const text = "x".repeat(2_000);
  const response = await fetch(`${server.http?.url}/v1/mirror`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text }),
  });
  expect(response.status).toBe(413);
  const call = kitchenOf(server).getDish({ name: text, id: 1n, withRecipe: false });
  await expect(call).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
});

test.each([
  [undefined, /serve takes an object of options/],
  [{ services: implement(Kitchen, cook as Kitchen), grpc: 0 }, /serve: services is not a list/],
  [{ services: [], grpc: 0, auth: { providers: [] } }, /serve: auth.providers is a list: name each/],
])("options of the wrong shape are refused by name", async (options, text) => {
  await expect(serve(options as never)).rejects.toThrow(text);
});
