import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { importPaths, root, runProtoc } from "../../plugin/test/compile.ts";
import { RpcError } from "../../runtime/src/core/error.ts";
import { registryOf } from "../../runtime/src/messages/descriptors.ts";
import { implement } from "../../runtime/src/server.ts";
import { Depot } from "../../runtime/test/depot/depot_mesh.ts";
import { keeper } from "../../runtime/test/keeper.ts";
import { Dish } from "../../runtime/test/kitchen/kitchen.ts";
import { kitchenWith, start } from "../../runtime/test/serving.ts";
import manifest from "../package.json" with { type: "json" };

// The command as users get it: the bundle, behind its bin, in a folder where nothing else is installed.
const work = mkdtempSync(join(tmpdir(), "mesh-cli-"));
const bin = join(work, "bin/protomesh.js");
const image = join(work, "image.binpb");

beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts/build-cli.mjs"), join(work, "dist/protomesh.js")], {
    stdio: "pipe",
  });
  for (const part of ["bin", "package.json"]) cpSync(join(root, "cli", part), join(work, part), { recursive: true });
  describe(image, join(root, "runtime/test"), "kitchen/kitchen.proto");
}, 60_000);

afterAll(() => rmSync(work, { recursive: true }));

function describe(file: string, folder: string, ...protos: string[]): void {
  const paths = [folder, ...importPaths].map((path) => `-I${path}`);
  runProtoc([...paths, "--include_imports", "--include_source_info", `--descriptor_set_out=${file}`, ...protos]);
}

const call = (...args: string[]) => spawnSync(process.execPath, [bin, ...args], { encoding: "utf8", cwd: work });

function write(name: string, text: string): string {
  writeFileSync(join(work, name), text);
  return name;
}

