import fc from "fast-check";
import { expect, test } from "vitest";
import { Window } from "./window.ts";

test("counts what is not older than the window, by times in any order", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -5000, max: 5000 }),
      fc.array(
        fc.record({
          wait: fc.integer({ min: 0, max: 700 }),
          ago: fc.integer({ min: 0, max: 1500 }),
          marked: fc.boolean(),
        }),
      ),
      (start, steps) => {
        const window = new Window(1000);
        let now = start;
        const events: { at: number; marked: boolean }[] = [];
        for (const { wait, ago, marked } of steps) {
          now += wait;
          window.advance(now);
          window.add(now - ago, 1, marked ? 1 : 0);
          events.push({ at: now - ago, marked });
          const young = events.filter(({ at }) => now - at < 900);
          const known = events.filter(({ at }) => now - at < 1000);
          expect(window.calls).toBeGreaterThanOrEqual(young.length);
          expect(window.calls).toBeLessThanOrEqual(known.length);
          expect(window.marked).toBeGreaterThanOrEqual(young.filter(({ marked }) => marked).length);
          expect(window.marked).toBeLessThanOrEqual(known.filter(({ marked }) => marked).length);
        }
        window.advance(now + 1000);
        expect([window.calls, window.marked]).toEqual([0, 0]);
      },
    ),
  );
});

test("forgets everything at once when told", () => {
  const window = new Window(1000);
  for (const now of [0, 300, 600]) {
    window.advance(now);
    window.add(now, 1, 1);
  }
  window.clear();
  expect([window.calls, window.marked]).toEqual([0, 0]);
  window.advance(1500);
  expect([window.calls, window.marked]).toEqual([0, 0]);
});
