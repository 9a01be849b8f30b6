import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { Cancellation } from "../core/cancellation.ts";
import { systemClock } from "../core/clock.ts";
import { type Criticality, criticalities, criticalityOf } from "../core/criticality.ts";
import { RpcError } from "../core/error.ts";
import { parseFields } from "../core/fields.ts";
import type { MethodFacts, Site } from "../core/policy.ts";
import { siteFactory } from "../core/site.ts";
import type { MethodSpec } from "../core/spec.ts";
import { FakeClock, type MountOptions, mount, type SendOptions, settled } from "../testing.ts";
import { type Saturation, saturationKey } from "./concurrency/loop-delay.ts";
import { type ConcurrencyConfig, concurrency } from "./concurrency.ts";

const config = (part: Partial<ConcurrencyConfig> = {}): ConcurrencyConfig => ({
  max: 2,
  queue: 0,
  adaptive: "FIXED",
  criticality: "CRITICAL",
  ...part,
});

const full = { code: "UNAVAILABLE", refusedBy: "concurrency" };
const claiming = (criticality: string): SendOptions => ({ metadata: { "x-mesh-criticality": criticality } });

/** A server's layer whose calls run until they are told to end, named by their requests. */
function rig(part: Partial<ConcurrencyConfig> = {}, options: MountOptions = {}) {
  const running = new Map<string, { resolve(reply: unknown): void; reject(error: unknown): void }>();
  const log: string[] = [];
  const mounted = mount(concurrency, config(part), {
    side: "server",
    handler: ({ request }) =>
      new Promise((resolve, reject) => {
        running.set(String(request), { resolve, reject });
      }),
    ...options,
  });
  return {
    ...mounted,
    running,
    log,
    /** Starts a call and notes how it ends. */
    async call(name: string, options?: SendOptions) {
      mounted.send(name, options).then(
        () => log.push(`${name} ok`),
        (error) => log.push(`${name} ${error.code}`),
      );
      await settled();
    },
    async end(name: string) {
      running.get(name)?.resolve({});
      await settled();
    },
    names: () => mounted.seen.map(({ request }) => String(request)),
  };
}

