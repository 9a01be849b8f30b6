import { describe, expect, test } from "vitest";
import { Breaker } from "./breaker.ts";
import type { CircuitBreakerConfig } from "./config.ts";
import type { Outcome, Ticket } from "./gate.ts";

const config: CircuitBreakerConfig = {
  adaptive: false,
  ratio: 0.5,
  minCalls: 4,
  windowMs: 10_000,
  openMs: 1000,
  probes: 3,
  on: ["UNAVAILABLE"],
  force: "NONE",
};

/** A breaker that is asked at times, and what it said of its changes. */
function breaker(part: Partial<CircuitBreakerConfig> = {}, random = () => 0.5) {
  const told: unknown[] = [];
  const it = new Breaker({ ...config, ...part }, random, (outcome, detail) =>
    told.push(detail ? [outcome, detail] : outcome),
  );
  const start = (now: number) => {
    const ticket = it.admit(now);
    expect(ticket, `a call at ${now}`).toBeDefined();
    return ticket as Ticket;
  };
  const call = (now: number, outcome: Outcome) => it.settle(start(now), outcome, now);
  const calls = (now: number, ...outcomes: Outcome[]) => {
    for (const outcome of outcomes) call(now, outcome);
  };
  /** Fails until it opens. */
  const open = (now: number) => {
    while (it.state === "closed") call(now, "failure");
  };
  return { it, told, start, call, calls, open };
}

describe("closed", () => {
  test("opens when enough calls are in the window and the share of failures is reached", () => {
    const { it, calls, told } = breaker();
    calls(0, "failure", "failure", "answer");
    expect(it.state).toBe("closed");
    calls(0, "answer");
    expect(it.state).toBe("open");
    expect(told).toEqual([["opened", { calls: 4, failures: 2, openMs: 1000 }]]);
    expect(it.admit(0)).toBeUndefined();
  });

  test("stays closed below the share, however many fail", () => {
    const { it, calls } = breaker();
    for (let n = 0; n < 50; n++) calls(0, "answer", "answer", "failure");
    expect(it.state).toBe("closed");
  });

  test("many failures, one idle hour, one failure: it stays closed", () => {
    const { it, calls } = breaker({ minCalls: 30, windowMs: 30_000 });
    calls(0, ...Array<Outcome>(29).fill("failure"));
    calls(3_600_000, "failure");
    expect(it.state).toBe("closed");
    calls(3_600_000, ...Array<Outcome>(28).fill("failure"));
    expect(it.state).toBe("closed");
    calls(3_600_000, "failure");
    expect(it.state).toBe("open");
  });

  test("calls that say nothing count neither way", () => {
    const { it, calls } = breaker();
    calls(0, ...Array<Outcome>(50).fill("nothing"), "failure", "failure", "failure");
    expect(it.state).toBe("closed");
    calls(0, "failure");
    expect(it.state).toBe("open");
  });

  test("an answer that takes longer than slow is a failure, one that takes as long is none", () => {
    const { it, start } = breaker({ slowMs: 100 });
    const tickets = [1, 2, 3, 4, 5, 6].map(() => start(0));
    for (const ticket of tickets.slice(0, 3)) expect(it.settle(ticket, "answer", 100)).toBe(true);
    for (const ticket of tickets.slice(3, 5)) expect(it.settle(ticket, "answer", 101)).toBe(false);
    expect(it.state).toBe("closed");
    it.settle(tickets[5] as Ticket, "nothing", 101);
    expect(it.state).toBe("open");
  });

  test("an outage shows as soon as calls are slow, before any of them has ended", () => {
    const { it, start, told } = breaker({ slowMs: 100 });
    const tickets = [0, 1, 2, 3].map((at) => start(at));
    expect(it.admit(103)).toBeDefined();
    expect(it.admit(104)).toBeUndefined();
    expect(told).toEqual([["opened", { calls: 4, failures: 4, openMs: 1000 }]]);
    for (const ticket of tickets) expect(it.settle(ticket, "answer", 105)).toBe(false);
    expect(it.state).toBe("open");
  });

  test("a slow call counts once, also when it ends after all", () => {
    const { it, start } = breaker({ slowMs: 100 });
    const tickets = [1, 2, 3].map(() => start(0));
    const next = start(150);
    for (const ticket of tickets) expect(it.settle(ticket, "answer", 160)).toBe(false);
    expect(it.state).toBe("closed");
    it.settle(next, "failure", 160);
    expect(it.state).toBe("open");
  });

  test("slow calls that nobody asked about for an hour are forgotten", () => {
    const { it, start } = breaker({ slowMs: 100 });
    for (let n = 0; n < 20; n++) start(0);
    start(3_600_000);
    expect(it.state).toBe("closed");
  });

  test("a stream that fails later turns its answer into a failure, once", () => {
    const { it, start } = breaker();
    const tickets = [1, 2, 3, 4].map(() => start(0));
    for (const ticket of tickets) it.settle(ticket, "answer", 0);
    it.revoke(tickets[0] as Ticket, 0, 5000);
    expect(it.state).toBe("closed");
    it.revoke(tickets[1] as Ticket, 0, 5000);
    expect(it.state).toBe("open");
  });

  test("a stream that fails after its beginning is forgotten counts as a call of its own", () => {
    const { it, start, told } = breaker();
    const tickets = [1, 2, 3, 4].map(() => start(0));
    for (const ticket of tickets) it.settle(ticket, "answer", 0);
    for (const ticket of tickets.slice(1)) it.revoke(ticket, 0, 20_000);
    expect(it.state).toBe("closed");
    it.revoke(tickets[0] as Ticket, 0, 20_000);
    expect(told).toEqual([["opened", { calls: 4, failures: 4, openMs: 1000 }]]);
  });
});

