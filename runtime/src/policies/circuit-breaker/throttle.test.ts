import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CircuitBreakerConfig } from "./config.ts";
import type { Outcome, Ticket } from "./gate.ts";
import { Throttle } from "./throttle.ts";

const config: CircuitBreakerConfig = {
  adaptive: true,
  ratio: 0.5,
  minCalls: 10,
  windowMs: 120_000,
  openMs: 5000,
  probes: 3,
  on: ["UNAVAILABLE"],
  force: "NONE",
};

/** Admits whatever is asked, so that a test says what happened. */
function forced(part: Partial<CircuitBreakerConfig> = {}) {
  const it = new Throttle({ ...config, ...part }, () => 0);
  const call = (now: number, outcome: Outcome) => it.settle(it.admit(now, true) as Ticket, outcome, now);
  return {
    it,
    calls: (now: number, number: number, outcome: Outcome) => {
      for (let n = 0; n < number; n++) call(now, outcome);
    },
  };
}

describe("the chance of a refusal", () => {
  test.each([
    [0.5, 100, 100, 0],
    [0.5, 100, 50, 0],
    [0.5, 100, 40, 20 / 101],
    [0.5, 100, 0, 100 / 101],
    [0.9, 100, 10, 0],
    [0.9, 100, 5, 50 / 101],
    [0.1, 100, 90, 0],
    [0.1, 90, 0, 90 / 91],
  ])("with the ratio %s, %s requests and %s accepts it is %s", (ratio, requests, accepts, chance) => {
    const { it, calls } = forced({ ratio });
    calls(0, accepts, "answer");
    calls(0, requests - accepts, "failure");
    expect(it.chance(0)).toBeCloseTo(chance, 10);
  });

  test("is none before there are enough calls", () => {
    const { it, calls } = forced();
    calls(0, 9, "failure");
    expect(it.chance(0)).toBe(0);
    calls(0, 1, "failure");
    expect(it.chance(0)).toBeGreaterThan(0.9);
  });

  test("is none for a burst to a peer that answers, however many calls are under way", () => {
    const it = new Throttle(config, () => 0);
    const tickets = Array.from({ length: 200 }, () => it.admit(0, false) as Ticket);
    expect(tickets.every((ticket) => ticket !== undefined)).toBe(true);
    for (const ticket of tickets) it.settle(ticket, "answer", 1);
    expect(it.chance(1)).toBe(0);
  });

  test("rises by calls that have waited for slow, before they end, and by each once", () => {
    const it = new Throttle({ ...config, slowMs: 100 }, () => 0.99);
    const tickets = Array.from({ length: 20 }, () => it.admit(0, false) as Ticket);
    expect(it.chance(100)).toBe(0);
    expect(it.chance(101)).toBeCloseTo(20 / 21, 10);
    for (const ticket of tickets) expect(it.settle(ticket, "answer", 102)).toBe(false);
    expect(it.chance(102)).toBeCloseTo(20 / 21, 10);
  });

  test("rises by refused calls too", () => {
    const { it, calls } = forced();
    calls(0, 100, "failure");
    const before = it.chance(0);
    expect(it.admit(0, false)).toBeUndefined();
    expect(it.chance(0)).toBeGreaterThan(before);
  });

  test("is what it was before calls that say nothing", () => {
    const { it, calls } = forced();
    calls(0, 20, "failure");
    const before = it.chance(0);
    calls(0, 20, "nothing");
    expect(it.chance(0)).toBe(before);
  });

  test("counts answers slower than slow as failures", () => {
    const { it } = forced({ slowMs: 100 });
    const tickets = Array.from({ length: 20 }, () => it.admit(0, true) as Ticket);
    for (const ticket of tickets.slice(0, 10)) expect(it.settle(ticket, "answer", 100)).toBe(true);
    for (const ticket of tickets.slice(10)) expect(it.settle(ticket, "answer", 101)).toBe(false);
    expect(it.chance(101)).toBe(0);
    it.settle(it.admit(101, true) as Ticket, "failure", 101);
    expect(it.chance(101)).toBeCloseTo(1 / 22, 10);
  });

  test("a stream that fails later takes its answer back, unless that is forgotten", () => {
    const { it } = forced();
    const tickets = Array.from({ length: 20 }, () => it.admit(0, true) as Ticket);
    for (const ticket of tickets) it.settle(ticket, "answer", 0);
    for (const ticket of tickets) it.revoke(ticket, 0, 1000);
    expect(it.chance(1000)).toBeCloseTo(20 / 21, 10);
    for (let n = 0; n < 20; n++) it.settle(it.admit(200_000, true) as Ticket, "answer", 200_000);
    for (const ticket of tickets) it.revoke(ticket, 0, 200_000);
    expect(it.chance(200_000)).toBe(0);
  });
});

test("in an outage a call goes out at least every tenth of the window", () => {
  const { it, calls } = forced();
  calls(0, 10_000, "failure");
  const sent: number[] = [];
  for (let now = 100; now < 60_000; now += 100) if (it.admit(now, false)) sent.push(now);
  expect(sent).toEqual([12_000, 24_000, 36_000, 48_000]);
});

test("while it is forced all calls are sent, and counted", () => {
  const { it, calls } = forced();
  calls(0, 1000, "failure");
  expect(it.chance(0)).toBeGreaterThan(0.99);
  calls(0, 1000, "answer");
  expect(it.chance(0)).toBe(0);
});

test("whatever has happened, the chance is at least 0, below 1, and 0 after a window without calls", () => {
  const step = fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40_000 })),
    what: fc.constantFrom("call", "answer", "failure", "nothing", "revoke"),
    which: fc.nat(),
    drawn: fc.double({ min: 0, max: 0.999, noNaN: true }),
  });
  const parts = fc.record(
    {
      ratio: fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      minCalls: fc.integer({ min: 1, max: 5 }),
      slowMs: fc.constantFrom(100, 100_000),
    },
    { requiredKeys: ["ratio", "minCalls"] },
  );
  fc.assert(
    fc.property(parts, fc.array(step, { maxLength: 200 }), (part, steps) => {
      let drawn = 0;
      const it = new Throttle({ ...config, ...part }, () => drawn);
      const underWay: Ticket[] = [];
      const streams: { ticket: Ticket; at: number }[] = [];
      let now = 0;
      for (const { wait, what, which, drawn: draw } of steps) {
        now += wait;
        drawn = draw;
        if (what === "call") {
          const chance = it.chance(now);
          const ticket = it.admit(now, false);
          if (drawn >= chance) expect(ticket).toBeDefined();
          if (ticket) underWay.push(ticket);
        } else if (what === "revoke") {
          const [stream] = streams.splice(which % (streams.length || 1), 1);
          if (stream) it.revoke(stream.ticket, stream.at, now);
        } else {
          const [ticket] = underWay.splice(which % (underWay.length || 1), 1);
          if (ticket && it.settle(ticket, what as Outcome, now)) streams.push({ ticket, at: now });
        }
        const chance = it.chance(now);
        expect(chance).toBeGreaterThanOrEqual(0);
        expect(chance).toBeLessThan(1);
      }
      // What is still under way may become slow in between.
      for (const ticket of underWay) it.settle(ticket, "nothing", now);
      expect(it.chance(now + 120_000)).toBe(0);
    }),
    { numRuns: 500 },
  );
});
