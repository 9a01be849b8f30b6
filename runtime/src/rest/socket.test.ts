import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { Parcel } from "../../test/depot/depot.ts";
import { createDepotRestClient } from "../../test/depot/depot_rest.ts";
import { overRest } from "../../test/keeper.ts";
import { collect, gate } from "../../test/over-grpc.ts";
import type { CallContext } from "../core/context.ts";
import type { Metadata } from "../core/metadata.ts";
import { FakeClock } from "../testing.ts";
import { RestError, type RestOptions, type WebSocketClass, type WebSocketLike } from "./index.ts";

const sockets: RestOptions = { WebSocket: WebSocket as unknown as WebSocketClass, clientStreams: "websocket" };

async function* some<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

const failure = async (call: Promise<unknown>): Promise<RestError> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RestError);
  return error as RestError;
};

test("each message of a conversation is answered before the next one", async () => {
  const { depot } = await overRest({}, sockets);
  const next = [gate<Parcel>(), gate<Parcel>()];
  async function* parcels() {
    for (const { promise } of next) yield await promise;
  }
  const replies = depot.talk(parcels())[Symbol.asyncIterator]();
  next[0]?.open(
    Parcel.create({ depot: "north", name: "ä", weightGrams: 2n ** 63n, toWhom: { $case: "person", value: "" } }),
  );
  expect(await replies.next()).toMatchObject({
    value: { depot: "north", name: "ä", weightGrams: 2n ** 63n, toWhom: { $case: "person", value: "" } },
  });
  next[1]?.open(Parcel.create({ name: "two" }));
  expect(await replies.next()).toMatchObject({ value: { name: "two" } });
  expect(await replies.next()).toEqual({ done: true, value: undefined });
});

test("a stream of requests gets its reply after the end of its requests", async () => {
  const { depot } = await overRest({}, sockets);
  const parcels = Array.from({ length: 500 }, (_, n) => Parcel.create({ depot: n === 0 ? "north" : "", name: `${n}` }));
  expect(await depot.store(some(...parcels))).toEqual({ count: 500, depot: "north" });
});

test("a failure has the server's code and text, over either kind of stream", async () => {
  const { depot } = await overRest({}, sockets);
  const bad = Parcel.create({ depot: "d", error: "bad parcel" });
  expect(await failure(collect(depot.talk(some(bad))))).toMatchObject({
    code: "FAILED_PRECONDITION",
    text: "bad parcel",
  });
  expect(await failure(depot.store(some(bad)))).toMatchObject({ code: "INVALID_ARGUMENT", text: "bad parcel" });
});

test("what cannot be sent fails the call", async () => {
  const { depot } = await overRest({}, sockets);
  expect((await failure(collect(depot.talk(some<Parcel>())))).code).toBe("INVALID_ARGUMENT");
  const late = some(Parcel.create({ depot: "d" }), { ...Parcel.create(), weightGrams: -1n });
  expect(await failure(collect(depot.talk(late)))).toMatchObject({
    code: "CANCELLED",
    cause: expect.objectContaining({ text: expect.stringContaining("weight_grams") }),
  });
});

test("requests that fail end the call", async () => {
  const { depot } = await overRest({}, sockets);
  async function* broken() {
    yield Parcel.create({ depot: "d" });
    throw new Error("no more parcels");
  }
  expect(await failure(collect(depot.talk(broken())))).toMatchObject({
    code: "CANCELLED",
    cause: new Error("no more parcels"),
  });
});

test("a reader that leaves ends the call at the server, and the requests", async () => {
  const [served, left] = [gate(), gate()];
  const { depot } = await overRest(
    {
      async *talk(parcels, options) {
        options?.signal?.addEventListener("abort", () => served.open());
        yield* parcels;
      },
    },
    sockets,
  );
  async function* endless() {
    try {
      for (;;) yield Parcel.create({ depot: "d" });
    } finally {
      left.open();
    }
  }
  for await (const { depot: name } of depot.talk(endless())) {
    expect(name).toBe("d");
    break;
  }
  await Promise.all([served.promise, left.promise]);
});

test("deadline and signal end a silent conversation", async () => {
  const asked = gate();
  const { depot } = await overRest(
    {
      // biome-ignore lint/correctness/useYield: it never answers
      async *talk(parcels) {
        for await (const _ of parcels) asked.open();
      },
    },
    sockets,
  );
  const silent = gate<Parcel>();
  async function* parcels() {
    yield Parcel.create({ depot: "d" });
    yield await silent.promise;
  }
  const controller = new AbortController();
  const cancelled = failure(collect(depot.talk(parcels(), { signal: controller.signal })));
  await asked.promise;
  controller.abort();
  expect((await cancelled).code).toBe("CANCELLED");
  // No request yet: nothing is connected.
  const clock = new FakeClock();
  const { depot: other } = await overRest({}, { ...sockets, clock });
  const waiting = failure(
    collect(
      other.talk(
        (async function* () {
          yield await silent.promise;
        })(),
        { timeoutMs: 100 },
      ),
    ),
  );
  await clock.advance(100);
  expect((await waiting).code).toBe("DEADLINE_EXCEEDED");
});

