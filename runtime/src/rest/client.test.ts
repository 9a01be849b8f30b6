import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { FindRequest, FollowRequest, Parcel } from "../../test/depot/depot.ts";
import { createDepotRestClient } from "../../test/depot/depot_rest.ts";
import { overRest } from "../../test/keeper.ts";
import { AllKinds, Dish, GetDishRequest } from "../../test/kitchen/kitchen.ts";
import { collect, gate } from "../../test/over-grpc.ts";
import { listen } from "../../test/over-http.ts";
import { RpcError } from "../core/error.ts";
import type { Metadata } from "../core/metadata.ts";
import { FakeClock } from "../testing.ts";
import { RestError } from "./index.ts";

async function* some<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

/** Without what only decoded bytes have. */
const bare = <T>(message: T): T =>
  JSON.parse(
    JSON.stringify(message, (key, value: unknown) =>
      key === "_unknownFields" ? undefined : typeof value === "bigint" ? `${value}n` : value,
    ),
  ) as T;

const failure = async (call: Promise<unknown>): Promise<RestError> => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RestError);
  return error as RestError;
};

test("path, query and reply are those of the server", async () => {
  const { depot } = await overRest();
  expect(await depot.find(FindRequest.create({ name: "depots/a b/parcels/x/%2F/ä:y" }))).toMatchObject({
    name: "depots/a b/parcels/x/%2F/ä:y",
  });
  expect(
    await depot.find(FindRequest.create({ id: -9007199254740993n, states: [-1, 1], labels: { name: "by label" } })),
  ).toMatchObject({
    name: "by label",
    state: -1,
  });
});

test.each([["a/b"], ["%"], ["?&=#+ "], ["ä€😀"], ["x:verb"], ["..."], ["%2F"], ["a\\b"], ["'\"<>"]])(
  "a name %s arrives as it is",
  async (name) => {
    const { depot } = await overRest();
    const reply = await depot.put({
      parcel: Parcel.create({ name, weightGrams: 18446744073709551615n }),
      dryRun: true,
    });
    expect(bare(reply.parcel)).toEqual(bare(Parcel.create({ name, weightGrams: 18446744073709551615n, worth: 1 })));
  },
);

test.each([[""], ["."], [".."]])("a name %j cannot stand in a path, and nothing is sent", async (name) => {
  const { depot } = await overRest({
    async put() {
      throw new Error("was called");
    },
  });
  const error = await failure(depot.put({ parcel: Parcel.create({ name }), dryRun: false }));
  expect(error.code).toBe("INVALID_ARGUMENT");
  expect(error.text).toContain("parcel.name");
});

test("the first route that can carry a request does", async () => {
  const { depot } = await overRest();
  const parts = [Parcel.create({ name: "part" })];
  const reply = await depot.find(FindRequest.create({ name: "anything", parts }));
  expect(bare(reply.parts)).toEqual(bare(parts));
});

test("a field that a header fills travels by header", async () => {
  const { depot } = await overRest();
  expect(await depot.owner({ tenant: "acme corp", note: "hi & ho" })).toEqual({ tenant: "acme corp", note: "hi & ho" });
  expect((await failure(depot.owner({ tenant: "ä", note: "" }))).code).toBe("INVALID_ARGUMENT");
});

test("raw bytes travel as they are, both ways", async () => {
  const { depot } = await overRest();
  const label = await depot.label(FindRequest.create({ id: 7n }));
  expect([...label.data]).toEqual([0, 1, 255, 7]);
  expect(label.contentType).toBe("image/png");
  const picture = { contentType: "image/jpeg", data: Buffer.alloc(70_000, 3), extensions: [] };
  expect(await depot.scan({ name: "x", picture })).toEqual({ count: 70_000, depot: "x image/jpeg" });
});

test("a message of seconds and nanos is one where it stands alone", async () => {
  const { depot } = await overRest();
  const when = { seconds: -62135596800n, nanos: 999_999_999 };
  expect(await depot.when(when)).toMatchObject(when);
});

