import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { collect, gate, overGrpc } from "../../test/over-grpc.ts";
import { frame, rawCall } from "../../test/raw-http2.ts";
import { RpcError } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";
import { connect } from "./connect.ts";
import { listenGrpc } from "./server.ts";

const soup = { name: "soup", id: 7n, withRecipe: false };
const endless = { count: 1_000_000_000, failAfter: 0 };
const big = (bytes: number) => ({ dish: Dish.create({ photo: Buffer.alloc(bytes) }), requestId: "" });

test("a port in use is an error that names the address and the remedy", async () => {
  const { server } = await overGrpc();
  const address = `127.0.0.1:${server.port}`;

  await expect(listenGrpc(new Map(), { address })).rejects.toThrow(
    new RegExp(`cannot listen for gRPC on ${address}: the port is in use; .*another port`),
  );
});

test.each([
  ["localhost", "host:port"],
  ["localhost:http", "host:port"],
  ["127.0.0.1:65536", "65535"],
  ["::1:80", "host:port"],
  ["192.0.2.1:0", "no such address"],
])("the address %j is refused with a remedy", async (address, remedy) => {
  await expect(listenGrpc(new Map(), { address })).rejects.toThrow(remedy);
});

test.each([
  [{ maxReceiveBytes: 0 }, "maxReceiveBytes"],
  [{ maxConnectionAgeMs: -1 }, "maxConnectionAgeMs"],
  [{ keepalive: { timeMs: Number.POSITIVE_INFINITY } }, "keepalive.timeMs"],
])("the options %j are refused by name", async (options, name) => {
  await expect(listenGrpc(new Map(), { address: "127.0.0.1:0", ...options })).rejects.toThrow(name);
});

test("a port without a host is on the loopback interface", async () => {
  const { server, kitchen } = await overGrpc({}, { listen: { address: "0" } });

  expect(server).toMatchObject({ host: "127.0.0.1", port: expect.any(Number) });
  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup" });
});

test("IPv6 and unix sockets serve, and say who calls", async () => {
  const peers: string[] = [];
  const changes = {
    async getDish(request: { name: string }, context: { peer: { address: string } }) {
      peers.push(context.peer.address);
      return Dish.create({ name: request.name });
    },
  };
  const path = `unix:${join(tmpdir(), `kitchen-${process.pid}.sock`)}`;
  for (const address of ["[::1]:0", path]) {
    const { server } = await overGrpc(changes, { listen: { address } });
    const target = connect(address === path ? path : `[::1]:${server.port}`);
    await createKitchenClient(target).getDish(soup);
    await target.close();
  }

  expect(peers).toEqual(["::1", "unix"]);
});

test("a request above the limit is RESOURCE_EXHAUSTED, one below it passes", async () => {
  const { kitchen } = await overGrpc({}, { listen: { maxReceiveBytes: 100_000 } });

  expect((await kitchen.createDish(big(90_000))).photo.length).toBe(90_000);
  await expect(kitchen.createDish(big(100_001))).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
});

test("by default both sides accept up to 4 MiB", async () => {
  const { kitchen } = await overGrpc({
    async getDish() {
      return Dish.create({ photo: Buffer.alloc(4 * 1024 * 1024 + 1) });
    },
  });

  expect((await kitchen.createDish(big(4_000_000))).photo.length).toBe(4_000_000);
  await expect(kitchen.createDish(big(4 * 1024 * 1024 + 1))).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  await expect(kitchen.getDish(soup)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
});

test("the limits of the sending side count too", async () => {
  const first = await overGrpc({}, { connect: { maxSendBytes: 1_000 } });
  const second = await overGrpc({}, { listen: { maxSendBytes: 1_000 } });

  await expect(first.kitchen.createDish(big(1_001))).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  await expect(second.kitchen.createDish(big(1_001))).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
});

test("a message above the limit in a stream ends the call and the implementation", async () => {
  const ended = gate<unknown>();
  const { kitchen } = await overGrpc(
    {
      async uploadDishes(dishes, { cancellation }) {
        cancellation.onCancel(ended.open);
        return { count: (await collect(dishes)).length };
      },
    },
    { listen: { maxReceiveBytes: 1_000 } },
  );
  async function* dishes() {
    yield Dish.create();
    yield Dish.create({ photo: Buffer.alloc(2_000) });
  }

  await expect(kitchen.uploadDishes(dishes())).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  expect(await ended.promise).toBeInstanceOf(RpcError);
});

test.each(["sync", "async"])("a foreign error thrown %s is INTERNAL with an id, and the server lives", async (how) => {
  const { kitchen, errors } = await overGrpc({
    getDish() {
      if (how === "sync") throw new Error("secret");
      return Promise.reject(new Error("secret"));
    },
  });

  const error = await kitchen.getDish(soup).catch((caught: unknown) => caught);

  expect(error).toMatchObject({ code: "INTERNAL", text: expect.stringMatching(/^internal error [0-9a-f-]{36}$/) });
  expect(JSON.stringify(error)).not.toContain("secret");
  expect(errors).toMatchObject([{ message: "secret" }]);
  expect(await kitchen.mirror({} as never).catch(({ code }) => code)).toBeDefined();
});

test("a reply of the wrong type is INTERNAL with an id, and reported", async () => {
  const { kitchen, errors } = await overGrpc({
    getDish: async () => ({ ...Dish.create(), id: "seven" }) as never,
    createDish: async () => null as never,
    watchDishes: (() => Dish.create()) as never,
  });

  for (const call of [
    kitchen.getDish(soup),
    kitchen.createDish({ dish: undefined, requestId: "" }),
    collect(kitchen.watchDishes(endless)),
  ]) {
    await expect(call).rejects.toMatchObject({ code: "INTERNAL", text: expect.stringMatching(/^internal error/) });
  }
  expect(errors.length).toBe(3);
});

test("metadata that cannot be sent is INTERNAL and reported without its value", async () => {
  const smuggled = Metadata.lazy({ all: () => undefined, entries: () => [["x-bad", "secret\u0001"]] });
  const { kitchen, errors } = await overGrpc({
    updateDish() {
      throw new RpcError("ABORTED", "no", { metadata: smuggled });
    },
  });

  await expect(kitchen.updateDish({ dish: undefined, updateMask: undefined })).rejects.toMatchObject({
    code: "INTERNAL",
  });
  expect(String(errors[0])).toContain("x-bad");
  expect(String(errors[0])).not.toContain("secret");
});

test("a very long error text is cut, and the error arrives", async () => {
  for (const character of ["x", "\u4e2d"]) {
    const { kitchen } = await overGrpc({
      getDish() {
        throw new RpcError("NOT_FOUND", character.repeat(200_000));
      },
    });

    await expect(kitchen.getDish(soup)).rejects.toMatchObject({
      code: "NOT_FOUND",
      text: `${character.repeat(2_000)}\u2026`,
    });
  }
});

test("details that do not fit stay behind, and the error arrives", async () => {
  const why = (bytes: number) => ({ type: "test.Why", value: new Uint8Array(bytes) });
  const { kitchen } = await overGrpc({
    getDish() {
      throw new RpcError("NOT_FOUND", "no", { details: [why(10_000), why(100_000), why(1)] });
    },
  });

  await expect(kitchen.getDish(soup)).rejects.toMatchObject({
    code: "NOT_FOUND",
    details: [{ type: "test.Why", value: { length: 10_000 } }],
  });
});

test("metadata that HTTP/2 cannot carry is refused, on both sides", async () => {
  const much = { "x-much": "x".repeat(60_000) };
  const { kitchen, errors } = await overGrpc({
    async getDish(_request, context) {
      context.responseTrailers.set("x-much", much["x-much"]);
      return Dish.create();
    },
  });

  await expect(kitchen.ping({}, { metadata: much })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    text: expect.stringContaining("at most 57344"),
  });
  await expect(kitchen.getDish(soup)).rejects.toMatchObject({ code: "INTERNAL" });
  expect(String(errors[0])).toContain("at most 57344");
});