describe("open", () => {
  test("lets nothing through until its time is over", () => {
    const { it, open } = breaker();
    open(0);
    expect(it.admit(999)).toBeUndefined();
    expect(it.admit(1000)).toBeDefined();
    expect(it.state).toBe("halfOpen");
  });

  test.each([
    [0, 800],
    [0.5, 1000],
    [0.999_999, 1200],
  ])("spreads its time by a fifth: drawn %s, %s ms", (drawn, ms) => {
    const { open, told } = breaker({}, () => drawn);
    open(0);
    expect(told).toEqual([["opened", { calls: 4, failures: 4, openMs: ms }]]);
  });

  test("stays open twice as long each time the probes fail, up to 6 times, and as at first after it was closed", () => {
    const { it, open, calls, told } = breaker({ probes: 1, windowMs: 100_000 });
    let now = 0;
    open(now);
    for (const ms of [1000, 2000, 4000, 6000, 6000]) {
      expect(it.admit(now + ms - 1)).toBeUndefined();
      now += ms;
      calls(now, "failure");
    }
    now += 6000;
    calls(now, "answer");
    expect(it.state).toBe("closed");
    open(now);
    expect(told.at(-1)).toEqual(["opened", { calls: 4, failures: 4, openMs: 1000 }]);
  });

  test("what was sent before it opened has no say any more", () => {
    const { it, start, open } = breaker({ probes: 2 });
    const early = [1, 2, 3, 4, 5, 6].map(() => start(0));
    open(0);
    for (const ticket of early.slice(0, 2)) it.settle(ticket, "answer", 500);
    expect(it.state).toBe("open");
    start(1000);
    for (const ticket of early.slice(2, 4)) it.settle(ticket, "failure", 1000);
    expect(it.state).toBe("halfOpen");
    for (const ticket of early.slice(4)) it.revoke(ticket, 0, 1000);
    expect(it.state).toBe("halfOpen");
  });

  test("is as new when nobody called for a window after its time", () => {
    const { it, open, calls, told } = breaker();
    open(0);
    calls(11_000, "failure", "failure", "failure");
    expect(it.state).toBe("closed");
    expect(told.at(-1)).toBe("closed");
  });
});