test("a method without a route fails as unimplemented", async () => {
  const { depot, kitchen } = await overRest();
  const { code, text } = await failure(depot.count({}));
  expect([code, text]).toEqual(["UNIMPLEMENTED", expect.stringContaining("/test.depot.v1.Depot/Count")]);
  expect((await failure(collect(kitchen.chat(some())))).code).toBe("UNIMPLEMENTED");
});

test("a failure has the server's code, text and details", async () => {
  const { kitchen } = await overRest(
    {},
    { kitchen: { getDish: async () => Promise.reject(new RpcError("NOT_FOUND", "no dish")) } },
  );
  const error = await failure(kitchen.getDish(GetDishRequest.create({ id: 1n })));
  expect(error).toMatchObject({ code: "NOT_FOUND", text: "no dish", status: 404, origin: "peer" });
  expect(error).toBeInstanceOf(RpcError);
  const bad = await failure(kitchen.mirror(AllKinds.create({ at: new Date(Number.NaN) })));
  expect(bad).toMatchObject({ code: "INVALID_ARGUMENT", text: expect.stringContaining("at: is no valid date") });
});

test("details are there as JSON", async () => {
  const server = await listen((_, res) => {
    const details = [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field: "id" }] }, 3];
    res.writeHead(400).end(JSON.stringify({ code: 3, message: "bad", details }));
  });
  const depot = createDepotRestClient({ baseUrl: `${server.url}/` });
  const error = await failure(depot.find(FindRequest.create({ id: 1n })));
  expect(error.jsonDetails).toEqual([
    { "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field: "id" }] },
  ]);
});

test.each([
  [502, "<html>", "UNAVAILABLE"],
  [404, "", "UNIMPLEMENTED"],
  [418, "{}", "UNKNOWN"],
  [200, "<html>", "INTERNAL"],
  [200, '{"state":"NO_STATE"}', "INTERNAL"],
])("HTTP %s with the body %j fails as %3$s", async (status, body, code) => {
  const server = await listen((_, res) => res.writeHead(status).end(body));
  const depot = createDepotRestClient({ baseUrl: server.url });
  expect((await failure(depot.find(FindRequest.create({ id: 1n })))).code).toBe(code);
});

test("nobody at the other end is UNAVAILABLE", async () => {
  const depot = createDepotRestClient({ baseUrl: "http://127.0.0.1:1" });
  expect(await failure(depot.find(FindRequest.create({ id: 1n })))).toMatchObject({
    code: "UNAVAILABLE",
    origin: "transport",
  });
});

test("headers, metadata and time travel; response metadata comes back", async () => {
  const seen = gate<IncomingMessage["headers"]>();
  const server = await listen((req, res) => {
    seen.open(req.headers);
    res.writeHead(200, { "grpc-metadata-x-who": "me", "grpc-metadata-y-bin": "AQI=" }).end("{}");
  });
  const received = gate<Metadata>();
  const depot = createDepotRestClient({
    baseUrl: server.url,
    headers: async () => ({ authorization: "Bearer t", "x-app": "1" }),
  });
  await depot.find(FindRequest.create({ id: 1n }), {
    timeoutMs: 1500.5,
    metadata: { "x-own": ["a", "b"], "z-bin": new Uint8Array([255]), traceparent: "00-1" },
    criticality: "SHEDDABLE",
    onHeaders: received.open,
  });
  expect(await seen.promise).toMatchObject({
    authorization: "Bearer t",
    "x-app": "1",
    "grpc-metadata-x-own": "a, b",
    "grpc-metadata-z-bin": "/w==",
    "grpc-metadata-x-mesh-criticality": "SHEDDABLE",
    traceparent: "00-1",
    "grpc-timeout": "1501m",
  });
  const metadata = await received.promise;
  expect(metadata.get("x-who")).toBe("me");
  expect([...(metadata.bytes("y-bin") ?? [])]).toEqual([1, 2]);
});

