import fc from "fast-check";
import { expect, test } from "vitest";
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

const outcomes = fc.constantFrom<Outcome>("answer", "failure", "nothing");
const history = fc.array(
  fc.record({
    wait: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })),
    /** The next thing that happens: a call, or the end of one under way, or the failure of a stream. */
    what: fc.oneof(fc.constant("call" as const), outcomes, fc.constant("revoke" as const)),
    which: fc.nat(),
  }),
  { maxLength: 200 },
);
const configs = fc.record(
  {
    ratio: fc.constantFrom(0.001, 0.29, 0.5, 1),
    minCalls: fc.integer({ min: 1, max: 10 }),
    windowMs: fc.constantFrom(500, 10_000),
    openMs: fc.constantFrom(200, 1000),
    probes: fc.integer({ min: 1, max: 5 }),
    slowMs: fc.constantFrom(50, 2000),
  },
  { requiredKeys: ["ratio", "minCalls", "windowMs", "openMs", "probes"] },
);

/** Plays a history; `each` sees every step. Returns the time at its end, and the calls under way. */
function play(
  it: Breaker,
  steps: readonly { wait: number; what: Outcome | "call" | "revoke"; which: number }[],
  each: (now: number, admitted: Ticket | undefined, ended: Ticket | undefined, outcome: string) => void = () => {},
) {
  let now = 0;
  const underWay: Ticket[] = [];
  const streams: { ticket: Ticket; at: number }[] = [];
  for (const { wait, what, which } of steps) {
    now += wait;
    let admitted: Ticket | undefined;
    let ended: Ticket | undefined;
    if (what === "call") {
      admitted = it.admit(now);
      if (admitted) underWay.push(admitted);
    } else if (what === "revoke") {
      const [stream] = streams.splice(which % (streams.length || 1), 1);
      if (stream) it.revoke(stream.ticket, stream.at, now);
    } else {
      [ended] = underWay.splice(which % (underWay.length || 1), 1);
      if (ended && it.settle(ended, what, now)) streams.push({ ticket: ended, at: now });
    }
    each(now, admitted, ended, what);
  }
  return { now, underWay };
}

test("whatever has happened, after the longest open time and a window without calls it is closed, and no past failure counts", () => {
  fc.assert(
    fc.property(configs, history, fc.float({ min: 0, max: Math.fround(0.99), noNaN: true }), (part, steps, drawn) => {
      const it = new Breaker(
        { ...config, ...part },
        () => drawn,
        () => {},
      );
      const { now, underWay } = play(it, steps);
      const later = now + part.openMs * 6 * 1.2 + part.windowMs + (part.slowMs ?? 0);
      for (let n = 0; n < part.minCalls; n++) {
        expect(it.state === "closed" || n === 0).toBe(true);
        const ticket = it.admit(later);
        expect(ticket).toBeDefined();
        expect(it.state).toBe("closed");
        it.settle(ticket as Ticket, "failure", later);
      }
      expect(it.state).toBe("open");
      for (const ticket of underWay) it.settle(ticket, "answer", later);
      expect(it.state).toBe("open");
    }),
    { numRuns: 500 },
  );
});

test("half-open admits no more probes than it has places for", () => {
  fc.assert(
    fc.property(configs, history, (part, steps) => {
      const it = new Breaker(
        { ...config, ...part },
        () => 0.5,
        () => {},
      );
      /** The probes of this half-open time, and whether they have counted. */
      let probes = new Map<Ticket, boolean>();
      let openMs: number = part.openMs;
      let before: string = it.state;
      play(it, steps, (now, admitted, ended, outcome) => {
        if (it.state !== "halfOpen") {
          probes = new Map();
          if (before === "halfOpen" && it.state === "open") openMs = Math.min(2 * openMs, 6 * part.openMs);
          if (it.state === "closed") openMs = part.openMs;
        } else {
          if (admitted) probes.set(admitted, false);
          if (ended && probes.has(ended) && outcome === "nothing") probes.delete(ended);
          else if (ended && probes.has(ended)) probes.set(ended, true);
          // The place of one that is silent for an open time is given away.
          const taken = [...probes].filter(([{ startedAt }, counted]) => counted || now - startedAt < openMs);
          if (admitted) expect(taken.length).toBeLessThanOrEqual(part.probes);
        }
        before = it.state;
      });
    }),
    { numRuns: 500 },
  );
});

test("whatever has happened, every place is free again when the calls have ended: it always comes back", () => {
  fc.assert(
    fc.property(configs, history, (part, steps) => {
      const it = new Breaker(
        { ...config, ...part },
        () => 0.5,
        () => {},
      );
      const { now, underWay } = play(it, steps);
      for (const ticket of underWay) it.settle(ticket, "nothing", now);
      let time = now;
      let refused = 0;
      for (let n = 0; n < 100 && (it.state !== "closed" || n === 0); n++) {
        const ticket = it.admit(time);
        if (ticket) it.settle(ticket, "answer", time);
        else {
          refused++;
          time += part.openMs * 6;
        }
      }
      expect(it.state).toBe("closed");
      expect(refused).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
});

test("it opens only with enough calls and the share of failures in the window", () => {
  fc.assert(
    fc.property(configs, history, (part, steps) => {
      const told: { calls: number; failures: number }[] = [];
      let state = "closed";
      const it = new Breaker(
        { ...config, ...part },
        () => 0.5,
        (outcome, detail) => {
          if (outcome === "opened" && state === "closed") told.push(detail as never);
          state = outcome;
        },
      );
      play(it, steps);
      for (const { calls, failures } of told) {
        expect(calls).toBeGreaterThanOrEqual(part.minCalls);
        expect(failures).toBeLessThanOrEqual(calls);
        expect(failures / calls).toBeGreaterThanOrEqual(part.ratio);
      }
    }),
    { numRuns: 500 },
  );
});
