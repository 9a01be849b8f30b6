/** What the gRPC protocol asks for and grpc-js alone does not do, against peers that speak HTTP/2 by hand. */
import { once } from "node:events";
import { constants, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { gate, overGrpc } from "../../test/over-grpc.ts";
import { finish, frame, rawCall, rawServer, respond } from "../../test/raw-http2.ts";
import { RpcError } from "../core/error.ts";
import { ErrorInfo } from "../messages/details.ts";
import { detail } from "../messages/status.ts";
import { settled } from "../testing.ts";
import { connect } from "./connect.ts";

const pathOf = (key: keyof Kitchen) => Kitchen.methods[key]?.path as string;
const soup = frame(Dish.encode(Dish.create({ name: "soup" })).finish());
const ask = { name: "soup", id: 1n, withRecipe: false };

async function clientOf(port: number): Promise<Kitchen> {
  const target = connect(`127.0.0.1:${port}`);
  onTestFinished(() => target.close());
  return createKitchenClient(target);
}

/** Runs the function when the client has got all that was sent: a ping overtakes nothing. */
const delivered = (stream: ServerHttp2Stream, run: () => void): void => {
  const { session } = stream;
  stream.once("close", () => session?.ping(() => run()));
};

/** Reads a stream to its end: the names of the dishes, and the failure. */
async function read(client: Kitchen) {
  const names: string[] = [];
  try {
    for await (const { name } of client.watchDishes({ count: 1, failAfter: 0 })) names.push(name);
  } catch (error) {
    return { names, error };
  }
  return { names };
}

test("a failure behind messages does not overtake them, however slowly they are read", async () => {
  const ended = gate();
  const port = await rawServer((stream) => {
    respond(stream);
    stream.write(Buffer.concat(Array.from({ length: 40 }, () => soup)));
    finish(stream, { "grpc-status": "10", "grpc-message": "enough" });
    delivered(stream, ended.open);
  });
  const client = await clientOf(port);
  const replies = client.watchDishes({ count: 1, failAfter: 0 })[Symbol.asyncIterator]();
  await replies.next();
  await ended.promise;
  await settled();
  let count = 1;
  const rest = async () => {
    while (!(await replies.next()).done) count += 1;
  };
  await expect(rest()).rejects.toMatchObject({ code: "ABORTED", text: "enough" });
  expect(count).toBe(40);
});

test("a reader that leaves before it learns of the failure leaves no stream behind", async () => {
  let open = 0;
  const port = await rawServer((stream) => {
    open += 1;
    stream.on("close", () => {
      open -= 1;
    });
    respond(stream);
    stream.write(Buffer.concat(Array.from({ length: 200 }, () => soup)));
    finish(stream, { "grpc-status": "10" });
  });
  const client = await clientOf(port);
  for await (const _ of client.watchDishes({ count: 1, failAfter: 0 })) break;
  await expect.poll(() => open).toBe(0);
});

test("a connection that breaks behind a failure that waits ends the stream with that failure", async () => {
  const broken = gate();
  const port = await rawServer((stream) => {
    respond(stream);
    stream.write(Buffer.concat(Array.from({ length: 40 }, () => soup)));
    finish(stream, { "grpc-status": "10" });
    const { session } = stream;
    session?.once("close", () => broken.open());
    delivered(stream, () => session?.destroy());
  });
  const client = await clientOf(port);
  const replies = client.watchDishes({ count: 1, failAfter: 0 })[Symbol.asyncIterator]();
  await replies.next();
  await broken.promise;
  await settled();
  const rest = async () => {
    while (!(await replies.next()).done);
  };
  await expect(rest()).rejects.toMatchObject({ code: expect.stringMatching(/ABORTED|UNAVAILABLE/) });
});

test("a call that is cancelled while a failure waits behind its messages ends at once", async () => {
  const ended = gate();
  const port = await rawServer((stream) => {
    respond(stream);
    stream.write(Buffer.concat(Array.from({ length: 40 }, () => soup)));
    finish(stream, { "grpc-status": "10" });
    delivered(stream, ended.open);
  });
  const client = await clientOf(port);
  const abort = new AbortController();
  const replies = client.watchDishes({ count: 1, failAfter: 0 }, { signal: abort.signal })[Symbol.asyncIterator]();
  await replies.next();
  await ended.promise;
  await settled();
  abort.abort();
  const rest = async () => {
    while (!(await replies.next()).done);
  };
  await expect(rest()).rejects.toMatchObject({ code: "CANCELLED" });
});

test.each([
  ["its length", soup.subarray(0, 3)],
  ["its bytes", soup.subarray(0, soup.length - 1)],
])("a reply that ends within a message, in %s, is no end", async (_, part) => {
  const port = await rawServer((stream) => {
    respond(stream);
    stream.write(Buffer.concat([soup, part]));
    finish(stream, { "grpc-status": "0" });
  });
  const { error } = await read(await clientOf(port));
  expect(error).toMatchObject({ code: "INTERNAL", text: expect.stringContaining("in the middle of a message") });
});

test.each([{}, { "grpc-encoding": "identity" }, { "grpc-encoding": "snappy" }])(
  "a reply marked as compressed under %j is INTERNAL",
  async (headers) => {
    const port = await rawServer((stream) => {
      respond(stream, headers);
      stream.write(frame(soup.subarray(5), { compressed: true }));
      finish(stream, { "grpc-status": "0" });
    });
    const client = await clientOf(port);
    await expect(client.getDish(ask)).rejects.toMatchObject({ code: "INTERNAL" });
    expect((await read(client)).error).toMatchObject({ code: "INTERNAL" });
  },
);

test.each([
  ["its length", soup.subarray(0, 3)],
  ["its bytes", soup.subarray(0, soup.length - 1)],
])("a request that ends within a message, in %s, is INTERNAL for caller and implementation", async (_, part) => {
  const learnt = gate<unknown>();
  const { server } = await overGrpc({
    uploadDishes: async (dishes) => {
      try {
        for await (const _ of dishes);
      } catch (error) {
        learnt.open(error);
      }
      return { count: 0 };
    },
  });
  const { stream, answered } = await rawCall(server.port, pathOf("uploadDishes"));
  stream.end(Buffer.concat([soup, part]));
  expect(await answered).toMatchObject({ "grpc-status": "13" });
  expect(await learnt.promise).toMatchObject({ code: "INTERNAL" });

  const unary = await rawCall(server.port, pathOf("getDish"));
  unary.stream.end(part);
  expect(await unary.answered).toMatchObject({ "grpc-status": "13" });
});

test("a caller that resets its stream within a message has not ended it", async () => {
  const learnt = gate<unknown>();
  const { server } = await overGrpc({
    uploadDishes: async (dishes) => {
      try {
        for await (const _ of dishes);
      } catch (error) {
        learnt.open(error);
      }
      return { count: 0 };
    },
  });
  const { stream } = await rawCall(server.port, pathOf("uploadDishes"));
  stream.write(Buffer.concat([soup, soup.subarray(0, 7)]), () => stream.close(8));
  expect(["CANCELLED", "INTERNAL"]).toContain(((await learnt.promise) as RpcError).code);
});

test.each([
  ["a message marked as compressed under no encoding", {}, frame(soup.subarray(5), { compressed: true }), "13"],
  ["an encoding that nobody here knows", { "grpc-encoding": "snappy" }, soup, "12"],
  ["another method than POST", { ":method": "PUT" }, soup, "12"],
] as const)("%s is refused", async (_, headers, body, code) => {
  const { server } = await overGrpc();
  const { stream, answered } = await rawCall(server.port, pathOf("getDish"), headers);
  stream.end(body);
  expect(await answered).toMatchObject({ "grpc-status": code });
});

test.each([
  ["application/grpc+json", 415],
  ["application/grpc-web", 415],
  ["application/json", 415],
  ["application/grpc", 200],
  ["application/grpc+proto", 200],
  ["application/grpc;charset=utf-8", 200],
])("content-type %s is answered with %i", async (type, status) => {
  const { server } = await overGrpc();
  const { stream, answered } = await rawCall(server.port, pathOf("getDish"), { "content-type": type });
  stream.end(frame(Buffer.alloc(0)));
  expect((await answered)[":status"]).toBe(status);
});

test("bytes travel as base64 without padding, in headers, trailers, details and requests", async () => {
  const { server } = await overGrpc({
    getDish: async (_, context) => {
      context.responseHeaders.set("a-bin", new Uint8Array([1]));
      context.responseTrailers.append("b-bin", new Uint8Array([1, 2])).append("b-bin", new Uint8Array([3]));
      throw new RpcError("ABORTED", "x", { details: [detail(ErrorInfo, { reason: "WHY" })] });
    },
  });
  const { stream, answered } = await rawCall(server.port, pathOf("getDish"));
  stream.end(frame(Buffer.alloc(0)));
  const got = await answered;
  expect(got).toMatchObject({ "a-bin": "AQ", "b-bin": expect.stringMatching(/^AQI, ?Aw$/) });
  expect(got["grpc-status-details-bin"]).toMatch(/^[A-Za-z0-9+/]+$/);

  const sent = gate<unknown>();
  const port = await rawServer((stream, headers) => {
    sent.open(headers["a-bin"]);
    respond(stream);
    finish(stream, { "grpc-status": "5" });
  });
  const client = await clientOf(port);
  await client.getDish(ask, { metadata: { "a-bin": new Uint8Array([1]) } }).catch(() => {});
  expect(await sent.promise).toBe("AQ");
});

/** A frame of HTTP/2 for the first stream. Source: RFC 9113, 4.1. */
const http2Frame = (type: number, flags: number, payload: readonly number[], stream = 1) =>
  Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream, ...payload]);