test("a call ends at its deadline, and at its signal, and takes nothing with it", async () => {
  const asked = [gate(), gate()];
  let calls = 0;
  const server = await listen(() => asked[calls++]?.open());
  const clock = new FakeClock();
  const depot = createDepotRestClient({ baseUrl: server.url, clock });
  const late = failure(depot.find(FindRequest.create({ id: 1n }), { timeoutMs: 100 }));
  await asked[0]?.promise;
  await clock.advance(100);
  expect((await late).code).toBe("DEADLINE_EXCEEDED");

  const controller = new AbortController();
  const cancelled = failure(depot.find(FindRequest.create({ id: 1n }), { signal: controller.signal, timeoutMs: 100 }));
  await asked[1]?.promise;
  controller.abort(new Error("enough"));
  expect(await cancelled).toMatchObject({ code: "CANCELLED", cause: new Error("enough") });
  expect(clock.pending).toBe(0);

  expect((await failure(depot.find(FindRequest.create(), { signal: AbortSignal.abort() }))).code).toBe("CANCELLED");
  expect((await failure(depot.find(FindRequest.create(), { deadline: clock.now() - 1 }))).code).toBe(
    "DEADLINE_EXCEEDED",
  );
});

test.each(["find", "follow", "store", "talk"] as const)(
  "%s ends at its deadline while its headers are waited for",
  async (name) => {
    const clock = new FakeClock();
    const asked = gate();
    const headers = () => {
      asked.open();
      return new Promise<never>(() => {});
    };
    const depot = createDepotRestClient({
      baseUrl: "http://127.0.0.1:1",
      clock,
      headers,
      WebSocket: class {} as never,
    });
    const parcels = async function* () {
      yield Parcel.create({ depot: "d", name: "n" });
    };
    const options = { timeoutMs: 100 };
    const call = {
      find: () => depot.find(FindRequest.create({ id: 1n }), options),
      follow: () => collect(depot.follow(FollowRequest.create({ depot: "d" }), options)),
      store: () => depot.store(parcels(), options),
      talk: () => collect(depot.talk(parcels(), options)),
    };
    const late = failure(call[name]());
    await asked.promise;
    await clock.advance(100);
    expect((await late).code).toBe("DEADLINE_EXCEEDED");
    expect(clock.pending).toBe(0);
  },
);

test("a stream of requests that never begins ends at its deadline", async () => {
  const clock = new FakeClock();
  const depot = createDepotRestClient({ baseUrl: "http://127.0.0.1:1", clock });
  const [asked, left] = [gate(), gate()];
  const silent: AsyncIterableIterator<Parcel> = {
    [Symbol.asyncIterator]: () => silent,
    next() {
      asked.open();
      return new Promise(() => {});
    },
    async return() {
      left.open();
      return { done: true, value: undefined };
    },
  };
  const late = failure(depot.store(silent, { timeoutMs: 100 }));
  await asked.promise;
  await clock.advance(100);
  expect((await late).code).toBe("DEADLINE_EXCEEDED");
  await left.promise;
});

