import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyCall, claiming, config, full, rig } from "../../test/concurrency.ts";
import { decisionsOf } from "../../test/decisions.ts";
import { Cancellation } from "../core/cancellation.ts";
import { criticalities } from "../core/criticality.ts";
import { RpcError } from "../core/error.ts";
import { siteFactory } from "../core/site.ts";
import { FakeClock, mount, settled } from "../testing.ts";
import { concurrency } from "./concurrency.ts";

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

  test("a call that has waited and runs is out of the queue for good, also when it is cancelled then", async () => {
    const { call, end, names, log } = rig({ max: 1, queue: 1 });
    const controller = new AbortController();
    await call("a");
    await call("b", { signal: controller.signal });
    await end("a");
    controller.abort();
    await settled();
    for (const name of ["c", "d", "e"]) await call(name);
    expect(names()).toEqual(["a", "b", "c"]);
    expect(log).toEqual(["a ok", "b CANCELLED", "e UNAVAILABLE"]);
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
