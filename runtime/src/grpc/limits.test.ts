/** `limits` in bytes, between real sockets, also with peers that lie. */
import { deflateSync, gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, cook, gate, type KitchenMethods } from "../../test/over-grpc.ts";
import { withPolicy } from "../../test/over-http.ts";
import { finish, frame, rawCall, rawServer, respond } from "../../test/raw-http2.ts";
import { createClient } from "../client.ts";
import { RpcError } from "../core/error.ts";
import type { Codec, MethodSpec } from "../core/spec.ts";
import type { MethodPolicy } from "../policies/index.ts";
import { implement, type ServedMethod, serverHandlers } from "../server.ts";
import { type ConnectOptions, connect } from "./connect.ts";
import { type GrpcListenOptions, listenGrpc } from "./server.ts";

const open = { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] } } as const;
const everywhere = (policy: MethodPolicy) =>
  withPolicy(
    Object.fromEntries(
      Object.keys(Kitchen.methods).map((key) => [key, { ...open, retry: undefined, ...policy }]),
    ) as never,
  );

/** A kitchen with a policy on one side or both. */
async function kitchen(
  sides: { readonly client?: MethodPolicy; readonly server?: MethodPolicy },
  methods: Partial<KitchenMethods> = {},
  options: { readonly connect?: ConnectOptions; readonly listen?: Partial<GrpcListenOptions> } = {},
) {
  const spec = everywhere(sides.server ?? {});
  const served = serverHandlers([implement(spec, { ...cook, ...methods } as Kitchen)]);
  const server = await listenGrpc(served, { address: "127.0.0.1:0", ...options.listen });
  const target = connect(`127.0.0.1:${server.port}`, options.connect);
  onTestFinished(async () => {
    await target.close();
    await server.drain();
  });
  return { client: createClient(everywhere(sides.client ?? {}), target), port: server.port };
}

/** A client with a policy, of a raw server. */
async function clientOf(port: number, policy: MethodPolicy, options?: ConnectOptions) {
  const target = connect(`127.0.0.1:${port}`, options);
  onTestFinished(() => target.close());
  return createClient(everywhere(policy), target);
}

const refused = { code: "RESOURCE_EXHAUSTED", refusedBy: "limits" };
const dish = (bytes: number) => Dish.create({ name: "x".repeat(bytes) });
const sizeOf = (bytes: number) => Dish.encode(dish(bytes)).finish().length;
const mega = 1024 * 1024;
const ask = { name: "soup", id: 1n, withRecipe: false };

test("a request that is too large is refused before anything is sent", async () => {
  let called = false;
  const { client } = await kitchen(
    { client: { limits: { requestBytes: 100 } } },
    {
      getDish: async () => {
        called = true;
        return Dish.create();
      },
    },
  );
  const call = client.getDish({ ...ask, name: "x".repeat(100) });
  await expect(call).rejects.toMatchObject({ ...refused, message: expect.stringContaining("limits.request_bytes") });
  expect(called).toBe(false);
  await client.getDish({ ...ask, name: "x".repeat(80) });
});

test("a request of exactly the limit passes, one byte more does not", async () => {
  const size = sizeOf(200);
  for (const side of ["client", "server"] as const) {
    const { client } = await kitchen({ [side]: { limits: { requestBytes: size } } });
    await client.uploadDishes(only(dish(200)));
    await expect(client.uploadDishes(only(dish(201)))).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  }
});

async function* only<T>(...messages: T[]): AsyncGenerator<T> {
  yield* messages;
}

test("a message of a request stream that is too large ends the call and stops the source", async () => {
  let stopped = false;
  async function* dishes() {
    try {
      yield dish(10);
      yield dish(1000);
      yield dish(10);
    } finally {
      stopped = true;
    }
  }
  const { client } = await kitchen({ client: { limits: { requestBytes: 100 } } });
  await expect(client.uploadDishes(dishes())).rejects.toMatchObject(refused);
  expect(stopped).toBe(true);
});