describe("bulkhead", () => {
  test("runs as many as max, refuses the next, and runs again when one has ended", async () => {
    const { call, end, names, log, send } = rig();
    await call("a");
    await call("b");
    await expect(send("c")).rejects.toMatchObject({
      ...full,
      text: "/test.v1.Test/Call is full: 2 at once is its limit; call another instance, or again later",
      metadata: undefined,
    });
    expect(names()).toEqual(["a", "b"]);
    await end("a");
    await call("d");
    expect(names()).toEqual(["a", "b", "d"]);
    expect(log).toEqual(["a ok"]);
  });

  test("the refusals of a method are one object without a stack", async () => {
    const { call, send } = rig({ max: 1 });
    await call("a");
    const [one, other] = await Promise.all([send("b"), send("c")].map((sent) => sent.catch((error) => error)));
    expect(one).toBe(other);
    expect((one as RpcError).stack).not.toMatch(/\n\s+at /);
  });

  test("a failure gives the place back, and so does a handler that throws at once", async () => {
    const { call, running, log, names } = rig({ max: 1 });
    await call("a");
    running.get("a")?.reject(new RpcError("INTERNAL", "broken"));
    await settled();
    await call("b");
    expect(names()).toEqual(["a", "b"]);
    expect(log).toEqual(["a INTERNAL"]);

    const thrown = new TypeError("broken");
    const site = siteFactory({ clock: new FakeClock() })(mount(concurrency, config()).method);
    const handler = concurrency.server?.(
      config({ max: 1 }),
      site,
    )?.(() => {
      throw thrown;
    });
    for (let n = 0; n < 3; n++) await expect(handler?.(await anyCall())).rejects.toBe(thrown);
  });

  test("a cancelled call gives its place back though nobody listens to the cancellation", async () => {
    const { call, names, clock, log } = rig({ max: 1 });
    await call("a", { timeoutMs: 10 });
    await clock.advance(10);
    await call("b");
    expect(names()).toEqual(["a", "b"]);
    const controller = new AbortController();
    const other = rig({ max: 1 });
    await other.call("a", { signal: controller.signal });
    controller.abort();
    await settled();
    await other.call("b");
    expect(other.names()).toEqual(["a", "b"]);
    // And when the work ends at last, that frees no other place.
    await other.end("a");
    await other.call("c");
    expect([...log, ...other.log]).toEqual(["a DEADLINE_EXCEEDED", "a CANCELLED", "c UNAVAILABLE"]);
  });

  test.each(["read to its end", "left", "failed", "cancelled, unread"])(
    "a stream holds its place until it is %s",
    async (way) => {
      const controller = new AbortController();
      const { send, call, log } = rig(
        { max: 1 },
        {
          method: { kind: "serverStream" },
          handler: async function* () {
            yield 1;
            if (way === "failed") throw new RpcError("INTERNAL", "broken");
            yield 2;
          } as never,
        },
      );
      const reply = (await send("a", { signal: controller.signal })) as AsyncIterable<number>;
      const reader = reply[Symbol.asyncIterator]();
      if (way !== "cancelled, unread") await reader.next();
      await call("b");
      expect(log).toEqual(["b UNAVAILABLE"]);
      if (way === "read to its end") for (let n = 0; n < 2; n++) await reader.next();
      if (way === "left") await reader.return?.();
      if (way === "failed") await expect(reader.next()).rejects.toMatchObject({ code: "INTERNAL" });
      if (way === "cancelled, unread") controller.abort();
      await settled();
      await call("c");
      expect(log).toEqual(["b UNAVAILABLE", "c ok"]);
    },
  );

  test("without max everything runs", async () => {
    const { call, names } = rig({ max: undefined } as never);
    for (const name of ["a", "b", "c", "d"]) await call(name);
    expect(names()).toHaveLength(4);
  });
});

/** Any call as a server sees it. */
async function anyCall() {
  const { send, seen } = mount({ name: "none" }, {}, { side: "server" });
  await send();
  return seen[0] as NonNullable<(typeof seen)[0]>;
}