test("a refused handshake is a failure", async () => {
  const { baseUrl } = await overRest({}, { gateway: { webSocket: undefined } });
  const depot = createDepotRestClient({ baseUrl, ...sockets });
  expect((await failure(collect(depot.talk(some(Parcel.create({ depot: "d" })))))).code).toBe("UNAVAILABLE");
});

test("a runtime without WebSocket says what is missing", async () => {
  const depot = createDepotRestClient({ baseUrl: "http://127.0.0.1:1", WebSocket: undefined });
  const real = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    const { code, text } = await failure(collect(depot.talk(some(Parcel.create({ depot: "d" })))));
    expect([code, text]).toEqual(["UNIMPLEMENTED", expect.stringContaining("WebSocket")]);
  } finally {
    if (real) Object.defineProperty(globalThis, "WebSocket", real);
  }
});

test("response headers are heard before the first reply, also when there are none", async () => {
  const heard: (string | undefined | Uint8Array)[][] = [];
  const onHeaders = (headers: Metadata) => heard.push([...headers.all("x-who"), headers.bytes("y-bin")]);
  const { depot } = await overRest(
    {
      async *talk(parcels, context) {
        const { responseHeaders } = context as CallContext;
        for await (const parcel of parcels) {
          if (parcel.name === "told")
            responseHeaders.append("x-who", "a").append("x-who", "b").set("y-bin", Buffer.of(9));
          yield parcel;
        }
      },
    },
    sockets,
  );
  for (const name of ["told", "silent"]) {
    for await (const _ of depot.talk(some(Parcel.create({ depot: "d", name })), { onHeaders })) heard.push(["reply"]);
  }
  expect(heard).toEqual([["a", "b", Uint8Array.of(9)], ["reply"], [undefined], ["reply"]]);
  const failing = depot.talk(some(Parcel.create({ depot: "d" })), {
    onHeaders: () => {
      throw new Error("boom");
    },
  });
  expect(await failure(collect(failing))).toMatchObject({ code: "CANCELLED", cause: new Error("boom") });
});

test("sending ends when the server has ended the call", async () => {
  const clock = new FakeClock();
  let taken = 0;
  class Ending implements WebSocketLike {
    // A closed WebSocket never sends what it holds.
    bufferedAmount = 0;
    onopen: ((event: never) => void) | null = null;
    onmessage: ((event: never) => void) | null = null;
    onclose: ((event: never) => void) | null = null;
    onerror: ((event: never) => void) | null = null;
    constructor() {
      queueMicrotask(() => this.onopen?.({} as never));
    }
    send() {
      this.bufferedAmount = 2 ** 21;
      queueMicrotask(() => this.onclose?.({ code: 4010, reason: "enough" } as never));
    }
    close() {}
  }
  const depot = createDepotRestClient({ baseUrl: "http://x", clock, WebSocket: Ending });
  // No generator: nobody can end it.
  const endless: AsyncIterable<Parcel> = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        taken++;
        return { done: false, value: Parcel.create({ depot: "d" }) };
      },
    }),
  };
  expect(await failure(collect(depot.talk(endless)))).toMatchObject({ code: "ABORTED", text: "enough" });
  await clock.advance(1000);
  expect([taken, clock.pending]).toEqual([2, 0]);
});

test("a bearer token goes along as a subprotocol", async () => {
  const handshake = gate<IncomingMessage>();
  const server = createServer();
  const wss = new WebSocketServer({ server, handleProtocols: () => "mesh.v1+json" });
  wss.on("connection", (socket, request) => {
    handshake.open(request);
    socket.close(4000 + 16, "no such token");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const depot = createDepotRestClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    headers: { authorization: "Bearer t/o+k" },
    ...sockets,
  });
  const error = await failure(collect(depot.talk(some(Parcel.create({ depot: "a b" })))));
  expect(error).toMatchObject({ code: "UNAUTHENTICATED", text: "no such token" });
  const { headers, url } = await handshake.promise;
  expect(headers["sec-websocket-protocol"]).toBe(`mesh.v1+json,bearer.${Buffer.from("t/o+k").toString("base64url")}`);
  expect(url).toBe("/v1/depots/a%20b/parcels:talk");
});