test("a server refuses a request that is too large, and its stream reader learns why", async () => {
  const learnt = gate<unknown>();
  const { client } = await kitchen(
    { server: { limits: { requestBytes: 100 } } },
    {
      uploadDishes: async (dishes) => {
        await collect(dishes).catch((error) => learnt.open(error));
        return { count: 0 };
      },
    },
  );
  const decisions = await decisionsOf(async () => {
    const call = client.uploadDishes(only(dish(10), dish(1000)));
    await expect(call).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED", refusedBy: undefined, origin: "peer" });
  });
  expect(await learnt.promise).toMatchObject(refused);
  expect(decisions).toEqual([
    expect.objectContaining({ policy: "limits", outcome: "refused", detail: { limit: "request_bytes", max: 100 } }),
  ]);
});

test.each([
  ["4 GiB", 2 ** 32 - 1],
  ["one byte more than allowed", 101],
])("a length of %s is refused by its five bytes, before the message", async (_, length) => {
  const { port } = await kitchen({ server: { limits: { requestBytes: 100 } } });
  const { stream, answered } = await rawCall(port, Kitchen.methods.getDish?.path as string);
  stream.write(frame(Buffer.alloc(0), { length }));
  expect(await answered).toMatchObject({ "grpc-status": "8" });
});

test("a message that never ends is bounded by its announced length", async () => {
  const { port } = await kitchen({ server: { limits: { requestBytes: 100 } } });
  const { stream, answered } = await rawCall(port, Kitchen.methods.uploadDishes?.path as string);
  const chunk = Buffer.alloc(16_384);
  stream.write(frame(chunk, { length: 2 ** 31 }));
  const pump = () => stream.writable && stream.write(chunk, () => setImmediate(pump));
  pump();
  expect(await answered).toMatchObject({ "grpc-status": "8" });
});

test.each(["gzip", "deflate"])("a %s bomb is refused while it is inflated", async (encoding) => {
  const { port } = await kitchen({ server: { limits: { requestBytes: 64 * 1024 } } });
  const { stream, answered } = await rawCall(port, Kitchen.methods.getDish?.path as string, {
    "grpc-encoding": encoding,
  });
  const zeros = Buffer.alloc(32 * mega);
  const bomb = encoding === "gzip" ? gzipSync(zeros) : deflateSync(zeros);
  expect(bomb.length).toBeLessThan(64 * 1024);
  const decisions = await decisionsOf(async () => {
    stream.end(frame(bomb, { compressed: true }));
    expect(await answered).toMatchObject({ "grpc-status": "8" });
  });
  expect(decisions).toHaveLength(1);
});

test("an implementation's own RESOURCE_EXHAUSTED reaches a caller that compresses", async () => {
  const { client } = await kitchen(
    { client: { compression: { request: "GZIP", minBytes: 0 } } },
    {
      getDish: async () => {
        throw new RpcError("RESOURCE_EXHAUSTED", "no more soup");
      },
    },
  );
  await expect(client.getDish(ask)).rejects.toMatchObject({ text: "no more soup" });
});

test("a limit above the server's own raises it for that method alone", async () => {
  const spec = withPolicy({
    getDish: { ...open, limits: { requestBytes: 3 * mega, responseBytes: 3 * mega } },
  } as never);
  const served = serverHandlers([implement(spec, cook as Kitchen)]);
  const server = await listenGrpc(served, { address: "127.0.0.1:0", maxReceiveBytes: mega });
  const target = connect(`127.0.0.1:${server.port}`, { maxReceiveBytes: mega });
  onTestFinished(async () => {
    await target.close();
    await server.drain();
  });
  const client = createClient(spec, target);
  const reply = await client.getDish({ ...ask, name: "x".repeat(2 * mega) });
  expect(reply.name).toHaveLength(2 * mega);
  await expect(client.createDish({ dish: dish(2 * mega) } as never)).rejects.toMatchObject({
    code: "RESOURCE_EXHAUSTED",
  });
  await expect(client.getDish({ ...ask, name: "x".repeat(3 * mega) })).rejects.toMatchObject(refused);
});

