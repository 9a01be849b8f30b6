import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Budget } from "../core/budget.ts";
import { Cancellation } from "../core/cancellation.ts";
import { type Code, RpcError, type RpcErrorOptions } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";
import type { MethodFacts } from "../core/policy.ts";
import { siteFactory } from "../core/site.ts";
import { RetryInfo } from "../messages/details.ts";
import { detail } from "../messages/status.ts";
import { FakeClock, mount, mountLayers, settled } from "../testing.ts";
import { backoff } from "./retry/backoff.ts";
import { type RetryConfig, retry } from "./retry.ts";
import { attemptTimeout } from "./timeout.ts";

const config: RetryConfig = {
  attempts: 4,
  on: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
  initialMs: 100,
  maxMs: 1000,
  multiplier: 2,
  jitter: "NONE",
  attemptTimeout: false,
  budget: { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 },
};

const failure = (code: Code = "UNAVAILABLE", options?: RpcErrorOptions) => new RpcError(code, "not now", options);

/** A peer that plays a script: throws errors, returns anything else; its last entry repeats. */
function peer(...script: readonly unknown[]) {
  let played = 0;
  return () => {
    const next = script[Math.min(played++, script.length - 1)];
    if (next instanceof Error) throw next;
    return next;
  };
}

const withTrailer = (...values: string[]) => {
  const metadata = new Metadata();
  for (const value of values) metadata.append("grpc-retry-pushback-ms", value);
  return { metadata };
};

/** When each attempt started, until the call has settled or the time is over. */
async function timeline(mounted: ReturnType<typeof mount>, forMs: number, options = {}) {
  const times: number[] = [];
  let outcome: unknown;
  const call = mounted.send({}, options).then(
    (reply) => {
      outcome = reply;
    },
    (error) => {
      outcome = error;
    },
  );
  await settled();
  let known = 0;
  for (let ms = 0; ms <= forMs; ms++) {
    while (known < mounted.seen.length) {
      times.push(mounted.clock.now());
      known++;
    }
    await mounted.clock.advance(1);
  }
  await call;
  return { times, outcome };
}

