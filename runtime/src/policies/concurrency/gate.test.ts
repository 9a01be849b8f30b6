import fc from "fast-check";
import { expect, test } from "vitest";
import { Gate, type GateRules, type Guest } from "./gate.ts";
import { placesFor } from "./places.ts";

const [plus, critical, sheddablePlus, sheddable] = [0, 1, 2, 3];

/** A gate by the shares of a method whose calls are at most so critical. */
const rulesOf = (limit: number, queue: number, highest = plus as number): GateRules => ({
  queue,
  places: (rank) => placesFor(rank, limit, highest),
});

/** Guests that write down what happens to them. */
function rig(rules: GateRules) {
  const gate = new Gate(rules);
  const log: string[] = [];
  const guest = (name: string, rank = critical as number): Guest => ({
    rank,
    enter: () => void log.push(`${name} in`),
    evicted: () => void log.push(`${name} out`),
  });
  const fill = (count: number) => {
    for (let n = 0; n < count; n++) gate.tryEnter(plus as number, rules);
  };
  const tryWait = (guest: Guest) => {
    const room = gate.hasRoomFor(guest.rank);
    if (room) gate.wait(guest);
    return room;
  };
  return { gate, log, guest, fill, rules, tryWait };
}

test("each criticality may fill its share of the limit, the method's own all of it", () => {
  const of = (limit: number, highest: number) => [0, 1, 2, 3].map((rank) => placesFor(rank, limit, highest));
  expect(of(100, 0)).toEqual([100, 95, 85, 70]);
  expect(of(90, 0)).toEqual([90, 85, 76, 63]);
  expect(of(10, 0)).toEqual([10, 9, 8, 7]);
  expect(of(10, 1)).toEqual([10, 10, 8, 7]);
  expect(of(10, 3)).toEqual([10, 10, 10, 10]);
  expect(of(2, 1)).toEqual([2, 2, 1, 1]);
  expect(of(1, 0)).toEqual([1, 1, 1, 1]);
});

test("the newest goes first, and of different criticalities the highest", () => {
  const { gate, log, guest, fill, tryWait } = rig(rulesOf(1, 9));
  fill(1);
  for (const [name, rank] of [
    ["a", sheddable],
    ["b", critical],
    ["c", critical],
    ["d", sheddable],
    ["e", plus],
  ] as const)
    expect(tryWait(guest(name, rank))).toBe(true);
  for (let n = 0; n < 5; n++) gate.leave();
  expect(log).toEqual(["e in", "c in", "b in", "d in", "a in"]);
  expect(gate.inside).toBe(1);
  expect(gate.waiting).toBe(0);
});

test("one that matters less waits until its share is free, and is not passed by its equals", () => {
  const { gate, log, guest, fill, rules, tryWait } = rig(rulesOf(10, 9));
  fill(9);
  expect(gate.tryEnter(sheddable as number, rules)).toBe(false);
  tryWait(guest("cheap", sheddable));
  gate.leave();
  gate.leave();
  expect(log).toEqual([]);
  expect(gate.tryEnter(sheddable as number, rules)).toBe(false);
  gate.leave();
  expect(log).toEqual(["cheap in"]);
  expect(gate.inside).toBe(7);
});

test("when the queue is full, the oldest of those that matter least gives way to one that matters more", () => {
  const { log, guest, fill, tryWait } = rig(rulesOf(1, 3));
  fill(1);
  tryWait(guest("a", sheddablePlus));
  tryWait(guest("b", sheddable));
  tryWait(guest("c", sheddable));
  expect(tryWait(guest("d", sheddable))).toBe(false);
  expect(tryWait(guest("e", critical))).toBe(true);
  expect(tryWait(guest("f", critical))).toBe(true);
  expect(tryWait(guest("g", sheddablePlus))).toBe(false);
  expect(tryWait(guest("h", critical))).toBe(true);
  expect(tryWait(guest("i", critical))).toBe(false);
  expect(log).toEqual(["b out", "c out", "a out"]);
});

test("leaves from the middle, the front and the back", () => {
  const { gate, log, guest, fill, tryWait } = rig(rulesOf(1, 5));
  fill(1);
  const guests = ["a", "b", "c", "d", "e"].map((name) => guest(name));
  for (const one of guests) tryWait(one);
  for (const n of [2, 0, 4]) gate.giveUp(guests[n] as Guest);
  expect(gate.waiting).toBe(2);
  gate.leave();
  gate.leave();
  expect(log).toEqual(["d in", "b in"]);
});