/** A server that resets its first call, at once or behind headers: by hand, because node:http2 may send an end before. */
async function resetting(headers: readonly Buffer[], beforeReset: () => void): Promise<number> {
  const server = createServer((socket) => {
    let got = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.write(http2Frame(4, 0, [], 0));
    socket.on("data", (chunk) => {
      got = Buffer.concat([got, chunk]);
      // Behind the preface.
      for (let at = 24; at + 9 <= got.length; at += 9 + got.readUIntBE(at, 3)) {
        if (got[at + 3] !== 1) continue;
        beforeReset();
        const cancel = http2Frame(3, 0, [0, 0, 0, constants.NGHTTP2_CANCEL]);
        socket
          .removeAllListeners("data")
          .resume()
          .write(Buffer.concat([...headers, cancel]));
      }
    });
    onTestFinished(() => void socket.destroy());
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** `:status: 200`, which HPACK has a number for. */
const ok = http2Frame(1, 4, [0x88]);

test.each([
  ["late", 30_000, "DEADLINE_EXCEEDED"],
  ["with time left", 0, "CANCELLED"],
])("a reset by a server that gives up %s, before or behind headers", async (_, passesMs, code) => {
  const now = performance.now.bind(performance);
  let passed = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now() + passed);
  onTestFinished(() => void vi.restoreAllMocks());
  for (const headers of [[], [ok]]) {
    const client = await clientOf(await resetting(headers, () => (passed += passesMs)));
    await expect(client.getDish(ask, { timeoutMs: 30_000 })).rejects.toMatchObject({ code });
  }
});