/** A gateway that runs until the test ends, and what it has said. */
async function run(...args: string[]): Promise<{ url: string; said: () => string; child: ChildProcess }> {
  const child = spawn(process.execPath, [bin, "gateway", ...args], { cwd: work, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", () => {
      const found = /listening on (http\S+\d): /.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${said}`)));
  });
  return { url, said: () => said, child };
}

test.each([
  [["policy", image], 0],
  [["lint", image, "--strict", "--format", "json"], 1],
  [["call", "--help"], 0],
  [["ping", "127.0.0.1:1", "-c", "2", "-i", "1ms"], 2],
  // It would go on for ever.
  [["ping", "127.0.0.1:1", "-c", "0", "-i", "1ms"], 130],
])("%j for a reader that has seen enough ends as always, and without a word", async (args, status) => {
  const child = spawn(process.execPath, [bin, ...args], { cwd: work, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdout.destroy();
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const ended = await new Promise((resolve) => child.once("close", resolve));
  expect([ended, said]).toEqual([status, ""]);
});

test("a descriptor set and a configuration are a gateway: routes, streams, policies, CORS, compositions", async () => {
  let failures = 1;
  const backend = await start({
    grpc: 0,
    services: [
      kitchenWith({
        getDish({ id, name }) {
          if (id === 404n) throw new RpcError("NOT_FOUND", "no such dish");
          if (id === 1n && failures-- > 0) throw new RpcError("UNAVAILABLE", "not yet");
          return Dish.create({ name, id });
        },
      }),
    ],
  });
  const config = write(
    "mesh.yaml",
    `
targets: [{ name: kitchen, address: "127.0.0.1:${backend.grpc?.port}" }]
gateway:
  services: [{ service: "*", target: kitchen, prefix: /k }]
  cors: { origins: ["https://shop.example.com"] }
  compose:
    - get: /page/{id}
      parts:
        dish: { method: test.kitchen.v1.Kitchen/GetDish, request: { id: "{id}" } }
        none: { method: test.kitchen.v1.Kitchen/GetDish, request: { id: 404 }, optional: true }
overrides:
  - match: test.kitchen.v1.Kitchen/GetDish
    policy: { timeout: { total: 5s }, retry: { attempts: 3, initial: 10ms } }
`,
  );
  const { url, said, child } = await run("--descriptor", image, "--config", config, "--listen", "127.0.0.1:0");
  expect(said()).toMatch(/listening on http:\/\/127\.0\.0\.1:\d+: \d+ routes of 1 services\n/);

  const dish = await fetch(`${url}/k/v1/dishes/7`, { headers: { origin: "https://shop.example.com" } });
  expect(await dish.json()).toMatchObject({ id: "7", spice: "SPICE_UNSPECIFIED" });
  expect(dish.headers.get("access-control-allow-origin")).toBe("https://shop.example.com");
  const missing = await fetch(`${url}/k/v1/dishes/404`);
  expect([missing.status, await missing.json()]).toMatchObject([404, { code: 5, message: "no such dish" }]);
  expect((await fetch(`${url}/k/v1/dishes/x`)).status).toBe(400);
  expect((await fetch(`${url}/v1/dishes/7`)).status).toBe(404);

  const body = { text: "a", large: "9007199254740993", nested: { numbers: [1, 2] } };
  const mirrored = await fetch(`${url}/k/v1/mirror`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(await mirrored.json()).toMatchObject(body);
  const lines = await (await fetch(`${url}/k/v1/dishes:watch?count=2`)).text();
  expect(
    lines
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).result.id),
  ).toEqual(["1", "2"]);
  expect(await (await fetch(`${url}/page/3`)).json()).toMatchObject({
    dish: { id: "3" },
    none: null,
    errors: { none: { code: 5 } },
  });
  expect((await fetch(`${url}/healthz`)).status).toBe(200);

  // It retries, as the overrides say, and takes over other ones while it runs.
  expect((await fetch(`${url}/k/v1/dishes/1`)).status).toBe(200);
  expect(failures).toBe(-1);
  const text = readFileSync(join(work, config), "utf8");
  write(config, text.replace("timeout: { total: 5s }", "timeout: { total: 4s }"));
  await expect.poll(said, { timeout: 10_000 }).toMatch(/taken over, changed: \/test\.kitchen\.v1\.Kitchen\/GetDish/);

  const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.kill("SIGINT");
  expect(await gone).toBe(0);
}, 60_000);

test("WebSocket, Connect, gRPC-Web, forms and the docs page are there when the configuration says so", async () => {
  const backend = await start({ grpc: 0, services: [implement(Depot, keeper)] });
  const depots = join(work, "depot.binpb");
  describe(depots, join(root, "runtime/test"), "depot/depot.proto");
  const document = { openapi: "3.1.0", info: { title: "Depots", version: "1" }, paths: {} };
  write("openapi.json", JSON.stringify(document));
  const config = write(
    "all.yaml",
    `
server: { listen: "127.0.0.1:0" }
targets: [{ name: depot, address: "127.0.0.1:${backend.grpc?.port}" }]
gateway: { webSocket: {}, connect: true, multipart: true, docs: { documentFile: openapi.json } }
`,
  );
  const { url } = await run("--descriptor", depots, "--config", config);

  const page = await (await fetch(`${url}/docs`)).text();
  const loaded = [...page.matchAll(/(?:src|href|data-document)="(\.[^"]+)"/g)].map(([, path]) => path as string);
  expect(loaded).toContain("./openapi.json");
  for (const path of loaded) expect((await fetch(new URL(path, `${url}/docs`))).status, path).toBe(200);

  const form = new FormData();
  form.append("file", new Blob(["12345"], { type: "image/png" }), "a.png");
  const scanned = await fetch(`${url}/v1/scans/a`, { method: "POST", body: form });
  expect([scanned.status, await scanned.json()]).toEqual([200, { count: 5, depot: "a image/png" }]);

  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/depots/north/parcels:talk`, "mesh.v1+json");
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  const frames: unknown[] = [];
  socket.on("message", (data) => frames.push(JSON.parse(String(data))));
  await new Promise((resolve) => socket.once("open", resolve));
  socket.send('{"m":{"name":"a"}}');
  socket.send('{"end":true}');
  expect(await closed).toBe(1000);
  expect(frames).toContainEqual({ m: expect.objectContaining({ name: "a", depot: "north" }) });

  const desc = registryOf(Depot).getService(Depot.name) as DescService;
  for (const transport of [
    createConnectTransport({ baseUrl: url, httpVersion: "1.1" }),
    createConnectTransport({ baseUrl: url, httpVersion: "2", useBinaryFormat: true }),
    createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" }),
  ]) {
    // biome-ignore lint/suspicious/noExplicitAny: the depot has no code of protobuf-es
    const client: any = createClient(desc as any, transport);
    expect(await client.find({ id: 7n })).toMatchObject({ name: "parcel 7" });
    const names: string[] = [];
    for await (const { name } of client.follow({ depot: "north", count: 2 })) names.push(name);
    expect(names).toEqual(["parcel 1", "parcel 2"]);
    const failed = await collect(client.follow({ count: 2, failAfter: 1 })).catch((error: ConnectError) => error);
    expect(failed).toMatchObject({ code: Code.Aborted, rawMessage: "after 1" });
  }
}, 60_000);

async function collect(stream: AsyncIterable<unknown>): Promise<unknown> {
  const all: unknown[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

test("methods without any route are served by Connect alone", async () => {
  const backend = await start({ grpc: 0 });
  const bare = join(work, "bare.binpb");
  writeFileSync(
    join(work, "bare.proto"),
    'syntax = "proto3"; package test.kitchen.v1; message Dish { string name = 3; } message Sum { int32 count = 1; } service Kitchen { rpc UploadDishes(stream Dish) returns (Sum); }',
  );
  describe(bare, work, "bare.proto");
  const targets = `targets: [{ name: kitchen, address: "127.0.0.1:${backend.grpc?.port}" }]`;
  const args = (name: string, text: string) => ["--descriptor", bare, "--config", write(name, text)];
  const refused = call("gateway", "--check", ...args("bare.yaml", targets));
  expect([refused.status, refused.stderr]).toEqual([
    1,
    "protomesh: no method has a route: annotate them with google.api.http, give --opt unannotated=post, or set gateway.connect\n",
  ]);
  const { url } = await run(
    ...args("connect.yaml", `${targets}\nserver: { listen: "127.0.0.1:0" }\ngateway: { connect: true }`),
  );
  const answer = await fetch(`${url}/test.kitchen.v1.Kitchen/UploadDishes`, {
    method: "POST",
    headers: { "content-type": "application/connect+json" },
    body: Buffer.concat([Buffer.of(0, 0, 0, 0, 2), Buffer.from("{}")]),
  });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('{"count":1}')]);
}, 30_000);