test("repeats a failed call with growing waits, and returns the reply itself", async () => {
  const reply = { fine: true };
  const mounted = mount(retry, config, { handler: peer(failure(), failure(), failure(), reply) });
  const { times, outcome } = await timeline(mounted, 800);
  expect(times).toEqual([0, 100, 300, 700]);
  expect(outcome).toBe(reply);
  expect(mounted.seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  expect(mounted.clock.pending).toBe(0);
});

test("gives up after the last attempt with that attempt's own error", async () => {
  const errors = [failure(), failure(), failure(), failure()];
  const mounted = mount(retry, config, { handler: peer(...errors) });
  const { times, outcome } = await timeline(mounted, 2000);
  expect(times).toHaveLength(4);
  expect(outcome).toBe(errors[3]);
});

test.each([
  ["a code that is not listed", failure("INTERNAL")],
  ["a refusal of this process", failure("UNAVAILABLE", { refusedBy: "circuitBreaker" })],
  ["RESOURCE_EXHAUSTED without word of when", failure("RESOURCE_EXHAUSTED")],
  ["an error that is not a status", new TypeError("oops")],
  ["a negative pushback", failure("UNAVAILABLE", withTrailer("-1"))],
  ["a pushback that is not a number", failure("UNAVAILABLE", withTrailer("soon"))],
  ["an empty pushback", failure("UNAVAILABLE", withTrailer(""))],
  ["a fractional pushback", failure("UNAVAILABLE", withTrailer("1.5"))],
  ["a pushback beyond int32", failure("UNAVAILABLE", withTrailer("2147483648"))],
  ["a pushback of more than five minutes", failure("UNAVAILABLE", withTrailer("300001"))],
  ["two pushbacks", failure("UNAVAILABLE", withTrailer("10", "10"))],
  [
    "a RetryInfo of days",
    failure("UNAVAILABLE", { details: [detail(RetryInfo, { retryDelay: { seconds: 2_000_000n } })] }),
  ],
  ["a negative RetryInfo", failure("UNAVAILABLE", { details: [detail(RetryInfo, { retryDelay: { seconds: -1n } })] })],
])("never repeats after %s", async (_, error) => {
  const mounted = mount(retry, config, { handler: peer(error) });
  const { times, outcome } = await timeline(mounted, 300);
  expect(times).toEqual([0]);
  expect(outcome).toBe(error);
  expect(mounted.clock.pending).toBe(0);
});

test("never repeats after response headers, which commit the call", async () => {
  const mounted = mount(retry, config, {
    handler({ response }) {
      if (response) response.headers = Metadata.from({ "x-cook": "ada" });
      throw failure();
    },
  });
  const { times, outcome } = await timeline(mounted, 300);
  expect(times).toEqual([0]);
  expect(outcome).toMatchObject({ code: "UNAVAILABLE", committed: true });
});

test("waits exactly as long as the peer says, then starts the backoff anew", async () => {
  const pushed = failure("RESOURCE_EXHAUSTED", withTrailer("250"));
  const { times } = await timeline(mount(retry, config, { handler: peer(failure(), pushed, failure(), {}) }), 600);
  expect(times).toEqual([0, 100, 350, 450]);
});

test("waits as long as five minutes, when the peer says so", async () => {
  const mounted = mount(retry, config, { handler: peer(failure("UNAVAILABLE", withTrailer("300000")), {}) });
  const call = mounted.send();
  await mounted.clock.advance(299_999);
  expect(mounted.seen).toHaveLength(1);
  await mounted.clock.advance(1);
  expect(await call).toEqual({});
});

test("takes the delay of RetryInfo, and the trailer before it", async () => {
  const details = [detail(RetryInfo, { retryDelay: { seconds: 1n, nanos: 500_000_000 } })];
  const info = failure("RESOURCE_EXHAUSTED", { details });
  const both = failure("UNAVAILABLE", { details, ...withTrailer("30") });
  const { times } = await timeline(mount(retry, config, { handler: peer(info, both, {}) }), 1600);
  expect(times).toEqual([0, 1500, 1530]);
});

test("does not let the peer's word make a code worth repeating", async () => {
  const { times } = await timeline(mount(retry, config, { handler: peer(failure("INTERNAL", withTrailer("5"))) }), 100);
  expect(times).toEqual([0]);
});

test("fails at once, with the last error, when the next attempt could not start before the deadline", async () => {
  const errors = [failure(), failure(), failure()];
  const mounted = mount(retry, config, { handler: peer(...errors) });
  let failedAt: number | undefined;
  const call = mounted.send({}, { timeoutMs: 300 }).catch((error) => {
    failedAt = mounted.clock.now();
    return error;
  });
  await mounted.clock.advance(150);
  // The second wait is 200 ms and 200 ms are left: the attempt would start dead.
  expect(failedAt).toBe(100);
  expect(await call).toBe(errors[1]);
  expect(mounted.clock.pending).toBe(0);
});

test("all attempts share the call's deadline", async () => {
  const mounted = mount(retry, config, { handler: peer(failure(), {}) });
  await timeline(mounted, 120, { timeoutMs: 500 });
  expect(mounted.seen.map(({ deadline }) => deadline)).toEqual([500, 500]);
});

test("a caller may ask for one attempt", async () => {
  const { times } = await timeline(mount(retry, config, { handler: peer(failure(), {}) }), 200, { retry: false });
  expect(times).toEqual([0]);
});

test("cancelling during a wait ends the call at once and leaves no timer and no listener", async () => {
  const cancellation = new Cancellation();
  const { send, clock, seen } = mount(retry, config, { handler: peer(failure()) });
  const call = send({}, { cancellation });
  await settled();
  expect([clock.pending, cancellation.listening]).toEqual([1, 1]);
  const reason = new RpcError("CANCELLED", "enough");
  cancellation.cancel(reason);
  await expect(call).rejects.toBe(reason);
  expect([clock.pending, cancellation.listening]).toEqual([0, 0]);
  await clock.advance(5000);
  expect(seen).toHaveLength(1);
});

test("a failure that comes with the cancellation is not repeated, and stays the one that the caller gets", async () => {
  const cancellation = new Cancellation();
  const error = failure();
  const { send, seen, method, clock } = mount(retry, config);
  await send({}, { cancellation });
  const handler = retry.client?.(
    config,
    siteFactory({ clock })(method),
  )?.(() => {
    cancellation.cancel(new RpcError("CANCELLED", "enough"));
    return Promise.reject(error);
  });
  const [call] = seen;
  if (!call) throw new Error("the call did not arrive");
  await expect(handler?.({ ...call, cancellation })).rejects.toBe(error);
});

describe("a server stream", () => {
  const stream = async function* (...items: readonly unknown[]) {
    for (const item of items) {
      if (item instanceof Error) throw item;
      yield item;
    }
  };
  const streaming = { kind: "serverStream" } as const;
  const read = async (reply: unknown) => {
    const items: unknown[] = [];
    for await (const item of reply as AsyncIterable<unknown>) items.push(item);
    return items;
  };

  test("is repeated until its response has begun", async () => {
    const mounted = mount(retry, config, { method: streaming, handler: peer(failure(), stream(1, 2)) });
    const { outcome } = await timeline(mounted, 150);
    expect(await read(outcome)).toEqual([1, 2]);
    expect(mounted.seen).toHaveLength(2);
  });

  test("is not repeated once it has begun", async () => {
    const error = failure();
    const mounted = mount(retry, config, { method: streaming, handler: () => stream(1, error) });
    const { outcome } = await timeline(mounted, 50);
    await expect(read(outcome)).rejects.toBe(error);
    expect(mounted.seen).toHaveLength(1);
  });
});

test.each(["clientStream", "bidi"] as const)("a %s method has no retry layer", (kind) => {
  const clock = new FakeClock();
  expect(retry.client?.(config, siteFactory({ clock })({ ...mount(retry, config).method, kind }))).toBeUndefined();
});

test("an attempt that its timeout cut is repeated only on demand, and another DEADLINE_EXCEEDED never", async () => {
  const run = async (attemptTimeoutOn: boolean, handler: () => unknown) => {
    const own = { ...config, attemptTimeout: attemptTimeoutOn };
    const mounted = mountLayers(
      (site) =>
        [retry.client?.(own, site), attemptTimeout.client?.({ attemptMs: 50 }, site)].filter(
          (one) => one !== undefined,
        ),
      { handler, method: { policy: { timeout: { attemptMs: 50 } } } },
    );
    return (await timeline(mounted, 1200)).times;
  };
  const never = () => new Promise(() => {});
  expect(await run(true, never)).toEqual([0, 150, 400, 850]);
  expect(await run(false, never)).toEqual([0]);
  expect(await run(true, peer(failure("DEADLINE_EXCEEDED")))).toEqual([0]);
});

test("an attempt that this process refuses is none: the caller gets the error of the one before, which the peer saw", async () => {
  const answered = failure();
  const mounted = mount(retry, config, { handler: peer(answered, failure("UNAVAILABLE", { refusedBy: "auth" })) });
  const { times, outcome } = await timeline(mounted, 1000);
  expect(times).toEqual([0, 100]);
  expect(outcome).toBe(answered);
});

describe("backoff", () => {
  const base = { initialMs: 100, maxMs: 1000, multiplier: 2, jitter: "NONE" } as const;
  const waits = (part: object, random: number) => {
    const wait = backoff({ ...config, ...base, ...part });
    return [0, 1, 2, 3, 4, 5].map((n) => wait(n, random));
  };

  test("grows by the multiplier up to max", () => {
    expect(waits({}, 0)).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(waits({ multiplier: 1 }, 0)).toEqual([100, 100, 100, 100, 100, 100]);
  });

  test("is bounded by max from the first wait on", () => {
    expect(waits({ maxMs: 40 }, 0)[0]).toBe(40);
  });

  test.each([
    ["PROPORTIONAL", [80, 160], [100, 200], [120, 240]],
    ["FULL", [0, 0], [50, 100], [100, 200]],
    ["EQUAL", [50, 100], [75, 150], [100, 200]],
    ["NONE", [100, 200], [100, 200], [100, 200]],
  ])("spreads %s", (jitter, low, middle, high) => {
    const first = (random: number) =>
      waits({ jitter }, random)
        .slice(0, 2)
        .map((ms) => Math.round(ms * 1000) / 1000);
    expect([first(0), first(0.5), first(1)]).toEqual([low, middle, high]);
  });
});

describe("the budget", () => {
  const tight = { ...config, budget: { ratio: 0.5, floorPerSecond: 0, windowMs: 10_000 } };

  test("is shared by the methods of a service within one client", async () => {
    const clock = new FakeClock();
    const site = siteFactory({ clock });
    const options = { clock, site, handler: peer(failure()) };
    const a = mount(retry, tight, { ...options, method: { path: "/shop.Shop/A" } });
    const b = mount(retry, tight, { ...options, method: { path: "/shop.Shop/B" } });
    const other = mount(retry, tight, { ...options, method: { path: "/shop.Other/A" } });
    await timeline(a, 500);
    await timeline(b, 500);
    await timeline(other, 500);
    // Half a retry per call: the two calls of the shop's methods pay for one.
    expect([a, b, other].map(({ seen }) => seen.length)).toEqual([1, 2, 1]);
  });

  test("forgets what is older than its window", () => {
    const budget = new Budget({ ratio: 1, floorPerSecond: 0, windowMs: 1000 });
    budget.deposit(0);
    budget.deposit(0);
    expect(budget.withdraw(500)).toBe(true);
    expect(budget.withdraw(1100)).toBe(false);
  });

  test("always allows its floor", () => {
    const budget = new Budget({ ratio: 0.2, floorPerSecond: 3, windowMs: 1000 });
    expect([1, 2, 3, 4].map(() => budget.withdraw(5))).toEqual([true, true, true, false]);
    expect(budget.withdraw(1005)).toBe(true);
  });

  test("bounds amplification to 1 + ratio, plus the floor, whatever fails and however often", () => {
    fc.assert(
      fc.property(
        fc.record({
          ratio: fc.constantFrom(0.1, 0.2, 0.5, 1),
          floorPerSecond: fc.integer({ min: 0, max: 20 }),
          windowMs: fc.constantFrom(100, 1000, 10_000),
        }),
        fc.array(fc.record({ gapMs: fc.nat(3000), calls: fc.nat(20), tries: fc.nat(60) }), { maxLength: 60 }),
        (config, script) => {
          const budget = new Budget(config);
          const events: { at: number; calls: number; retries: number }[] = [];
          let now = 0;
          for (const { gapMs, calls, tries } of script) {
            now += gapMs;
            for (let n = 0; n < calls; n++) budget.deposit(now);
            let retries = 0;
            for (let n = 0; n < tries; n++) if (budget.withdraw(now)) retries++;
            events.push({ at: now, calls, retries });
          }
          const slice = config.windowMs / 10;
          for (const { at } of events.filter((event) => event.retries > 0)) {
            // The window that ends with these retries, by the slices that the budget sees.
            const from = (Math.floor(at / slice) - 9) * slice;
            const within = events.filter((event) => event.at >= from && event.at <= at);
            const calls = within.reduce((sum, event) => sum + event.calls, 0);
            const retries = within.reduce((sum, event) => sum + event.retries, 0);
            const allowed = config.ratio * calls + (config.floorPerSecond * config.windowMs) / 1000;
            expect(retries).toBeLessThanOrEqual(allowed + 1e-6);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

test("no attempt starts after the deadline or after a cancel, whatever the peer does", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        timeoutMs: fc.integer({ min: 1, max: 3000 }),
        cancelAt: fc.option(fc.integer({ min: 0, max: 3000 }), { nil: undefined }),
        answerMs: fc.array(fc.nat(700), { minLength: 5, maxLength: 5 }),
        told: fc.array(fc.option(fc.integer({ min: -1, max: 900 }), { nil: undefined }), {
          minLength: 5,
          maxLength: 5,
        }),
        random: fc.double({ min: 0, max: 0.999, noNaN: true }),
        jitter: fc.constantFrom("PROPORTIONAL", "FULL", "EQUAL", "NONE"),
      }),
      async ({ timeoutMs, cancelAt, answerMs, told, random, jitter }) => {
        const clock = new FakeClock();
        const cancellation = new Cancellation();
        const started: number[] = [];
        const { send } = mount(
          retry,
          { ...config, attempts: 5, jitter },
          {
            clock,
            random: () => random,
            handler: ({ attempt }) =>
              new Promise((_, reject) => {
                started.push(clock.now());
                const ms = told[attempt - 1];
                const options = ms === undefined ? {} : withTrailer(String(ms));
                clock.schedule(answerMs[attempt - 1] ?? 0, () => reject(failure("UNAVAILABLE", options)));
              }),
          },
        );
        const call = send({}, { timeoutMs, cancellation }).catch((error) => error);
        if (cancelAt !== undefined) {
          clock.schedule(cancelAt, () => cancellation.cancel(new RpcError("CANCELLED", "enough")));
        }
        await clock.advance(10_000);
        expect(await call).toBeInstanceOf(RpcError);
        for (const at of started) expect(at).toBeLessThan(timeoutMs);
        if (cancelAt !== undefined) for (const at of started) expect(at).toBeLessThanOrEqual(cancelAt);
        expect([clock.pending, cancellation.listening]).toEqual([0, 0]);
      },
    ),
    { numRuns: 60 },
  );
});

test.each([
  ["retry/needs-idempotency", { on: ["INTERNAL", "UNAVAILABLE"] }, {}],
  ["retry/unavailable-after-work", {}, {}],
  ["retry/on-empty", { on: [] }, { idempotency: "IDEMPOTENT" }],
  ["retry/max-below-initial", { maxMs: 99 }, { idempotency: "IDEMPOTENT" }],
  ["retry/final-code", { on: ["NOT_FOUND"] }, { idempotency: "IDEMPOTENT" }],
  ["retry/client-stream", {}, { idempotency: "IDEMPOTENT", kind: "bidi" }],
  ["retry/server-stream", {}, { idempotency: "IDEMPOTENT", kind: "serverStream" }],
  ["retry/attempt-timeout-without-attempt", { attemptTimeout: true }, { idempotency: "IDEMPOTENT" }],
  [
    "retry/attempts-beyond-total",
    {},
    { idempotency: "IDEMPOTENT", policy: { timeout: { totalMs: 1000, attemptMs: 400 } } },
  ],
] as const)("%s is found", (id, part, facts) => {
  const method = {
    path: "/a.B/C",
    kind: "unary",
    idempotency: undefined,
    policy: {},
    field: () => undefined,
    replyProblem: () => undefined,
    sibling: () => undefined,
  } as const;
  const all = { ...method, ...facts } as MethodFacts;
  const found = retry.rules?.filter(
    ({ check }) => check({ ...config, on: ["UNAVAILABLE"], ...part }, all) !== undefined,
  );
  expect(found?.map((rule) => rule.id)).toContain(id);
});

test("the rules are content with a retry that fits its method", () => {
  const policy = { timeout: { totalMs: 5000, attemptMs: 400 } };
  const facts: MethodFacts = {
    path: "/a.B/C",
    kind: "unary",
    idempotency: "IDEMPOTENT",
    policy,
    field: () => undefined,
    replyProblem: () => undefined,
    sibling: () => undefined,
  };
  expect(retry.rules?.map(({ check }) => check({ ...config, on: ["UNAVAILABLE"] }, facts)).filter(Boolean)).toEqual([]);
});