test("new rules hold from the next call on: those inside still count, those that wait come in if there is room", () => {
  const { gate, log, guest, fill, tryWait } = rig(rulesOf(2, 2));
  fill(2);
  tryWait(guest("a"));
  const narrow = rulesOf(1, 0);
  expect(gate.tryEnter(plus as number, narrow)).toBe(false);
  expect(tryWait(guest("b", plus))).toBe(false);
  gate.leave();
  expect([gate.inside, gate.waiting]).toEqual([1, 1]);

  expect(gate.tryEnter(plus as number, rulesOf(3, 2, critical))).toBe(true);
  expect(log).toEqual(["a in"]);
  expect(gate.inside).toBe(3);
});

test("ten thousand guests that leave as they enter are no recursion", () => {
  const { gate, rules, fill, tryWait } = rig(rulesOf(1, 10_000));
  fill(1);
  let left = 0;
  const enter = () => {
    left++;
    gate.leave();
  };
  for (let n = 0; n < 10_000; n++) tryWait({ rank: critical as number, enter, evicted: () => {} });
  gate.leave();
  expect([left, gate.inside, gate.waiting]).toEqual([10_000, 0, 0]);
  expect(gate.tryEnter(critical as number, rules)).toBe(true);
});

type Step =
  | { readonly do: "arrive"; readonly rank: number }
  | { readonly do: "leave" }
  | { readonly do: "give up"; readonly which: number }
  | { readonly do: "rules"; readonly limit: number; readonly queue: number; readonly highest: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant("arrive" as const), rank: fc.nat(3) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("leave" as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("give up" as const), which: fc.nat(20) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant("rules" as const),
        limit: fc.integer({ min: 1, max: 12 }),
        queue: fc.nat(6),
        highest: fc.nat(3),
      }),
    },
  ),
  { maxLength: 200 },
);

test("never more inside than the limit lets in, nobody who fits waits, everybody gets one answer", () => {
  fc.assert(
    fc.property(steps, (script) => {
      let rules = rulesOf(3, 3);
      let limit = 3;
      const gate = new Gate(rules);
      const answers = new Map<number, string>();
      const waiting = new Map<number, Guest>();
      let inside = 0;
      let arrived = 0;
      const answer = (id: number, what: string) => {
        expect(answers.has(id)).toBe(false);
        answers.set(id, what);
        waiting.delete(id);
        if (what === "in") {
          inside++;
          expect(gate.inside).toBe(inside);
          expect(inside).toBeLessThanOrEqual(limit);
        }
      };
      for (const step of script) {
        if (step.do === "arrive") {
          const id = arrived++;
          const { rank } = step;
          if (gate.tryEnter(rank, rules)) answer(id, "in");
          else {
            const guest: Guest = { rank, enter: () => answer(id, "in"), evicted: () => answer(id, "out") };
            waiting.set(id, guest);
            if (gate.hasRoomFor(rank)) gate.wait(guest);
            else answer(id, "refused");
          }
        } else if (step.do === "leave") {
          if (inside > 0) {
            inside--;
            gate.leave();
          }
        } else if (step.do === "give up") {
          const [id, guest] = [...waiting][step.which] ?? [];
          if (id !== undefined && guest) {
            gate.giveUp(guest);
            answer(id, "gave up");
          }
        } else {
          limit = step.limit;
          rules = rulesOf(step.limit, step.queue, step.highest);
          // Whoever comes next brings the new rules; here it has no wish to stay.
          if (gate.tryEnter(0, rules)) gate.leave();
        }
        expect(gate.inside).toBe(inside);
        expect(gate.waiting).toBe(waiting.size);
        for (const { rank } of waiting.values()) expect(inside).toBeGreaterThanOrEqual(rules.places(rank));
      }
      while (inside > 0) {
        inside--;
        gate.leave();
      }
      expect([gate.inside, gate.waiting, waiting.size, answers.size]).toEqual([0, 0, 0, arrived]);
    }),
    { numRuns: 500 },
  );
});
