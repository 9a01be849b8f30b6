import { expect, test } from "vitest";
import { Cancellation } from "../core/cancellation.ts";
import { CallContext } from "../core/context.ts";
import { RpcError } from "../core/error.ts";
import type { MethodFacts } from "../core/policy.ts";
import { FakeClock, mount, settled } from "../testing.ts";
import { attemptTimeout, type TimeoutConfig, timeout } from "./timeout.ts";

const never = () => new Promise<never>(() => {});
const late = { code: "DEADLINE_EXCEEDED" };

/** A stream that sends what it is told when it is told. */
function pipe<T>() {
  const waiting: ((result: IteratorResult<T>) => void)[] = [];
  const state = { returned: false };
  const stream: AsyncIterable<T> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise((resolve) => waiting.push(resolve)),
      async return() {
        state.returned = true;
        return { done: true, value: undefined };
      },
    }),
  };
  return { stream, state, send: (value: T) => waiting.shift()?.({ done: false, value }) };
}

const iterate = (reply: unknown) => (reply as AsyncIterable<unknown>)[Symbol.asyncIterator]();

test.each([
  ["total when the caller says nothing", { totalMs: 300 }, {}, 300],
  ["the caller's when it is shorter than total", { totalMs: 300 }, { timeoutMs: 200 }, 200],
  ["total when the caller wants more", { totalMs: 300 }, { timeoutMs: 900 }, 300],
  ["the parent's when it is the earliest", { totalMs: 300 }, { timeoutMs: 200, deadline: 100 }, 100],
  ["max when the caller wants more", { maxMs: 500 }, { timeoutMs: 900 }, 500],
  ["max when nobody says anything", { maxMs: 500 }, {}, 500],
  ["none without total and max", { reserveMs: 5 }, { timeoutMs: 900 }, 900],
])("a client's deadline is %s", async (_, config: TimeoutConfig, options, expected) => {
  const { send, seen } = mount(timeout, config);
  await send({}, options);
  expect(seen[0]?.deadline).toBe(expected);
});

test("a client installs nothing for a config that concerns servers, and the attempt layer nothing for total", () => {
  const { clock, method } = mount(timeout, {});
  const site = {
    method,
    clock,
    random: () => 0,
    shared: () => undefined as never,
    authProviders: new Map(),
    target: "",
  };
  expect(timeout.client?.({ reserveMs: 5 }, site)).toBeUndefined();
  expect(attemptTimeout.client?.({ totalMs: 5, idleMs: 5 }, site)).toBeUndefined();
});

test("the attempt's time starts with the attempt and never outlasts the call", async () => {
  const { send, seen, clock } = mount(attemptTimeout, { attemptMs: 100 });
  await clock.advance(40);
  await send();
  await send({}, { timeoutMs: 60 });
  expect(seen.map(({ deadline }) => deadline)).toEqual([140, 100]);
});

test("an attempt that is cut fails with DEADLINE_EXCEEDED and leaves no timer", async () => {
  const { send, clock } = mount(attemptTimeout, { attemptMs: 100 }, { handler: never });
  const reply = expect(send()).rejects.toMatchObject(late);
  await clock.advance(100);
  await reply;
  expect(clock.pending).toBe(0);
});

test("a call that arrives after its deadline is refused before the implementation runs", async () => {
  const { clock, method } = mount(timeout, {});
  let ran = false;
  const layer = timeout.server?.(
    {},
    { method, clock, random: () => 0, shared: never as never, authProviders: new Map(), target: "" },
  );
  const handler = layer?.(async () => {
    ran = true;
  });
  const { seen, send } = mount(timeout, {}, { side: "server" });
  await send();
  await expect(handler?.({ ...(seen[0] as (typeof seen)[0]), deadline: clock.now() })).rejects.toMatchObject({
    ...late,
    refusedBy: "timeout",
  });
  expect(ran).toBe(false);
});

