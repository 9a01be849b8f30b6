/** The layers alone, on a clock that stands still. */
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { AllKinds, Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { gate } from "../../test/over-grpc.ts";
import type { Call } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import { codes, RpcError as Failure, type RpcError } from "../core/error.ts";
import type { Handler } from "../core/layer.ts";
import { Metadata } from "../core/metadata.ts";
import { siteFactory } from "../core/site.ts";
import { esCodec, tsProtoCodec } from "../messages/codec.ts";
import { BadRequest, LocalizedMessage } from "../messages/details.ts";
import { type Status, StatusSchema } from "../messages/gen/google/rpc/status_pb.ts";
import { detail, findDetail } from "../messages/status.ts";
import { FakeClock, type MountOptions, mount, type SendOptions, settled } from "../testing.ts";
import type { Answers } from "./idempotency/answers.ts";
import { idempotency } from "./idempotency.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const inMetadata = { key: "metadata:idempotency-key", windowMs: 1000 };
const dish = tsProtoCodec("test.kitchen.v1.Dish", Dish);
const all = tsProtoCodec("test.kitchen.v1.AllKinds", AllKinds);
const soup = Dish.create({ name: "soup" });

const client = (config: typeof inMetadata, request: MountOptions["method"] = {}) =>
  mount(idempotency, config, { side: "client", method: request });

test("a client fills in a UUID, a new one for each call, and keeps the caller's own", async () => {
  const { send, seen } = client(inMetadata);
  await send();
  await send({}, { metadata: { "idempotency-key": "" } });
  await send({}, { metadata: { "idempotency-key": "mine", other: "x" } });
  const keys = seen.map(({ metadata }) => metadata.all("idempotency-key"));
  expect(keys).toEqual([[expect.stringMatching(uuid)], [expect.stringMatching(uuid)], ["mine"]]);
  expect(keys[0]).not.toEqual(keys[1]);
  expect(seen[2]?.metadata.get("other")).toBe("x");
});

test("all attempts below carry the same key", async () => {
  const keys: unknown[] = [];
  const site = siteFactory({})({ ...mount(idempotency, inMetadata).method });
  const twice = idempotency.client?.(
    inMetadata,
    site,
  )?.(async (call) => {
    for (const attempt of [1, 2]) keys.push({ ...call, attempt }.metadata.get("idempotency-key"));
  });
  await twice?.({ ...(await callOf()), attempt: 1 });
  expect(keys[0]).toMatch(uuid);
  expect(keys[1]).toBe(keys[0]);
});

/** A call as it gets below a layer. */
async function callOf(): Promise<Call> {
  const { send, seen } = mount({ name: "none" }, {});
  await send();
  return seen[0] as Call;
}

test.each([
  ["text", "text"],
  ["maybe", "maybe"],
])("a ts-proto request gets its key in %s on a copy, and stays as it was", async (field, key) => {
  const { send, seen } = client({ ...inMetadata, key: `field:${field}` }, { request: all });
  const request = Object.freeze(AllKinds.create({ large: 7n, counts: { a: 1 } }));
  await send(request);
  const sent = seen[0]?.request as AllKinds;
  expect(sent).toEqual({ ...request, [key]: expect.stringMatching(uuid) });
  expect(request).toEqual(AllKinds.create({ large: 7n, counts: { a: 1 } }));
  expect(AllKinds.decode(all.encode(sent))[key as "text"]).toMatch(uuid);

  const own = AllKinds.create({ [key]: "mine" });
  await send(own);
  expect(seen[1]?.request).toBe(own);
});

test("an optional field that the caller left out altogether is filled in by its camel-case name", async () => {
  const codec = {
    typeName: "t.Request",
    encode: ({ requestId }: { requestId?: string }) => Buffer.from(requestId ?? ""),
    decode: () => ({}),
  };
  const { send, seen } = client({ ...inMetadata, key: "field:request_id" }, { request: codec as never });
  await send({});
  expect(seen[0]?.request).toEqual({ requestId: expect.stringMatching(uuid) });
});

test("a codec whose names are those of the proto file gets that name", async () => {
  const codec = {
    typeName: "t.Request",
    encode: ({ request_id }: { request_id?: string }) => Buffer.from(request_id ?? ""),
    decode: () => ({}),
  };
  const { send, seen } = client({ ...inMetadata, key: "field:request_id" }, { request: codec as never });
  await send({});
  expect(seen[0]?.request).toEqual({ request_id: expect.stringMatching(uuid) });
});

test("a protobuf-es request stays one: the copy has its type name and prototype", async () => {
  const { send, seen } = client({ ...inMetadata, key: "field:locale" }, { request: esCodec(LocalizedMessage) });
  const request = create(LocalizedMessage, { message: "hi" });
  await send(request);
  const sent = seen[0]?.request as LocalizedMessage;
  expect(sent).toMatchObject({ $typeName: "google.rpc.LocalizedMessage", message: "hi" });
  expect(sent.locale).toMatch(uuid);
  expect(Object.getPrototypeOf(sent)).toBe(Object.getPrototypeOf(request));
  expect(request.locale).toBe("");
});

test("a field that the messages do not have is an error when the client is built", () => {
  expect(() => client({ ...inMetadata, key: "field:nmae" }, { request: dish })).toThrow(/Dish has no field nmae/);
  expect(() => client({ ...inMetadata, key: "field:left" }, { request: all })).toThrow(/AllKinds has no field left/);
  expect(() => client({ ...inMetadata, key: "field:x" }, { request: esCodec(LocalizedMessage) })).toThrow(
    /LocalizedMessage has no field x/,
  );
});

/** A server whose key is in the metadata and whose messages are dishes, on a clock that tests can ask. */
const serverOf = (handler: NonNullable<MountOptions["handler"]>, config = inMetadata, options: MountOptions = {}) => {
  const clock = options.clock ?? new FakeClock();
  const server = mount(idempotency, config, {
    side: "server",
    handler,
    ...options,
    clock,
    method: { request: dish, ...({ reply: dish } as object), ...options.method },
    site: options.site ?? siteFactory({ clock }),
  });
  const keyed = (key: string, request: unknown = soup, more: SendOptions = {}) =>
    server.send(request, { ...more, metadata: { "idempotency-key": key } });
  return { ...server, keyed };
};

const ann = { subject: "ann", provider: "users", scopes: [], audiences: [], claims: {} };

test("a repetition gets the same answer, made anew, until the window is over", async () => {
  let runs = 0;
  const first = Dish.create({ name: "soup" });
  const { keyed, clock } = serverOf(() => {
    runs++;
    return first;
  });
  expect(await keyed("a")).toBe(first);
  first.name = "spoiled";
  await clock.advance(999);
  const again = await keyed("a");
  expect(again).toEqual(soup);
  (again as Dish).name = "spoiled too";
  expect(await keyed("a")).toEqual(soup);
  expect(runs).toBe(1);
  await clock.advance(1);
  await keyed("a");
  expect(runs).toBe(2);
});

test("bytes of a replayed answer are its receiver's own", async () => {
  const status = esCodec(StatusSchema);
  const { send } = mount(idempotency, inMetadata, {
    side: "server",
    method: { request: dish, ...({ reply: status } as object) },
    handler: () => create(StatusSchema, { details: [{ value: Buffer.from("raw") }] }),
  });
  const bytes = async () => {
    const reply = await send(soup, { metadata: { "idempotency-key": "a" } });
    return (reply as Status).details[0]?.value as Uint8Array;
  };
  await bytes();
  (await bytes()).fill(0);
  expect(Buffer.from(await bytes()).toString()).toBe("raw");
});

test("an answer is kept as a copy, whatever becomes of the memory in which it was encoded", async () => {
  const shared = Buffer.alloc(64);
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const reply = { ...dish, encode: (message: Dish) => shared.subarray(0, shared.write(message.name)), decode: text };
  const { keyed } = serverOf((call) => call.request, inMetadata, { method: { ...({ reply } as object) } });
  await keyed("a", Dish.create({ name: "soup" }));
  await keyed("b", Dish.create({ name: "stew" }));
  expect(await keyed("a", Dish.create({ name: "soup" }))).toBe("soup");
});

test("a request whose maps come in another order is the same request", async () => {
  const clock = new FakeClock();
  const make = siteFactory({ clock });
  const { keyed, seen } = serverOf(() => soup, inMetadata, { clock, site: (method) => make(method, Kitchen) });
  await keyed("a", Dish.create({ labels: { hot: "yes", size: "big" } }));
  await keyed("a", Dish.create({ labels: { size: "big", hot: "yes" } }));
  expect(seen).toHaveLength(1);
  const other = keyed("a", Dish.create({ labels: { size: "yes", hot: "big" } }));
  await expect(other).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("without a key, or with an empty one, every call runs", async () => {
  const { send, keyed, seen } = serverOf(() => soup);
  await send(soup);
  await send(soup);
  await keyed("");
  await keyed("");
  expect(seen).toHaveLength(4);
});

test("a key belongs to one caller and one method", async () => {
  const clock = new FakeClock();
  const site = siteFactory({ clock });
  const place = serverOf(() => soup, inMetadata, { clock, site });
  const cancel = serverOf(() => soup, inMetadata, { clock, site, method: { path: "/test.v1.Test/Cancel" } });
  await place.keyed("a");
  await place.keyed("a", soup, { principal: ann });
  await place.keyed("a", soup, { principal: { ...ann, provider: "robots" } });
  await place.keyed("a", soup, { principal: { ...ann, subject: "bob" } });
  await cancel.keyed("a");
  expect([place.seen.length, cancel.seen.length]).toEqual([4, 1]);
  await place.keyed("a", soup, { principal: { ...ann, scopes: ["more"] } });
  await place.keyed("a", soup, { peer: { address: "192.0.2.1" } });
  expect(place.seen).toHaveLength(4);
});

test("a key in a field of the request does the same", async () => {
  const { send, seen } = serverOf(() => soup, { ...inMetadata, key: "field:name" });
  await send(soup);
  await send(Dish.create({ name: "soup" }));
  await send(Dish.create({ name: "" }));
  await send(Dish.create({ name: "" }));
  expect(seen).toHaveLength(3);
  await expect(send(Dish.create({ name: "soup", id: 1n }))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test.each([
  ["metadata:idempotency-key", "metadata:idempotency-key"],
  ["field:name", "name"],
])("another request under the key %s is refused, while the first runs and after", async (key, field) => {
  const done = gate<Dish>();
  const { send, seen } = serverOf(() => done.promise, { ...inMetadata, key });
  const metadata = { "idempotency-key": "secret-key" };
  const first = send(Dish.create({ name: "secret-key", id: 1n }), { metadata });
  await settled();
  const other = () => send(Dish.create({ name: "secret-key", id: 2n }), { metadata }).catch((error) => error);
  const errors = [await other()];
  done.open(soup);
  await first;
  errors.push(await other());
  for (const error of errors as RpcError[]) {
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", refusedBy: "idempotency" });
    expect(findDetail(error, BadRequest)?.fieldViolations).toMatchObject([
      { field, description: "was sent before with another request" },
    ]);
    const details = error.details.map(({ value }) => Buffer.from(value).toString("latin1"));
    expect(`${error.stack}${details}`).not.toContain("secret-key");
    expect(String(error.stack)).not.toMatch(/\n\s+at /);
  }
  expect(seen).toHaveLength(1);
});

test("who comes while the first runs waits for its answer, and what waits leaves nothing behind", async () => {
  const done = gate<Dish>();
  const { keyed, seen, clock } = serverOf(() => done.promise);
  const calls = [keyed("a"), keyed("a"), keyed("a", soup, { timeoutMs: 500 })];
  await settled();
  expect(seen).toHaveLength(1);
  done.open(soup);
  const replies = await Promise.all(calls);
  expect(replies).toEqual([soup, soup, soup]);
  expect(new Set(replies).size).toBe(3);
  expect(clock.pending).toBe(0);
});

test("who waits obeys its own deadline and its own cancellation", async () => {
  const done = gate<Dish>();
  const { keyed, seen, clock } = serverOf(() => done.promise);
  const first = keyed("a");
  const abort = new AbortController();
  const late = expect(keyed("a", soup, { timeoutMs: 100 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  const left = expect(keyed("a", soup, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  abort.abort();
  await left;
  await clock.advance(100);
  await late;
  done.open(soup);
  expect(await first).toBe(soup);
  expect(seen).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

const remembered = [
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "DATA_LOSS",
];

test.each(codes.filter((code) => code !== "OK"))(
  "%s is remembered exactly when repeating cannot change it",
  async (code) => {
    const details = [detail(LocalizedMessage, { locale: "en", message: "no" })];
    const { keyed, seen } = serverOf(() => {
      throw new Failure(code, "why", { details });
    });
    for (const _ of [1, 2]) await expect(keyed("a")).rejects.toMatchObject({ code, text: "why", details });
    expect(seen).toHaveLength(remembered.includes(code) ? 1 : 2);
  },
);

test("neither a fault of the code nor a failure of a connection is remembered", async () => {
  const failures = [new TypeError("oops"), new Failure("NOT_FOUND", "10.0.0.1:80", { origin: "transport" })];
  for (const failure of failures) {
    const { keyed, seen } = serverOf(() => {
      throw failure;
    });
    for (const _ of [1, 2]) await expect(keyed("a")).rejects.toBe(failure);
    expect(seen).toHaveLength(2);
  }
});

test("a failure that another service gave stays marked as such", async () => {
  const { keyed } = serverOf(() => {
    throw new Failure("NOT_FOUND", "no", { origin: "peer" });
  });
  for (const _ of [1, 2]) await expect(keyed("a")).rejects.toMatchObject({ code: "NOT_FOUND", origin: "peer" });
});

test("a reply that cannot be encoded is the first caller's failure, and the next one runs", async () => {
  const { keyed, seen } = serverOf(() => ({ name: 7 }));
  for (const _ of [1, 2]) await expect(keyed("a")).rejects.toThrow(TypeError);
  expect(seen).toHaveLength(2);
});

test("after a failure for now, one of those who wait runs the call, the others go on waiting", async () => {
  const turns = [gate<Dish>(), gate<Dish>()];
  let runs = 0;
  const { keyed, seen } = serverOf(async () => {
    const run = runs++;
    const reply = await turns[run]?.promise;
    if (run === 0) throw new Failure("UNAVAILABLE", "not now");
    return reply;
  });
  const first = expect(keyed("a", soup, { metadata: {} })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  const others = [keyed("a"), keyed("a"), keyed("a")];
  await settled();
  expect(seen).toHaveLength(1);
  turns[0]?.open(soup);
  await first;
  await settled();
  expect(seen).toHaveLength(2);
  turns[1]?.open(soup);
  expect(await Promise.all(others)).toEqual([soup, soup, soup]);
  expect(seen).toHaveLength(2);
});

test("one who left is not given the call", async () => {
  const turn = gate();
  let runs = 0;
  const { keyed } = serverOf(async () => {
    if (runs++ > 0) return soup;
    await turn.promise;
    throw new Failure("ABORTED", "not now");
  });
  const abort = new AbortController();
  const first = expect(keyed("a")).rejects.toMatchObject({ code: "ABORTED" });
  const second = expect(keyed("a", soup, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  const third = keyed("a");
  await settled();
  abort.abort();
  turn.open();
  await Promise.all([first, second]);
  expect(await third).toBe(soup);
  expect(runs).toBe(2);
});

test("one who leaves in the moment in which it is given the call passes it on", async () => {
  const clock = new FakeClock();
  const { method } = mount(idempotency, inMetadata, { method: { request: dish, ...({ reply: dish } as object) } });
  const rejects: ((error: Error) => void)[] = [];
  const handler = vi.fn(() => new Promise<unknown>((_, reject) => rejects.push(reject)));
  const run = idempotency.server?.(inMetadata, siteFactory({ clock })(method))?.(handler) as Handler;
  const base = { ...(await callOf()), method, request: soup, metadata: new Metadata().set("idempotency-key", "a") };
  const [first, second, third] = [1, 2, 3].map((): Call => ({ ...base, cancellation: new Cancellation() })) as [
    Call,
    Call,
    Call,
  ];
  run(first).catch(() => {});
  const left = expect(run(second)).rejects.toMatchObject({ code: "CANCELLED" });
  run(third).catch(() => {});
  rejects[0]?.(new Failure("UNAVAILABLE", "not now"));
  // Between the failure, which gives the second one its turn, and that turn.
  queueMicrotask(() => second.cancellation?.cancel(new Failure("CANCELLED", "enough")));
  await left;
  await settled();
  expect(handler).toHaveBeenCalledTimes(2);
  expect(handler.mock.lastCall).toEqual([third]);
});

test("a call whose caller has gone is waited for while it works, and its answer is kept", async () => {
  const done = gate<Dish>();
  const { keyed, seen } = serverOf(() => done.promise);
  const abort = new AbortController();
  const first = expect(keyed("a", soup, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  await settled();
  abort.abort();
  await first;
  const second = keyed("a");
  await settled();
  done.open(soup);
  expect(await second).toEqual(soup);
  expect(await keyed("a")).toEqual(soup);
  expect(seen).toHaveLength(1);
});

test("a call that never ends stands in nobody's way after the window", async () => {
  const { keyed, seen, clock } = serverOf(() => (seen.length === 1 ? new Promise(() => {}) : soup));
  keyed("a").catch(() => {});
  await clock.advance(1000);
  expect(await keyed("a")).toBe(soup);
  expect(await keyed("a")).toEqual(soup);
  expect(seen).toHaveLength(2);
});

test("calls that never end are forgotten after the window, whether or not their keys come again", async () => {
  const clock = new FakeClock();
  const site = siteFactory({ clock });
  const { keyed, method } = serverOf(() => new Promise(() => {}), inMetadata, { clock, site });
  for (const key of ["a", "b", "c"]) keyed(key).catch(() => {});
  await clock.advance(1000);
  keyed("d").catch(() => {});
  const { running } = site(method).shared<Answers>("idempotency", () => expect.unreachable());
  expect(running.size).toBe(1);
});

test("answers survive another config of the same server", async () => {
  const clock = new FakeClock();
  const site = siteFactory({ clock });
  const before = serverOf(() => soup, inMetadata, { clock, site });
  const after = serverOf(() => soup, { ...inMetadata, windowMs: 5 }, { clock, site });
  await before.keyed("a");
  expect(await after.keyed("a")).toEqual(soup);
  expect(after.seen).toHaveLength(0);
});

test("says what it decided", async () => {
  const done = gate<Dish>();
  const { keyed } = serverOf(() => done.promise);
  const decisions = await decisionsOf(async () => {
    const calls = [keyed("a"), keyed("a"), keyed("a", Dish.create())];
    done.open(soup);
    await Promise.allSettled(calls);
    await keyed("a");
  });
  const decision = { policy: "idempotency", method: "/test.v1.Test/Call" };
  expect(decisions).toEqual([
    { ...decision, outcome: "waited" },
    { ...decision, outcome: "conflict" },
    { ...decision, outcome: "replayed", detail: { code: "OK" } },
  ]);
});

test.each(["serverStream", "clientStream", "bidi"] as const)("a %s method has no layer", (kind) => {
  const site = siteFactory({})({ ...mount(idempotency, inMetadata).method, kind });
  expect(idempotency.client?.(inMetadata, site)).toBeUndefined();
  expect(idempotency.server?.(inMetadata, site)).toBeUndefined();
});

test("however duplicates interleave, nothing runs after it succeeded, no two run at once, and nobody is forgotten", async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ do: "call" as const }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), who: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("fail" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("refuse" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("succeed" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("later" as const), ms: fc.integer({ min: 1, max: 40 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, obeys) => {
      const clock = new FakeClock();
      let running: { end: (outcome: Dish | Error) => void } | undefined;
      let answered = false;
      const handler = vi.fn(
        (call: Call) =>
          new Promise<Dish>((resolve, reject) => {
            expect(answered, "ran after an answer").toBe(false);
            expect(running, "two at once").toBeUndefined();
            const mine = {
              end(outcome: Dish | Error) {
                if (running !== mine) return;
                running = undefined;
                if (outcome instanceof Error) reject(outcome);
                else resolve(outcome);
              },
            };
            running = mine;
            if (obeys) call.cancellation?.onCancel((reason) => mine.end(reason));
          }),
      );
      const { keyed } = serverOf(handler, { ...inMetadata, windowMs: 1_000_000 }, { clock });
      const aborts: AbortController[] = [];
      const calls: Promise<unknown>[] = [];
      let open = 0;
      for (const step of steps) {
        if (step.do === "call") {
          const abort = new AbortController();
          aborts.push(abort);
          open++;
          const call = keyed("a", soup, { signal: abort.signal, timeoutMs: 100 });
          calls.push(call.then((reply) => void expect(reply).toEqual(soup)).catch((error) => error));
          void calls.at(-1)?.then(() => open--);
        } else if (step.do === "cancel") aborts[step.who]?.abort();
        else if (step.do === "later") await clock.advance(step.ms);
        else if (step.do === "settle") await settled();
        else if (running) {
          if (step.do === "succeed") answered = true;
          if (step.do === "refuse") answered = true;
          running.end(
            step.do === "succeed" ? soup : new Failure(step.do === "fail" ? "UNAVAILABLE" : "NOT_FOUND", "no"),
          );
        }
      }
      // A run ends sooner or later, and then whoever still waits gets its turn or the answer.
      for (let rounds = 0; open > 0 || running; rounds++) {
        expect(rounds, "somebody waits for ever").toBeLessThan(60);
        await settled();
        if (running) running.end(new Failure("UNAVAILABLE", "at the end"));
      }
      await settled();
      for (const error of (await Promise.all(calls)).filter((one) => one !== undefined)) {
        expect(error).toMatchObject({
          code: expect.stringMatching(/CANCELLED|UNAVAILABLE|NOT_FOUND|DEADLINE_EXCEEDED/),
        });
      }
      expect(clock.pending).toBe(0);
    }),
    { numRuns: 300 },
  );
});