test("more than 4 MiB passes both ways when the limits say so", async () => {
  const both = { limits: { requestBytes: 9 * mega, responseBytes: 9 * mega } };
  const { client } = await kitchen({ client: both, server: both });
  expect((await client.getDish({ ...ask, name: "x".repeat(8 * mega) })).name).toHaveLength(8 * mega);
});

test("a server sends no reply that is too large", async () => {
  const { client } = await kitchen({ server: { limits: { responseBytes: 100 } } });
  await expect(client.getDish({ ...ask, name: "x".repeat(200) })).rejects.toMatchObject({
    code: "RESOURCE_EXHAUSTED",
    text: expect.stringContaining("limits.response_bytes"),
  });
  expect((await client.getDish(ask)).name).toBe("soup");
});

test("a reply of a stream that is too large ends it, after the ones before, and stops the source", async () => {
  let stopped = false;
  const watchDishes = async function* () {
    try {
      yield dish(10);
      yield dish(1000);
      yield dish(10);
    } finally {
      stopped = true;
    }
  };
  for (const side of ["client", "server"] as const) {
    stopped = false;
    const { client } = await kitchen({ [side]: { limits: { responseBytes: 100 } } }, { watchDishes });
    const got: number[] = [];
    const read = async () => {
      for await (const { name } of client.watchDishes({ count: 3, failAfter: 0 })) got.push(name.length);
    };
    await expect(read()).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
    // A client drops what is not read when it ends a call itself.
    expect(got).toEqual(side === "server" || got.length > 0 ? [10] : []);
    await expect.poll(() => stopped).toBe(true);
  }
});

test.each([
  ["4 GiB", 2 ** 32 - 1],
  ["one byte more than allowed", 101],
])("a client refuses a reply with a length of %s by its five bytes", async (_, length) => {
  let closed = false;
  const port = await rawServer((stream) => {
    respond(stream);
    stream.write(frame(Buffer.alloc(0), { length }));
    stream.on("close", () => {
      closed = true;
    });
  });
  const client = await clientOf(port, { limits: { responseBytes: 100 } });
  await expect(client.getDish(ask)).rejects.toMatchObject({ ...refused, committed: true });
  await expect.poll(() => closed).toBe(true);
});

test("a client refuses a bomb while it is inflated", async () => {
  const bomb = gzipSync(Buffer.alloc(32 * mega));
  const port = await rawServer((stream) => {
    respond(stream, { "grpc-encoding": "gzip" });
    stream.write(frame(bomb, { compressed: true }));
    finish(stream, { "grpc-status": "0" });
  });
  const limited = await clientOf(port, { limits: { responseBytes: 64 * 1024 } });
  await expect(limited.getDish(ask)).rejects.toMatchObject(refused);
  const unlimited = await clientOf(port, {});
  await expect(unlimited.getDish(ask)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED", refusedBy: undefined });
});

test("a limit that changes while the server runs holds from the next call", async () => {
  const codec: Codec = { typeName: "x", encode: () => Buffer.alloc(0), decode: (bytes) => bytes };
  const method: MethodSpec = {
    name: "Go",
    path: "/x.X/Go",
    kind: "unary",
    request: codec,
    reply: codec,
    policy: {},
    routes: [],
  };
  const served: { method: MethodSpec; handler: ServedMethod["handler"] } = { method, handler: async () => ({}) };
  const server = await listenGrpc(new Map([[method.path, served]]), { address: "127.0.0.1:0" });
  onTestFinished(() => server.destroy());
  const status = async () => {
    const { stream, answered } = await rawCall(server.port, method.path);
    stream.end(frame(Buffer.alloc(50)));
    return (await answered)["grpc-status"];
  };
  expect(await status()).toBe("0");
  served.method = { ...method, policy: { limits: { requestBytes: 10 } } };
  expect(await status()).toBe("8");
});