test("metadata just below what HTTP/2 carries passes both ways", async () => {
  const { kitchen } = await overGrpc({
    async getDish(request, context) {
      const sent = context.requestMetadata.get("x-much") ?? "";
      context.responseHeaders.set("x-much", sent);
      context.responseTrailers.set("x-much", sent);
      return Dish.create(request);
    },
  });
  const much = "x".repeat(55_000);
  const got: (string | undefined)[] = [];

  await kitchen.getDish(soup, {
    metadata: { "x-much": much },
    onHeaders: (headers) => got.push(headers.get("x-much")),
    onTrailers: (trailers) => got.push(trailers.get("x-much")),
  });

  expect(got).toEqual([much, much]);
});

test("what is no gRPC is refused, and the server lives", async () => {
  const { kitchen, server } = await overGrpc();
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  onTestFinished(() => session.destroy());
  const answer = (headers: { [name: string]: string }) =>
    new Promise((resolve) => {
      const stream = session.request({ ":method": "POST", ...headers });
      stream.on("response", (got) => resolve(got[":status"]));
      stream.on("error", () => {});
      stream.end();
    });

  expect(await answer({ ":path": Kitchen.methods.getDish?.path ?? "", "content-type": "application/json" })).toBe(415);
  expect(await answer({ ":path": "/", "content-type": "application/grpc" })).toBe(200); // UNIMPLEMENTED in the trailers
  expect(
    await answer({
      ":path": Kitchen.methods.getDish?.path ?? "",
      "content-type": "application/grpc",
      "grpc-timeout": "soon",
      "grpc-previous-rpc-attempts": "many",
    }),
  ).toBe(200);
  expect(await kitchen.getDish(soup)).toMatchObject({ name: "soup" });
});
test("an IPv4 caller of a socket for both is known by its IPv4 address", async () => {
  let address: string | undefined;
  const { kitchen } = await overGrpc(
    {
      async getDish(request, context) {
        address = context.peer.address;
        return Dish.create({ name: request.name });
      },
    },
    { listen: { address: "[::]:0" } },
  );

  await kitchen.getDish(soup);

  expect(address).toBe("127.0.0.1");
});

test("a call that arrives without time left reaches no implementation", async () => {
  let calls = 0;
  const { server } = await overGrpc({
    async getDish() {
      calls += 1;
      return Dish.create();
    },
  });
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  onTestFinished(() => session.destroy());

  const status = await new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": Kitchen.methods.getDish?.path ?? "",
      "content-type": "application/grpc",
      "grpc-timeout": "0n",
    });
    stream.on("response", (got) => resolve(got["grpc-status"]));
    stream.on("error", () => {});
    stream.end(Buffer.alloc(5));
  });

  expect(status).toBe("4");
  expect(calls).toBe(0);
});

test("a deadline ends work whose caller stays", async () => {
  const ended = gate<unknown>();
  const { server } = await overGrpc({
    getDish: (_request, { cancellation }) =>
      new Promise((_, reject) => {
        cancellation.onCancel((reason) => {
          ended.open(reason);
          reject(reason);
        });
      }),
  });
  const { stream, answered } = await rawCall(server.port, Kitchen.methods.getDish?.path ?? "", {
    "grpc-timeout": "200m",
  });
  stream.end(frame(new Uint8Array()));
  expect(await answered).toMatchObject({ "grpc-status": "4" });
  expect(await ended.promise).toMatchObject({ code: "DEADLINE_EXCEEDED" });
});