describe("queue", () => {
  test("the newest goes first, and one too many is refused", async () => {
    const { call, end, names, log } = rig({ max: 1, queue: 3 });
    for (const name of ["a", "b", "c", "d", "e"]) await call(name);
    expect(log).toEqual(["e UNAVAILABLE"]);
    for (const name of ["a", "d", "c", "b"]) await end(name);
    expect(names()).toEqual(["a", "d", "c", "b"]);
    expect(log).toEqual(["e UNAVAILABLE", "a ok", "d ok", "c ok", "b ok"]);
  });

  test("a call leaves the queue at its deadline, and its place in it is free", async () => {
    const { call, end, names, log, clock } = rig({ max: 1, queue: 1 });
    await call("a");
    await call("b", { timeoutMs: 50 });
    await call("c");
    await clock.advance(50);
    expect(log).toEqual(["c UNAVAILABLE", "b DEADLINE_EXCEEDED"]);
    await call("d");
    await end("a");
    expect(names()).toEqual(["a", "d"]);
    expect(clock.pending).toBe(0);
  });

  test("a call leaves the queue when its caller gives up", async () => {
    const { call, end, names, log } = rig({ max: 1, queue: 1 });
    const controller = new AbortController();
    await call("a");
    await call("b", { signal: controller.signal });
    controller.abort();
    await settled();
    await call("c");
    await end("a");
    expect(names()).toEqual(["a", "c"]);
    expect(log).toEqual(["b CANCELLED", "a ok"]);
  });

  test("a call that nobody can cancel leaves the queue at its deadline too", async () => {
    const clock = new FakeClock();
    const { method } = mount(concurrency, config());
    const layer = concurrency.server?.(config({ max: 1, queue: 1 }), siteFactory({ clock })(method));
    let runs = 0;
    const handler = layer?.(() => {
      runs++;
      return new Promise(() => {});
    });
    const call = { ...(await anyCall()), cancellation: undefined, deadline: 100 };
    handler?.(call);
    const waiting = handler?.(call);
    const late = expect(waiting).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", refusedBy: "concurrency" });
    expect(clock.pending).toBe(1);
    await clock.advance(100);
    await late;
    expect([runs, clock.pending]).toEqual([1, 0]);
  });

  test("nothing runs after its deadline, even if a layer has cut that without telling anybody", async () => {
    const clock = new FakeClock();
    const { method } = mount(concurrency, config());
    const layer = concurrency.server?.(config({ max: 1, queue: 5 }), siteFactory({ clock })(method));
    const ends: (() => void)[] = [];
    const handler = layer?.(() => new Promise<object>((resolve) => ends.push(() => resolve({}))));
    const base = await anyCall();
    const call = (deadline: number) => handler?.({ ...base, cancellation: new Cancellation(), deadline });
    const calls = [call(1000), call(1000), call(10), call(10)];
    const late = Promise.all(
      calls.slice(2).map((sent) => expect(sent).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" })),
    );
    await clock.advance(20);
    ends[0]?.();
    await late;
    ends[1]?.();
    await Promise.all(calls.slice(0, 2));
    expect(ends).toHaveLength(2);
  });

  test("a call that was cancelled before does not run", async () => {
    const { method } = mount(concurrency, config());
    let runs = 0;
    const handler = concurrency.server?.(
      config(),
      siteFactory({ clock: new FakeClock() })(method),
    )?.(async () => runs++);
    const cancellation = new Cancellation();
    const reason = new RpcError("CANCELLED", "gone");
    cancellation.cancel(reason);
    await expect(handler?.({ ...(await anyCall()), cancellation })).rejects.toBe(reason);
    expect(runs).toBe(0);
  });

  test("the queue says what it does", async () => {
    const decisions = await decisionsOf(async () => {
      const { call, end, clock } = rig({ max: 1, queue: 1 });
      await call("a");
      await call("b", claiming("SHEDDABLE"));
      await call("c", { timeoutMs: 10 });
      await call("d");
      await clock.advance(10);
      await end("a");
    });
    const at = { limit: 1, inflight: 1, criticality: "CRITICAL" };
    expect(decisions).toEqual(
      [
        ["queued", { ...at, criticality: "SHEDDABLE" }],
        ["queued", at],
        ["evicted", { ...at, criticality: "SHEDDABLE" }],
        ["refused", at],
        ["expired", at],
      ].map(([outcome, detail]) => ({ policy: "concurrency", outcome, method: "/test.v1.Test/Call", detail })),
    );
  });
});

describe("criticality", () => {
  test("under overload what matters less is refused first", async () => {
    const { call, log } = rig({ max: 20, criticality: "CRITICAL_PLUS" });
    const fill = async (criticality: Criticality, count: number) => {
      for (let n = 0; n < count; n++) await call(`${criticality} ${n}`, claiming(criticality));
    };
    await fill("SHEDDABLE", 14);
    expect(log).toEqual([]);
    for (const criticality of ["SHEDDABLE_PLUS", "CRITICAL", "CRITICAL_PLUS"] as const) await fill(criticality, 20);
    const refused = criticalities.map((one) => log.filter((line) => line.startsWith(`${one} `)).length);
    // 14, then 17, then 19, then 20 of 20 places.
    expect(refused).toEqual([19, 18, 17, 0]);
    await call("late", claiming("SHEDDABLE"));
    expect(log.at(-1)).toBe("late UNAVAILABLE");
  });

  test("one that matters more takes the place of one that matters less in a full queue", async () => {
    const { call, end, names, send } = rig({ max: 1, queue: 1 });
    await call("a");
    const pushed = send("b", claiming("SHEDDABLE"));
    const out = expect(pushed).rejects.toMatchObject({ ...full, text: expect.stringContaining("matters more") });
    await call("c");
    await out;
    await end("a");
    expect(names()).toEqual(["a", "c"]);
  });

  test.each([
    // the method's, what the caller claims, what counts
    ["CRITICAL", undefined, "CRITICAL"],
    ["CRITICAL", "CRITICAL_PLUS", "CRITICAL"],
    ["CRITICAL", "SHEDDABLE", "SHEDDABLE"],
    ["CRITICAL", "nonsense", "CRITICAL"],
    ["CRITICAL_PLUS", undefined, "CRITICAL_PLUS"],
    ["CRITICAL_PLUS", "CRITICAL_PLUS", "CRITICAL_PLUS"],
    ["CRITICAL_PLUS", "CRITICAL", "CRITICAL"],
    ["SHEDDABLE", "CRITICAL", "SHEDDABLE"],
    ["SHEDDABLE_PLUS", "", "SHEDDABLE_PLUS"],
  ] as const)(
    "of a %s method that is called as %s, the call is %s, and that is what travels on",
    async (of, as, is) => {
      for (const side of ["server", "client"] as const) {
        const { send, seen } = mount(concurrency, config({ criticality: of }), { side });
        await send({}, as === undefined ? {} : claiming(as));
        const [call] = seen;
        // A client leaves to servers what they assume anyway.
        const silent = side === "client" && of === "CRITICAL";
        expect(call?.metadata.get("x-mesh-criticality")).toBe(silent ? as : is);
      }
    },
  );

  test("the metadata that arrived is passed on as it is when it says what holds", async () => {
    const { method } = mount(concurrency, config());
    const base = await anyCall();
    const call = { ...base, metadata: base.metadata.clone().set("x-mesh-criticality", "CRITICAL") };
    const seen: unknown[] = [];
    const handler = concurrency.server?.(
      config({ max: undefined } as never),
      siteFactory({})(method),
    )?.(async (call) => seen.push(call));
    await handler?.(call);
    expect(seen).toEqual([call]);
    expect(seen[0]).toBe(call);
  });

  test("a client of a method without a criticality of its own has no layer", () => {
    const { method } = mount(concurrency, config());
    expect(concurrency.client?.(config(), siteFactory({})(method))).toBeUndefined();
  });
});

describe("saturation", () => {
  const lateBy = (delayMs: number, clock = new FakeClock()) => {
    const asked: number[] = [];
    const saturation: Saturation = {
      delayMs() {
        asked.push(delayMs);
        return delayMs;
      },
    };
    const factory = siteFactory({ clock });
    const site = (method: MethodSpec): Site => {
      const made = factory(method);
      made.shared(saturationKey, () => saturation);
      return made;
    };
    return { site, asked };
  };

  test.each([
    [99, []],
    [100, ["SHEDDABLE"]],
    [199, ["SHEDDABLE"]],
    [200, ["SHEDDABLE_PLUS", "SHEDDABLE"]],
    [60_000, ["SHEDDABLE_PLUS", "SHEDDABLE"]],
  ])("a loop that is %i ms late sheds %j", async (delayMs, shed) => {
    const { site } = lateBy(delayMs);
    const { send, log } = {
      ...mount(concurrency, config({ max: 100, criticality: "CRITICAL_PLUS" }), { side: "server", site }),
      log: [] as string[],
    };
    for (const criticality of criticalities)
      await send({}, claiming(criticality)).catch((error: RpcError) => {
        expect(error).toMatchObject(full);
        expect(error.metadata?.all("grpc-retry-pushback-ms")).toEqual(["-1"]);
        log.push(criticality);
      });
    expect(log).toEqual(shed);
  });

  test("says so", async () => {
    const { site } = lateBy(150);
    const { send } = mount(concurrency, config(), { side: "server", site });
    const decisions = await decisionsOf(() => send({}, claiming("SHEDDABLE")).catch(() => {}));
    expect(decisions).toMatchObject([{ outcome: "shed", detail: { criticality: "SHEDDABLE", delayMs: 150 } }]);
  });

  test("nobody measures for calls that are never shed", async () => {
    const { site, asked } = lateBy(1000);
    const { send } = mount(concurrency, config({ criticality: "CRITICAL_PLUS" }), { side: "server", site });
    await send();
    await send({}, claiming("CRITICAL"));
    expect(asked).toEqual([]);
  });

  test("protects a method without max as well", async () => {
    const { site } = lateBy(1000);
    const { send, seen } = mount(concurrency, config({ max: undefined, criticality: "SHEDDABLE" } as never), {
      side: "server",
      site,
    });
    await expect(send()).rejects.toMatchObject(full);
    expect(seen).toEqual([]);
  });

  test("a server on the real clock measures its own loop", async () => {
    const { method } = mount(concurrency, config());
    const site = siteFactory({ clock: systemClock })(method);
    const handler = concurrency.server?.(
      config({ criticality: "SHEDDABLE" }),
      site,
    )?.(async (call) => criticalityOf(call.metadata));
    expect(await handler?.(await anyCall())).toBe("SHEDDABLE");
  });
});

describe("GRADIENT", () => {
  const adaptive = { adaptive: "GRADIENT", min: 5, max: 40, queue: 0 } as const;

  /** Keeps the method as full as it lets itself be, with calls that take so long. Returns how many ran at most at the end. */
  async function load({ send, clock }: ReturnType<typeof mount>, rounds: number): Promise<number> {
    let ran = 0;
    for (let round = 0; round < rounds; round++) {
      ran = 0;
      for (let n = 0; n < 60; n++)
        send().then(
          () => ran++,
          () => {},
        );
      await clock.advance(1000);
    }
    return ran;
  }

  test("lets in more while the latency is steady, fewer when it rises, within min and max", async () => {
    const clock = new FakeClock();
    let ms = 20;
    const handler = () => new Promise((resolve) => clock.schedule(ms, () => resolve({})));
    const mounted = mount(concurrency, config(adaptive), { side: "server", clock, handler });
    const decisions = await decisionsOf(async () => {
      const start = await load(mounted, 1);
      expect(start).toBe(20);
      const steady = await load(mounted, 100);
      expect(steady).toBe(40);
      ms = 200;
      const slow = await load(mounted, 30);
      expect(slow).toBeLessThan(20);
      expect(slow).toBeGreaterThanOrEqual(5);
      ms = 20;
      expect(await load(mounted, 100)).toBe(40);
    });
    const limits = decisions.filter(({ outcome }) => outcome === "limit").map(({ detail }) => detail?.limit as number);
    expect(Math.max(...limits)).toBe(40);
    expect(Math.min(...limits)).toBeLessThan(20);
    expect(decisions.some(({ outcome }) => outcome === "refused")).toBe(true);
  });

  test("calls that fail fast teach it nothing, calls that run into their deadline do", async () => {
    const clock = new FakeClock();
    let answer: () => Promise<unknown> = () => new Promise((resolve) => clock.schedule(20, () => resolve({})));
    const mounted = mount(concurrency, config(adaptive), { side: "server", clock, handler: () => answer() });
    await load(mounted, 100);
    answer = () => Promise.reject(new RpcError("UNAVAILABLE", "the store is down"));
    const decisions = await decisionsOf(() => load(mounted, 50));
    expect(decisions.filter(({ outcome }) => outcome === "limit")).toEqual([]);

    answer = () => new Promise(() => {});
    for (let round = 0; round < 30; round++) {
      for (let n = 0; n < 60; n++) mounted.send({}, { timeoutMs: 500 }).catch(() => {});
      await clock.advance(1000);
    }
    answer = () => new Promise((resolve) => clock.schedule(20, () => resolve({})));
    expect(await load(mounted, 1)).toBeLessThan(20);
  });
});

test("calls under way count after the configuration was loaded anew, and those that wait get their turn", async () => {
  const clock = new FakeClock();
  const site = siteFactory({ clock });
  const before = rig({ max: 2, queue: 2 }, { site, clock });
  for (const name of ["a", "b", "c", "d"]) await before.call(name);
  const after = rig({ max: 3, queue: 0 }, { site, clock });
  // One of the two that wait goes first; then nothing is free.
  await after.call("e");
  expect(before.names()).toEqual(["a", "b", "d"]);
  expect(after.log).toEqual(["e UNAVAILABLE"]);
  await before.end("a");
  expect(before.names()).toEqual(["a", "b", "d", "c"]);
  await before.end("b");
  await after.call("f");
  expect(after.names()).toEqual(["f"]);
});

test("methods do not share their limits", async () => {
  const site = siteFactory({ clock: new FakeClock() });
  const one = rig({ max: 1 }, { site });
  const other = rig({ max: 1 }, { site, method: { path: "/test.v1.Test/Other" } });
  await one.call("a");
  await other.call("b");
  expect([one.names(), other.names()]).toEqual([["a"], ["b"]]);
});

const ways = ["answers", "fails", "stream", "stream left", "stream fails", "aborts", "never"] as const;

test("never more calls than the limit, every place given back once, nobody waits for ever, whatever happens", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        max: fc.integer({ min: 1, max: 6 }),
        queue: fc.nat(5),
        adaptive: fc.constantFrom("FIXED" as const, "GRADIENT" as const),
        criticality: fc.constantFrom(...criticalities),
      }),
      fc.array(
        fc.record({
          gapMs: fc.nat(30),
          way: fc.constantFrom(...ways),
          takesMs: fc.nat(100),
          timeoutMs: fc.integer({ min: 1, max: 200 }),
          claim: fc.constantFrom(...criticalities),
        }),
        { maxLength: 40 },
      ),
      async (part, calls) => {
        const clock = new FakeClock();
        const begun = new Set<Cancellation | undefined>();
        const inside = () => [...begun].filter((cancellation) => !cancellation?.reason).length;
        let most = 0;
        const { send } = mount(concurrency, config({ ...part, min: 1 }), {
          side: "server",
          clock,
          handler({ request, cancellation }) {
            const { way, takesMs } = request as (typeof calls)[number];
            begun.add(cancellation);
            most = Math.max(most, inside());
            const end = () => void begun.delete(cancellation);
            return new Promise((resolve, reject) => {
              if (way === "never" || way === "aborts") return;
              clock.schedule(takesMs, () => {
                if (way === "stream" || way === "stream left" || way === "stream fails")
                  return resolve(messages(clock, takesMs, way === "stream fails", end));
                end();
                if (way === "fails") reject(new RpcError("INTERNAL", "broken"));
                else resolve({});
              });
            });
          },
        });
        let open = 0;
        for (const call of calls) {
          const { gapMs, way, takesMs, timeoutMs, claim } = call;
          const controller = new AbortController();
          if (way === "aborts") clock.schedule(takesMs, () => controller.abort());
          open++;
          const { signal } = controller;
          send(call, { ...claiming(claim), timeoutMs, signal })
            .then((reply) => (way.startsWith("stream") ? read(reply, way === "stream left" ? 1 : 3) : undefined))
            .catch(() => {})
            .finally(() => open--);
          await clock.advance(gapMs);
        }
        await clock.advance(1000);
        expect([open, inside(), clock.pending]).toEqual([0, 0, 0]);

        // Every place is free again: as many run as on the first day.
        const probe = { way: "never" };
        for (let n = 0; n < part.max + 1; n++)
          send(probe, { timeoutMs: 10_000, ...claiming(part.criticality) }).catch(() => {});
        await settled();
        expect(inside()).toBe(part.max);
        expect(most).toBeLessThanOrEqual(part.max);
        await clock.advance(10_000);
      },
    ),
    { numRuns: 150 },
  );
});

