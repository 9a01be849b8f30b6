import { describe, expect, test } from "vitest";
import { RpcError } from "../core/error.ts";
import { siteFactory } from "../core/site.ts";
import { FakeClock, mount } from "../testing.ts";
import { Latencies } from "./hedge/latencies.ts";
import { type HedgeConfig, hedge } from "./hedge.ts";

describe("a measured delay", () => {
  const measured: HedgeConfig = {
    attempts: 4,
    percentile: 90,
    keepGoingOn: ["UNAVAILABLE"],
    budget: { ratio: 1, floorPerSecond: 10, windowMs: 10_000 },
  };

  /** A mounted method whose answers take as long as is said at the moment. */
  function measuredRig(site?: ReturnType<typeof siteFactory>, clock = new FakeClock()) {
    const peer = { ms: 10, error: undefined as RpcError | undefined };
    const starts: number[] = [];
    const mounted = mount(hedge, measured, {
      clock,
      ...(site && { site }),
      handler: () =>
        new Promise((resolve, reject) => {
          starts.push(clock.now());
          const { ms, error } = peer;
          clock.schedule(ms, () => (error ? reject(error) : resolve(ms)));
        }),
    });
    const call = async () => {
      const from = clock.now();
      const first = starts.length;
      const reply = mounted.send().catch(() => {});
      await clock.advance(10_000);
      await reply;
      return starts.slice(first).map((at) => at - from);
    };
    return { peer, call, clock };
  }

  test("hedges nothing for being slow until 20 answers are known, then what is slower than the percentile", async () => {
    const { peer, call } = measuredRig();
    for (let n = 1; n < 20; n++) {
      peer.ms = n * 10;
      expect(await call()).toEqual([0]);
    }
    peer.ms = 5000;
    expect(await call()).toEqual([0]);
    // Known: 10, 20, ... 190 and 5000 ms; nine tenths of them took no longer than 180 ms.
    expect(await call()).toEqual([0, 180, 360, 540]);
  });

  test("fast failures are not measured", async () => {
    const { peer, call } = measuredRig();
    peer.ms = 0;
    peer.error = new RpcError("INTERNAL", "broken");
    for (let n = 0; n < 40; n++) await call();
    peer.ms = 1000;
    peer.error = undefined;
    expect(await call()).toEqual([0]);
  });

  test("survives another build of the layers", async () => {
    const clock = new FakeClock();
    const site = siteFactory({ clock });
    const before = measuredRig(site, clock);
    for (let n = 0; n < 20; n++) await before.call();
    const after = measuredRig(site, clock);
    after.peer.ms = 15;
    expect(await after.call()).toEqual([0, 10]);
  });

  test("when another request wins, what counts is how long the first was waited for", async () => {
    const clock = new FakeClock();
    let calls = 0;
    const mounted = mount(hedge, measured, {
      clock,
      handler: ({ attempt }) =>
        new Promise((resolve) => clock.schedule(calls <= 20 || attempt > 1 ? 10 : 1e9, () => resolve({}))),
    });
    const call = async () => {
      calls++;
      const from = clock.now();
      const reply = mounted.send();
      const before = mounted.seen.length;
      await clock.advance(1000);
      await reply;
      return { from, sent: mounted.seen.length - before };
    };
    for (let n = 0; n < 20; n++) await call();
    // From here on the first request is stuck. The second wins after 10 + 10 ms, and the delay must not stay at 10.
    for (let n = 0; n < 20; n++) await call();
    const stuck = mounted.send();
    const before = mounted.seen.length;
    await clock.advance(19);
    expect(mounted.seen.length).toBe(before);
    await clock.advance(1000);
    await stuck;
  });
});

describe("latencies", () => {
  test("the percentile is exact over what is known", () => {
    const latencies = new Latencies(95);
    // Any 500 in a row have each value five times.
    for (let n = 0; n < 1234; n++) latencies.add(100 - (n % 100));
    expect(latencies.delayMs).toBe(95);
  });

  test("forget the oldest", () => {
    const latencies = new Latencies(99);
    for (let n = 0; n < 500; n++) latencies.add(1000);
    // All of them, and what it takes to be looked at again.
    for (let n = 0; n < 550; n++) latencies.add(20);
    expect(latencies.delayMs).toBe(20);
  });

  test("are never below a millisecond", () => {
    const latencies = new Latencies(50);
    for (let n = 0; n < 20; n++) latencies.add(0.01);
    expect(latencies.delayMs).toBe(1);
  });
});