describe("half-open", () => {
  const halfOpen = (part: Partial<CircuitBreakerConfig> = {}) => {
    const all = breaker(part);
    all.open(0);
    return all;
  };

  test("lets so many probes in and no more, whether they are under way or answered", () => {
    const { it, start } = halfOpen();
    const first = start(1000);
    start(1000);
    start(1000);
    expect(it.admit(1000)).toBeUndefined();
    it.settle(first, "answer", 1001);
    expect(it.state).toBe("halfOpen");
    expect(it.admit(1001)).toBeUndefined();
  });

  test.each([
    [3, 0.5, ["answer", "failure", "answer"], "closed"],
    [3, 0.5, ["failure", "answer", "failure"], "open"],
    [4, 0.5, ["failure", "failure", "answer", "answer"], "closed"],
    [4, 0.25, ["answer", "failure", "failure"], "open"],
    [1, 0.5, ["failure"], "open"],
    [1, 1, ["failure"], "open"],
    [2, 1, ["failure", "answer"], "closed"],
    [100, 0.29, [...Array(29).fill("failure"), ...Array(71).fill("answer")], "closed"],
    [100, 0.29, [...Array(71).fill("answer")], "closed"],
    [100, 0.29, [...Array(30).fill("failure")], "open"],
  ] as const)(
    "of %s probes and a ratio of %s, %j leave it %s, and not before the last",
    (probes, ratio, ends, state) => {
      const { it, start } = halfOpen({ probes, ratio, minCalls: 200 });
      const tickets = ends.map(() => start(1000));
      for (const [n, ticket] of tickets.entries()) {
        expect(it.state).toBe("halfOpen");
        it.settle(ticket, ends[n] as Outcome, 1000);
      }
      expect(it.state).toBe(state);
    },
  );

  test("a probe that says nothing gives its place back", () => {
    const { it, start } = halfOpen({ probes: 1 });
    for (let n = 0; n < 5; n++) {
      const ticket = start(1000);
      expect(it.admit(1000)).toBeUndefined();
      it.settle(ticket, "nothing", 1000);
      expect(it.state).toBe("halfOpen");
    }
    it.settle(start(1000), "answer", 1000);
    expect(it.state).toBe("closed");
  });

  test("a probe that never ends holds its place for an open time, and has its say when it ends after all", () => {
    const { it, start } = halfOpen({ probes: 1 });
    const silent = start(1000);
    expect(it.admit(1999)).toBeUndefined();
    const second = start(2000);
    expect(it.admit(2999)).toBeUndefined();
    it.settle(silent, "answer", 2999);
    expect(it.state).toBe("closed");
    expect(it.settle(second, "answer", 2999)).toBe(true);
  });

  test("a slow probe has failed before it ends", () => {
    const { it, start } = halfOpen({ probes: 1, slowMs: 100 });
    const slow = start(1000);
    expect(it.admit(1101)).toBeUndefined();
    expect(it.state).toBe("open");
    it.settle(slow, "answer", 1102);
    expect(it.admit(3100)).toBeUndefined();
    start(3101);
  });

  test("a stream whose beginning closed it can still fail", () => {
    const { it, start } = halfOpen({ probes: 2, ratio: 0.4, minCalls: 1 });
    const [one, other] = [start(1000), start(1000)];
    it.settle(one, "answer", 1000);
    it.settle(other, "answer", 1000);
    expect(it.state).toBe("closed");
    it.revoke(one, 1000, 1001);
    expect(it.state).toBe("open");
  });

  test("a stream that fails while it is half-open takes its answer back", () => {
    const { it, start } = halfOpen({ probes: 3 });
    const stream = start(1000);
    it.settle(stream, "answer", 1000);
    it.revoke(stream, 1000, 1001);
    it.settle(start(1002), "answer", 1002);
    expect(it.state).toBe("halfOpen");
    it.settle(start(1002), "failure", 1002);
    expect(it.state).toBe("open");
  });

  test("knows what it knows as long as calls come or end", () => {
    const { it, start } = halfOpen({ probes: 2, openMs: 1000, windowMs: 10_000 });
    const probe = start(10_000);
    start(20_500);
    expect(it.state).toBe("halfOpen");
    it.settle(probe, "nothing", 31_000);
    start(41_000);
    expect(it.state).toBe("halfOpen");
  });

  test("is as new when nobody called for a window", () => {
    const { it, start, calls } = halfOpen({ probes: 2 });
    const silent = start(1000);
    calls(1000, "failure");
    start(12_000);
    expect(it.state).toBe("closed");
    it.settle(silent, "failure", 12_000);
    calls(12_000, "failure", "failure", "failure");
    expect(it.state).toBe("closed");
    calls(12_000, "failure");
    expect(it.state).toBe("open");
  });
});
