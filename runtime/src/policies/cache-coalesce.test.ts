/** Calls for the same at the same time share one, which is none of theirs. */
import { expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { type Kept, mountOnGetDish, plainCache } from "../../test/kept.ts";
import { Dish } from "../../test/kitchen/kitchen.ts";
import type { Call } from "../core/call.ts";
import { CallContext } from "../core/context.ts";
import { RpcError } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";
import { settled } from "../testing.ts";
import { type CacheConfig, cache } from "./cache.ts";

/** What each upstream call waits for. */
interface Upstream {
  readonly call: Call;
  readonly answer: (dish: Dish) => void;
  readonly fail: (error: unknown) => void;
}

function slow(config: Partial<CacheConfig> = {}, options: Kept = {}) {
  const upstream: Upstream[] = [];
  const side = options.side === "server" ? "SERVER" : "CLIENT";
  const mounted = mountOnGetDish(
    cache,
    { ...plainCache, side, ...config },
    {
      ...options,
      handler: (call) => new Promise<Dish>((answer, fail) => upstream.push({ call, answer, fail })),
    },
  );
  return { ...mounted, upstream };
}

const soup = Dish.create({ name: "soup" });
const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => "OK",
    (error: RpcError) => error.code,
  );

test("callers share one call, and each has a reply of its own", async () => {
  const { get, upstream, clock } = slow();
  const decisions = await decisionsOf(async () => {
    const calls = [get("soup"), get("soup"), get("soup")];
    await settled();
    expect(upstream).toHaveLength(1);
    upstream[0]?.answer(soup);
    const replies = await Promise.all(calls);
    expect(replies[0]).toBe(soup);
    expect(replies).toEqual([soup, soup, soup]);
    expect(new Set(replies).size).toBe(3);
  });
  expect(decisions.map(({ outcome }) => outcome)).toEqual(["miss", "coalesced", "coalesced"]);
  expect(clock.pending).toBe(0);
});

test("other requests and other callers do not share", async () => {
  const { get, upstream } = slow();
  const calls = [get("soup"), get("stew"), get("soup", { metadata: { authorization: "x" } })];
  await settled();
  expect(upstream).toHaveLength(3);
  for (const { answer } of upstream) answer(soup);
  await Promise.all(calls);
});

test("a failure is everybody's", async () => {
  const { get, upstream } = slow();
  const calls = [get("soup"), get("soup")].map((call) => call.catch((error) => error));
  await settled();
  const error = new RpcError("UNAVAILABLE", "no");
  upstream[0]?.fail(error);
  expect(await Promise.all(calls)).toEqual([error, error]);
  get("soup").catch(() => {});
  await settled();
  expect(upstream).toHaveLength(2);
});