test("a server's max ends and cancels work that the caller would still wait for", async () => {
  let cancellation: Cancellation | undefined;
  const { send, clock } = mount(
    timeout,
    { maxMs: 100 },
    {
      side: "server",
      handler: (call) => {
        cancellation = call.cancellation;
        return never();
      },
    },
  );
  const reply = expect(send({}, { timeoutMs: 5000 })).rejects.toMatchObject(late);
  await clock.advance(99);
  expect(cancellation?.reason).toBeUndefined();
  await clock.advance(1);
  await reply;
  expect(cancellation?.reason).toMatchObject(late);
  expect(clock.pending).toBe(0);
});

test("a server's max ends a stream in the middle, though nobody reads it", async () => {
  const { stream, state, send: emit } = pipe<number>();
  const { send, clock } = mount(
    timeout,
    { maxMs: 100 },
    {
      side: "server",
      method: { kind: "serverStream" },
      handler: () => stream,
    },
  );
  const reply = iterate(await send());
  const first = reply.next();
  emit(1);
  expect(await first).toEqual({ done: false, value: 1 });
  await clock.advance(100);
  await expect(reply.next()).rejects.toMatchObject(late);
  expect(state.returned).toBe(true);
  expect(clock.pending).toBe(0);
});

test("the caller's own deadline needs no second timer on the server", async () => {
  const { send, clock } = mount(timeout, { maxMs: 1000 }, { side: "server", handler: never });
  const reply = expect(send({}, { timeoutMs: 50 })).rejects.toMatchObject(late);
  expect(clock.pending).toBe(1); // the transport's
  await clock.advance(50);
  await reply;
});

test("reserve shortens what the next hop gets, not what this one has", async () => {
  const { send, seen } = mount(timeout, { maxMs: 1000, reserveMs: 30 }, { side: "server" });
  await send({}, { timeoutMs: 200 });
  await send();
  expect(seen.map(({ deadline }) => deadline)).toEqual([200, 1000]);
  expect(seen.map((call) => new CallContext(call).deadline)).toEqual([170, 970]);
});

test("without any deadline there is nothing to reserve", async () => {
  const { send, seen } = mount(timeout, { reserveMs: 30 }, { side: "server" });
  await send();
  expect(new CallContext(seen[0] as (typeof seen)[0]).deadline).toBe(Number.POSITIVE_INFINITY);
});

test.each([
  ["client", attemptTimeout],
  ["server", timeout],
] as const)("on a %s, a stream lives as long as messages come and dies of silence", async (side, row) => {
  const { stream, state, send: emit } = pipe<number>();
  const { send, clock, seen } = mount(
    row,
    { idleMs: 100 },
    { side, method: { kind: "serverStream" }, handler: () => stream },
  );
  const reply = iterate(await send());
  for (let value = 0; value < 5; value++) {
    const next = reply.next();
    await clock.advance(90);
    emit(value);
    expect(await next).toEqual({ done: false, value });
    expect(clock.pending).toBe(1);
  }
  const silent = expect(reply.next()).rejects.toMatchObject(late);
  await clock.advance(100);
  await silent;
  expect(seen[0]?.cancellation?.reason).toMatchObject(late);
  expect(state.returned).toBe(true);
  expect(clock.pending).toBe(0);
});

test.each([
  ["client", attemptTimeout],
  ["server", timeout],
] as const)("on a %s, the caller's messages keep a stream alive too", async (side, row) => {
  const { stream, send: emit } = pipe<number>();
  const { send, clock } = mount(
    row,
    { idleMs: 100 },
    {
      side,
      method: { kind: "clientStream" },
      handler: async (call) => {
        const source = iterate(call.request);
        for (let count = 0; count < 3; count++) await source.next();
        return { count: 3 };
      },
    },
  );
  const reply = send(stream);
  for (let count = 0; count < 3; count++) {
    await clock.advance(90);
    emit(count);
    await settled();
  }
  expect(await reply).toEqual({ count: 3 });
  expect(clock.pending).toBe(0);
});