/** Two messages, each after some time, with the place counted as held until the end. */
async function* messages(clock: FakeClock, gapMs: number, fails: boolean, end: () => void) {
  try {
    for (let n = 0; n < 2; n++) {
      await new Promise<void>((resolve) => void clock.schedule(gapMs, resolve));
      yield n;
    }
    if (fails) throw new RpcError("INTERNAL", "broken");
  } finally {
    end();
  }
}

async function read(reply: unknown, count: number): Promise<void> {
  let seen = 0;
  for await (const _ of reply as AsyncIterable<unknown>) if (++seen === count) return;
}

describe("options", () => {
  test("defaults", () => {
    expect(parseFields(concurrency.fields, {})).toEqual({ queue: 0, adaptive: "FIXED", criticality: "CRITICAL" });
    expect(parseFields(concurrency.fields, { adaptive: "GRADIENT" })).toMatchObject({ min: 20, max: 200 });
    expect(parseFields(concurrency.fields, { adaptive: "GRADIENT", max: 10 })).toMatchObject({ min: 10, max: 10 });
    expect(() => parseFields(concurrency.fields, { max: 0 })).toThrow(
      "max: 0 is out of range: use a number at least 1",
    );
    expect(() => parseFields(concurrency.fields, { min: 0 })).toThrow("min: 0 is out of range");
  });

  const findings = (part: Partial<ConcurrencyConfig>, facts: Partial<MethodFacts> = {}) =>
    (concurrency.rules ?? []).flatMap(({ id, severity, check }) => {
      const finding = check(config(part), { kind: "unary", policy: {}, ...facts } as MethodFacts);
      return finding === undefined ? [] : [`${severity} ${id}: ${finding}`];
    });

  test.each<[Partial<ConcurrencyConfig>, Partial<MethodFacts>, string]>([
    [
      { adaptive: "GRADIENT", min: 9, max: 8 },
      {},
      "error concurrency/min-above-max: min (9) is above max (8): lower min or raise max",
    ],
    [
      { min: 1, max: 8 },
      {},
      "error concurrency/min-of-fixed: min bounds a limit that adapts, and this one is fixed: set adaptive: GRADIENT or remove min",
    ],
    [
      { max: undefined, queue: 1 } as never,
      { policy: { timeout: { totalMs: 100 } } },
      "error concurrency/queue-without-limit: nobody waits where everybody may run: set max, or remove queue",
    ],
    [
      { adaptive: "GRADIENT", min: 1, max: 8 },
      { kind: "serverStream" },
      "error concurrency/gradient-of-stream: how long a stream lasts says nothing about load, so no limit can follow it: use a fixed max",
    ],
    [
      { queue: 1 },
      { policy: { timeout: { idleMs: 100 } } },
      "warning concurrency/endless-queue: a caller without a deadline may wait as long as the load lasts: set timeout.total or timeout.max",
    ],
  ])("%j on %j is %s", (part, facts, finding) => {
    expect(findings(part, facts)).toEqual([finding]);
  });

  test.each<[Partial<ConcurrencyConfig>, Partial<MethodFacts>]>([
    [{}, {}],
    [{ adaptive: "GRADIENT", min: 8, max: 8 }, {}],
    [{ max: 8 }, { kind: "bidi" }],
    [{ max: undefined, criticality: "SHEDDABLE" } as never, {}],
    [{ queue: 1 }, { policy: { timeout: { maxMs: 100 } } }],
    [{ queue: 1 }, { policy: { timeout: { totalMs: 100 } } }],
  ])("%j on %j is fine", (part, facts) => {
    expect(findings(part, facts)).toEqual([]);
  });
});