test("methods without annotations get routes by option", async () => {
  const backend = await start({ grpc: 0 });
  const { url } = await run(
    ...["--descriptor", image, "--listen", "127.0.0.1:0", "--opt", "unannotated=post"],
    ...[
      "--config",
      write("plain.json", `{"targets":[{"name":"kitchen","address":"127.0.0.1:${backend.grpc?.port}"}]}`),
    ],
  );
  const response = await fetch(`${url}/test.kitchen.v1.Kitchen/UploadDishes`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: '{"id":"1"}\n{"id":"2"}\n',
  });
  expect([response.status, await response.json()]).toEqual([200, { count: 2 }]);
}, 30_000);

test("--check says whether everything fits", () => {
  const config = write("check.yaml", "targets: [{ name: kitchen, address: 'localhost:1' }]");
  const { status, stdout, stderr } = call("gateway", "--check", "--descriptor", image, "--config", config);
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^everything fits: \d+ routes of 1 services\n$/);
});

test("the configuration that docs/gateway.md shows fits the services of the example", () => {
  const shop = join(work, "shop.binpb");
  describe(shop, join(root, "examples/shop/proto"), "shop/v1/inventory.proto", "shop/v1/orders.proto");
  const config = join(root, "runtime/test/config/gateway.yaml");
  const { status, stdout, stderr } = call("gateway", "--check", `--descriptor=${shop}`, "--config", config);
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^everything fits: \d+ routes of 2 services\n$/);
});

test("--help and --version answer and exit with 0", () => {
  expect(call("--version")).toMatchObject({ status: 0, stdout: `protomesh ${manifest.version}\n` });
  for (const args of [[], ["--help"], ["gateway", "--help"]])
    expect(call(...args)).toMatchObject({ status: 0, stderr: "" });
  expect(call("gateway", "--help").stdout).toMatch(/--descriptor[\s\S]*--config[\s\S]*--listen[\s\S]*--opt/);
});

test.each<[string[], number, RegExp]>([
  [["gatewy"], 2, /^protomesh: unknown command gatewy: try protomesh --help$/],
  [["gateway"], 2, /^protomesh: --descriptor is missing: write the file by buf build/],
  [["gateway", "--descriptor"], 2, /--descriptor has no value/],
  [["gateway", "--descriptor", "a", "--descriptor=b"], 2, /--descriptor is there twice/],
  [["gateway", "--descriptor", "image.binpb", "--config", "one.json", "--verbose"], 2, /unknown argument --verbose/],
  [["gateway", "--descriptor", "nowhere"], 1, /^protomesh: nowhere: cannot be read \(ENOENT\)$/],
  [["gateway", "--descriptor", "one.json"], 1, /^protomesh: --descriptor one\.json: it is no descriptor set/],
  [["gateway", "--descriptor", "empty"], 1, /empty: it is no descriptor set/],
  [
    ["gateway", "--descriptor", "image.binpb", "--config", "nowhere.yaml"],
    1,
    /^protomesh: nowhere\.yaml: cannot be read/,
  ],
  [["gateway", "--descriptor", "image.binpb"], 1, /gateway\.services: is missing, and there is no target/],
  [
    ["gateway", "--descriptor", "image.binpb", "--opt", "unanotated=true"],
    1,
    /unknown parameter unanotated: did you mean unannotated/,
  ],
  [
    ["gateway", "--descriptor", "image.binpb", "--config", "wrong.yaml"],
    1,
    /wrong\.yaml:2: gateway\.compose\[0\]\.parts\.a\.method: .*did you mean test\.kitchen\.v1\.Kitchen\/GetDish/,
  ],
  [["gateway", "--descriptor", "image.binpb", "--config", "one.json", "--listen", "nonsense"], 1, /nonsense/],
  [
    ["gateway", "--descriptor", "errors.binpb", "--config", "one.json"],
    1,
    /values\.proto:\d+:\d+: \(mesh\.v1\.method\)\.retry\.attempts/,
  ],
])("refuses %j with %i", (args, code, text) => {
  write("one.json", '{"targets":[{"name":"kitchen","address":"localhost:1"}]}');
  write("empty", "");
  write(
    "wrong.yaml",
    "gateway: { compose: [\n  { get: /a, parts: { a: { method: test.kitchen.v1.Kitchen/GetDihs } } }] }\ntargets: [{ name: a, address: 'localhost:1' }]",
  );
  if (args.includes("errors.binpb"))
    describe(join(work, "errors.binpb"), join(root, "testdata/errors"), "values.proto");
  const { status, stdout, stderr } = call(...args);
  expect([status, stdout]).toEqual([code, ""]);
  expect(stderr.trim()).toMatch(text);
  expect(stderr).not.toMatch(/\n\s+at /);
});