test("a stream that never begins dies of silence", async () => {
  const { send, clock } = mount(attemptTimeout, { idleMs: 100 }, { method: { kind: "bidi" }, handler: never });
  const reply = expect(send(pipe().stream)).rejects.toMatchObject(late);
  await clock.advance(100);
  await reply;
  expect(clock.pending).toBe(0);
});

test("the silence of one attempt does not cancel the caller's call", async () => {
  const cancellation = new Cancellation();
  const { send, clock } = mount(attemptTimeout, { idleMs: 100 }, { method: { kind: "serverStream" }, handler: never });
  const reply = expect(send({}, { cancellation })).rejects.toMatchObject(late);
  await clock.advance(100);
  await reply;
  expect(cancellation.reason).toBeUndefined();
  expect(cancellation.listening).toBe(0);
});

test("silence on a server ends the caller's stream as well", async () => {
  const { stream, state } = pipe<number>();
  const { send, clock } = mount(
    timeout,
    { idleMs: 100 },
    { side: "server", method: { kind: "clientStream" }, handler: (call) => iterate(call.request).next() },
  );
  const reply = expect(send(stream)).rejects.toMatchObject(late);
  await clock.advance(100);
  await reply;
  expect(state.returned).toBe(true);
});

test("a stream that comes when the time is over is told to stop", async () => {
  const { stream, state } = pipe<number>();
  const clock = new FakeClock();
  const { send } = mount(
    timeout,
    { maxMs: 100 },
    {
      side: "server",
      clock,
      method: { kind: "serverStream" },
      handler: () => new Promise((resolve) => clock.schedule(150, () => resolve(stream))),
    },
  );
  const reply = expect(send()).rejects.toMatchObject(late);
  await clock.advance(100);
  await reply;
  await clock.advance(50);
  expect(state.returned).toBe(true);
});

test("idle says nothing about unary calls", async () => {
  const { send, clock } = mount(attemptTimeout, { idleMs: 100 }, { handler: never });
  const cancellation = new Cancellation();
  const reply = expect(send({}, { cancellation })).rejects.toMatchObject({ code: "CANCELLED" });
  await clock.advance(1000);
  cancellation.cancel(new RpcError("CANCELLED", "enough"));
  await reply;
});

test("a timer that comes early, or cannot hold the whole wait, is set again", async () => {
  class Hasty extends FakeClock {
    override schedule(delayMs: number, run: () => void) {
      return super.schedule(Math.min(delayMs > 1 ? delayMs - 0.5 : delayMs, 40), run);
    }
  }
  const clock = new Hasty();
  const { send } = mount(timeout, { maxMs: 100 }, { side: "server", handler: never, clock });
  let failedAt: number | undefined;
  const reply = send().catch(() => {
    failedAt = clock.now();
  });
  for (let step = 0; step < 120; step++) await clock.advance(1);
  await reply;
  expect(failedAt).toBe(100);
});

test.each([
  ["timeout/attempt-below-total", { attemptMs: 100, totalMs: 100 }, "unary"],
  ["timeout/total-within-max", { totalMs: 200, maxMs: 100 }, "unary"],
  ["timeout/attempt-of-stream", { attemptMs: 100 }, "serverStream"],
] as const)("%s is an error with a remedy", (id, config, kind) => {
  const facts: MethodFacts = {
    path: "/a.B/C",
    kind,
    idempotency: undefined,
    policy: {},
    field: () => undefined,
    replyProblem: () => undefined,
    sibling: () => undefined,
  };
  const broken = timeout.rules?.filter(({ check }) => check(config, facts) !== undefined);
  expect(broken?.map((rule) => [rule.id, rule.severity])).toEqual([[id, "error"]]);
  const fine = { totalMs: 300, maxMs: 400, attemptMs: 100 };
  expect(timeout.rules?.filter(({ check }) => check(fine, { ...facts, kind: "unary" }) !== undefined)).toEqual([]);
});