test("replies of a stream arrive while it goes on", async () => {
  const more = gate();
  const { depot } = await overRest({
    async *follow() {
      yield Parcel.create({ name: "one" });
      await more.promise;
      yield Parcel.create({ name: "two" });
    },
  });
  const stream = depot.follow(FollowRequest.create({ depot: "d" }))[Symbol.asyncIterator]();
  expect(await stream.next()).toMatchObject({ value: { name: "one" } });
  more.open();
  expect(await stream.next()).toMatchObject({ value: { name: "two" } });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("a stream has all its messages, also one with a field called error, and ends with the server's failure", async () => {
  const { depot } = await overRest();
  const names: string[] = [];
  const reading = (async () => {
    for await (const { name } of depot.follow({ depot: "d", count: 5, failAfter: 3 })) names.push(name);
  })();
  expect(await failure(reading)).toMatchObject({ code: "ABORTED", text: "after 3" });
  expect(names).toEqual(["parcel 1", "parcel 2", "parcel 3"]);
  expect(await collect(depot.follow({ depot: "d", count: 1000, failAfter: 0 }))).toHaveLength(1000);
});

test("a reply of a stream may hold any character", async () => {
  const name = "a\u2028b\u2029c\r\n\ufeff😀\0";
  const { depot } = await overRest({
    async *follow() {
      yield Parcel.create({ name });
    },
  });
  const replies = await collect(depot.follow(FollowRequest.create({ depot: "d" })));
  expect(replies.map((reply) => reply.name)).toEqual([name]);
});

test("a stream that was refused fails before its first message", async () => {
  const { depot } = await overRest({
    // biome-ignore lint/correctness/useYield: it fails before its first message
    async *follow() {
      throw new RpcError("PERMISSION_DENIED", "not you");
    },
  });
  expect(await failure(collect(depot.follow(FollowRequest.create({ depot: "d" }))))).toMatchObject({
    code: "PERMISSION_DENIED",
    status: 403,
  });
});

test.each([
  [
    "text/event-stream",
    ': ping\r\nid: 1\r\ndata: {"name":\ndata: "a"}\r\n\r\nevent: error\ndata: {"code":10,"message":"x"}\n\n',
  ],
  ["application/json", '{"result":{"name":"a"}}\n\n{"error":{"code":10,"message":"x"}}'],
  ["application/x-ndjson", '{"name":"a"}\n{"error":{"code":10,"message":"x"}}\n'],
])("streams as %s are read in whatever pieces they come", async (type, body) => {
  const server = await listen(async (_, res) => {
    res.writeHead(200, { "content-type": type });
    for (const byte of Buffer.from(body)) {
      res.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    res.end();
  });
  const names: string[] = [];
  const reading = (async () => {
    const stream = createDepotRestClient({ baseUrl: server.url }).follow(FollowRequest.create({ depot: "d" }));
    for await (const { name } of stream) names.push(name);
  })();
  expect(await failure(reading)).toMatchObject({ code: "ABORTED", text: "x" });
  expect(names).toEqual(["a"]);
});

test("a stream that breaks off is UNAVAILABLE, not over", async () => {
  const server = await listen((_, res) => {
    res.writeHead(200, { "content-type": "application/json" });
    res.write('{"result":{}}\n', () => res.destroy());
  });
  const stream = createDepotRestClient({ baseUrl: server.url }).follow(FollowRequest.create({ depot: "d" }));
  expect((await failure(collect(stream))).code).toBe("UNAVAILABLE");
});

test.each([
  ["text/event-stream", "data: <html>\n\n"],
  ["application/json", '{"result":{}}\n<html>\n'],
])("a stream as %s with a reply that is not JSON is INTERNAL", async (type, body) => {
  const server = await listen((_, res) => res.writeHead(200, { "content-type": type }).end(body));
  const stream = createDepotRestClient({ baseUrl: server.url }).follow(FollowRequest.create({ depot: "d" }));
  expect(await failure(collect(stream))).toMatchObject({
    code: "INTERNAL",
    status: 200,
    text: "the reply of /test.depot.v1.Depot/Follow is not JSON",
  });
});

test("a headers function or a callback that fails is told apart from a connection that broke", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  const locked = createDepotRestClient({ baseUrl: "http://127.0.0.1:1", headers: async () => boom() });
  expect(await failure(locked.find(FindRequest.create({ id: 1n })))).toMatchObject({
    code: "UNAUTHENTICATED",
    text: "/test.depot.v1.Depot/Find was not sent: the client's headers function failed",
    cause: new Error("boom"),
  });
  const { depot } = await overRest();
  expect(await failure(depot.find(FindRequest.create({ id: 1n }), { onHeaders: boom }))).toMatchObject({
    code: "CANCELLED",
    cause: new Error("boom"),
  });
});

test("a reader that leaves a silent stream ends the call at the server", async () => {
  const gone = gate();
  const { depot } = await overRest({
    async *follow(_, options) {
      yield Parcel.create();
      await new Promise<void>((resolve) => options?.signal?.addEventListener("abort", () => resolve()));
      gone.open();
    },
  });
  const stream = depot.follow(FollowRequest.create({ depot: "d" }))[Symbol.asyncIterator]();
  await stream.next();
  const pending = stream.next();
  await stream.return?.();
  expect(await pending).toEqual({ done: true, value: undefined });
  await gone.promise;
});

test("a stream of requests is one body; the path is of the first", async () => {
  const { depot } = await overRest();
  const parcels = [1, 2, 3].map((n) => Parcel.create({ depot: n === 1 ? "north" : "", name: `${n}` }));
  expect(await depot.store(some(...parcels))).toEqual({ count: 3, depot: "north" });
  const { code } = await failure(depot.store(some(Parcel.create({ depot: "d", error: "bad parcel" }))));
  expect(code).toBe("INVALID_ARGUMENT");
  expect((await failure(depot.store(some<Parcel>()))).code).toBe("INVALID_ARGUMENT");
});

test("requests that fail end the call, and its source is told when the call is over", async () => {
  const { depot } = await overRest();
  async function* broken() {
    yield Parcel.create({ depot: "d" });
    throw new Error("no more parcels");
  }
  const error = await failure(depot.store(broken()));
  expect(error).toMatchObject({ code: "CANCELLED", cause: new Error("no more parcels") });

  const left = gate();
  async function* endless() {
    try {
      for (;;) yield Parcel.create({ depot: "d", error: "stop" });
    } finally {
      left.open();
    }
  }
  expect((await failure(depot.store(endless()))).code).toBe("INVALID_ARGUMENT");
  await left.promise;
});

test("where fetch streams no bodies, calls name what to do", async () => {
  const RealRequest = globalThis.Request;
  class Old extends RealRequest {
    constructor(url: string) {
      super(url);
      this.headers.set("content-type", "text/plain");
    }
  }
  globalThis.Request = Old as unknown as typeof Request;
  try {
    const depot = createDepotRestClient({ baseUrl: "http://127.0.0.1:1" });
    const error = await failure(depot.store(some(Parcel.create({ depot: "d" }))));
    expect([error.code, error.text]).toEqual(["UNIMPLEMENTED", expect.stringContaining('clientStreams: "websocket"')]);
  } finally {
    globalThis.Request = RealRequest;
  }
});

test("an option that nobody reads is an error", () => {
  expect(() => createDepotRestClient({ baseURL: "x" } as never)).toThrow('no option "baseURL"');
});

test("every kind of field comes back as ts-proto would decode it", async () => {
  const { kitchen } = await overRest();
  const all = AllKinds.create({
    text: "ä",
    yes: true,
    large: -9223372036854775808n,
    largeUnsigned: 18446744073709551615n,
    single: 1.5,
    precise: Number.NEGATIVE_INFINITY,
    raw: Buffer.from([255, 254]),
    spice: 2,
    spices: [0, 2],
    counts: { a: 1, __proto__x: 2 },
    nested: { name: "n", inner: { name: "", numbers: [] } },
    maybe: "",
    either: { $case: "right", value: 0 },
    at: new Date("2024-02-29T12:00:00.123Z"),
    took: { seconds: -1n, nanos: -500_000_000 },
    mask: ["a.b_c", "d"],
    facts: { deep: { list: [1, null, "x"] } },
    anything: null,
    wrappedText: "",
    wrappedLarge: 5n,
    wrappedYes: false,
    wrappedTexts: ["", "y"],
    nothing: {},
  });
  const reply = await kitchen.mirror(all);
  expect(AllKinds.decode(AllKinds.encode(reply).finish())).toEqual(AllKinds.decode(AllKinds.encode(all).finish()));
  expect(reply.at).toEqual(all.at);
  expect(reply.anything).toBe(null);
  expect(await kitchen.createDish({ dish: Dish.create({ id: 3n }), requestId: "r" })).toMatchObject({ id: 3n });
});