test.each(["client", "server"] as const)("the shared call of a %s outlives the caller it began with", async (side) => {
  const { get, upstream, clock } = slow({}, { side });
  const abort = new AbortController();
  const first = outcomeOf(get("soup", { signal: abort.signal }));
  const second = get("soup");
  await settled();
  abort.abort();
  expect(await first).toBe("CANCELLED");
  expect(upstream[0]?.call.cancellation?.reason).toBeUndefined();
  upstream[0]?.answer(soup);
  const reply = await second;
  expect(reply).toEqual(soup);
  expect(reply).not.toBe(soup);
  expect(upstream).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

test("the shared call ends with the last who waits, and the next caller starts another", async () => {
  const { get, upstream } = slow();
  const aborts = [new AbortController(), new AbortController()];
  const calls = aborts.map(({ signal }) => outcomeOf(get("soup", { signal })));
  await settled();
  for (const abort of aborts) abort.abort();
  expect(await Promise.all(calls)).toEqual(["CANCELLED", "CANCELLED"]);
  expect(upstream[0]?.call.cancellation?.reason).toMatchObject({ code: "CANCELLED" });
  const third = get("soup");
  await settled();
  upstream[0]?.answer(Dish.create({ name: "too late" }));
  upstream[1]?.answer(soup);
  expect(await third).toBe(soup);
  expect((await get("soup")).name).toBe("soup");
});

test("a caller with less time leaves when that is over, and the others stay", async () => {
  const { get, upstream, clock } = slow();
  const patient = get("soup", { timeoutMs: 1000 });
  const hasty = outcomeOf(get("soup", { timeoutMs: 100 }));
  await clock.advance(100);
  expect(await hasty).toBe("DEADLINE_EXCEEDED");
  upstream[0]?.answer(soup);
  expect(await patient).toBe(soup);
  expect(clock.pending).toBe(0);
});

test("callers with more time than the first start anew together when its time is over", async () => {
  const { get, upstream, clock } = slow();
  const first = outcomeOf(get("soup", { timeoutMs: 100 }));
  const others = [get("soup", { timeoutMs: 300 }), get("soup", { timeoutMs: 500 }), get("soup")];
  const tied = outcomeOf(get("soup", { timeoutMs: 100 }));
  await clock.advance(100);
  expect([await first, await tied]).toEqual(["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]);
  expect(upstream).toHaveLength(2);
  expect(upstream[1]?.call.deadline).toBe(Number.POSITIVE_INFINITY);
  const hasty = outcomeOf(others[0] as Promise<unknown>);
  await clock.advance(200);
  expect(await hasty).toBe("DEADLINE_EXCEEDED");
  upstream[1]?.answer(soup);
  expect(await others[1]).toEqual(soup);
  expect(await others[2]).toBe(soup);
  expect(upstream).toHaveLength(2);
  expect(clock.pending).toBe(0);
});

test("one who is cancelled by another's callback, when time is over, does not start anew", async () => {
  const { get, upstream, clock } = slow();
  const abort = new AbortController();
  const first = outcomeOf(get("soup", { timeoutMs: 100 }));
  const patient = outcomeOf(get("soup", { timeoutMs: 500, signal: abort.signal }));
  const tied = outcomeOf(get("soup", { timeoutMs: 100, onTrailers: () => abort.abort() }));
  await clock.advance(100);
  expect([await first, await patient, await tied]).toEqual(["DEADLINE_EXCEEDED", "CANCELLED", "DEADLINE_EXCEEDED"]);
  expect(upstream).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

test("there are never more calls below than callers, though all run out of time", async () => {
  const { get, upstream, clock } = slow();
  const calls: Promise<string>[] = [];
  for (let n = 0; n < 10; n++) {
    calls.push(outcomeOf(get("soup", { timeoutMs: 200 })));
    await clock.advance(30);
  }
  await clock.advance(1000);
  expect(new Set(await Promise.all(calls))).toEqual(new Set(["DEADLINE_EXCEEDED"]));
  expect(upstream.length).toBeLessThanOrEqual(3);
  expect(clock.pending).toBe(0);
});

test("a caller that joins a fetch in the background obeys its own time, and starts anew when the fetch has none left", async () => {
  const { get, upstream, clock } = slow({ staleWhileRevalidateMs: 10 }, { policy: { timeout: { maxMs: 200 } } });
  const first = get("soup");
  await settled();
  upstream[0]?.answer(soup);
  await first;
  await clock.advance(1005);
  expect(await get("soup")).toEqual(soup);
  await clock.advance(100);
  const hasty = outcomeOf(get("soup", { timeoutMs: 50 }));
  const patient = get("soup");
  await clock.advance(50);
  expect(await hasty).toBe("DEADLINE_EXCEEDED");
  expect(upstream).toHaveLength(2);
  await clock.advance(50);
  expect(upstream).toHaveLength(3);
  upstream[2]?.answer(Dish.create({ name: "new" }));
  expect((await patient).name).toBe("new");
  expect(clock.pending).toBe(0);
});

test("a caller who is gone before the call leaves nothing", async () => {
  const { upstream, clock, send } = slow();
  const abort = new AbortController();
  abort.abort();
  await expect(send({ name: "soup", id: 0n }, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  expect(upstream).toHaveLength(0);
  expect(clock.pending).toBe(0);
});

test("headers and trailers are for the caller whose call it is, and a mark for those who share it", async () => {
  const { get, upstream } = slow({}, {});
  const told: [string, Metadata][] = [];
  const listen = (who: string) => ({
    onHeaders: (headers: Metadata) => told.push([`${who} headers`, headers]),
    onTrailers: (trailers: Metadata) => told.push([`${who} trailers`, trailers]),
  });
  const calls = [get("soup", listen("first")), get("soup", listen("second"))];
  await settled();
  const context = new CallContext(upstream[0]?.call as Call);
  context.responseHeaders.set("x-head", "h");
  context.responseTrailers.set("x-trail", "t");
  upstream[0]?.answer(soup);
  await Promise.all(calls);
  expect(told.map(([who, metadata]) => [who, ...metadata])).toEqual([
    ["first headers", ["x-head", "h"]],
    ["first trailers", ["x-trail", "t"]],
    ["second trailers", ["x-mesh-cache", "coalesced"]],
  ]);
});

test("who leaves hears of empty trailers, and nothing more when the call ends", async () => {
  const { get, upstream } = slow();
  const told: Metadata[] = [];
  const abort = new AbortController();
  const first = outcomeOf(get("soup", { signal: abort.signal, onTrailers: (trailers) => told.push(trailers) }));
  const second = get("soup");
  await settled();
  abort.abort();
  await first;
  new CallContext(upstream[0]?.call as Call).responseTrailers.set("x-trail", "t");
  upstream[0]?.answer(soup);
  await second;
  expect(told.map((one) => [...one])).toEqual([[]]);
});

test("those who share a failure hear of its trailers, each in a copy of its own", async () => {
  const { get, upstream } = slow();
  const told: Metadata[] = [];
  const onTrailers = (trailers: Metadata) => {
    told.push(trailers);
    trailers.set("x-mine", String(told.length));
  };
  const calls = [1, 2, 3].map(() => outcomeOf(get("soup", { onTrailers })));
  await settled();
  upstream[0]?.fail(new RpcError("NOT_FOUND", "no", { metadata: new Metadata().set("x-why", "w") }));
  await Promise.all(calls);
  expect(told.map((one) => [one.get("x-why"), one.get("x-mine")])).toEqual([
    ["w", "1"],
    ["w", "2"],
    ["w", "3"],
  ]);
});

test("a callback that throws ends its own call and not that of others", async () => {
  const { get, upstream, clock } = slow();
  const onTrailers = () => {
    throw new Error("mine");
  };
  const first = outcomeOf(get("soup", { onTrailers }));
  const second = get("soup");
  const third = outcomeOf(get("soup", { onTrailers }));
  await settled();
  upstream[0]?.answer(soup);
  expect(await first).toBe("CANCELLED");
  expect(await second).toEqual(soup);
  expect(await third).toBe("CANCELLED");
  expect(upstream).toHaveLength(1);
  expect(clock.pending).toBe(0);
});

test("a reply that cannot be copied is its caller's alone; the others ask for themselves", async () => {
  const { get, upstream } = slow();
  const calls = [get("soup"), get("soup")];
  await settled();
  upstream[0]?.answer({ labels: null } as unknown as Dish);
  await settled();
  expect(upstream).toHaveLength(2);
  upstream[1]?.answer(soup);
  expect(await calls[1]).toBe(soup);
});

test("on a server only the response of the caller whose call it is gets headers", async () => {
  const { get, upstream } = slow({ vary: ["all"] }, { side: "server" });
  const told: string[][] = [];
  const listen = { onTrailers: (trailers: Metadata) => told.push([...trailers].map(String)) };
  const calls = [get("soup", listen), get("soup", listen)];
  await settled();
  new CallContext(upstream[0]?.call as Call).responseTrailers.set("set-cookie", "secret");
  upstream[0]?.answer(soup);
  await Promise.all(calls);
  expect(told).toEqual([["set-cookie,secret"], ["x-mesh-cache,coalesced"]]);
});
