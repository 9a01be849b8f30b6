import fc from "fast-check";
import { expect, test } from "vitest";
import { Gradient } from "./gradient.ts";

/** A gradient that is told of answers, one window of them at a time. */
function rig(bounds: { min: number; max: number } = { min: 5, max: 100 }) {
  const gradient = new Gradient(bounds);
  let now = 0;
  return {
    gradient,
    /** Windows of eleven answers, 11 ms apart, that take so long, with so much of the limit used. */
    windows(count: number, ms: number, used: (limit: number) => number = (limit) => limit) {
      for (let answer = 0; answer < 11 * count; answer++) {
        now += 11;
        gradient.add(ms, used(gradient.limit), now);
      }
      return gradient.limit;
    },
  };
}

test("starts at 20, or at the bound that forbids it", () => {
  expect(new Gradient({ min: 1, max: 200 }).limit).toBe(20);
  expect(new Gradient({ min: 50, max: 200 }).limit).toBe(50);
  expect(new Gradient({ min: 1, max: 7 }).limit).toBe(7);
});

test("grows under load while the latency is steady, up to max", () => {
  const { windows } = rig();
  const steps = [windows(5, 20), windows(5, 20), windows(5, 20)];
  expect(steps[0]).toBeGreaterThan(20);
  expect(steps).toEqual([...steps].sort((one, other) => one - other));
  expect(windows(500, 20)).toBe(100);
});

test("shrinks when the latency rises, and grows again when it falls", () => {
  const { windows } = rig();
  const before = windows(60, 20);
  const after = windows(5, 100);
  expect(after).toBeLessThan(before * 0.8);
  // Half the limit and a headroom of 4 balance at 8.
  expect(windows(60, 1000)).toBe(8);
  expect(windows(100, 20)).toBeGreaterThan(20);
});

test("shrinks no further than min", () => {
  const { windows } = rig({ min: 15, max: 100 });
  windows(20, 20);
  expect(windows(60, 1000)).toBe(15);
});

test("bears half as much again before it shrinks", () => {
  const { windows } = rig();
  const before = windows(20, 20);
  expect(windows(5, 29)).toBeGreaterThan(before);
});

test("a limit of which less than half is used does not grow, and does not shrink either", () => {
  const { windows } = rig();
  expect(windows(50, 20, (limit) => Math.ceil(limit / 2) - 1)).toBe(20);
  expect(windows(50, 500, () => 1)).toBe(20);
  expect(windows(5, 20, (limit) => Math.ceil(limit / 2) + 1)).toBeGreaterThan(20);
});

test("stops growing when the load has gone", () => {
  const { windows } = rig();
  const busy = windows(10, 20);
  expect(windows(50, 20, () => 1)).toBe(busy);
});

test("what is usual follows a lasting change, so a slower peer does not hold the limit down for ever", () => {
  const { windows } = rig();
  windows(20, 20);
  expect(windows(30, 60)).toBeLessThan(15);
  expect(windows(6000, 60)).toBe(100);
});

test("after a slow start what is usual comes down soon", () => {
  const { windows } = rig({ min: 5, max: 1000 });
  windows(20, 1000);
  windows(80, 20);
  const before = windows(1, 20);
  // Against the slow start it would still be fast.
  expect(windows(5, 200)).toBeLessThan(before);
});

test("one slow answer changes nothing that nine fast ones do not confirm, and a short burst is no window", () => {
  const gradient = new Gradient({ min: 5, max: 100 });
  for (let call = 0; call < 1000; call++) expect(gradient.add(20, 20, 50)).toBe(false);
  const few = new Gradient({ min: 5, max: 100 });
  for (let call = 0; call < 9; call++) expect(few.add(20, 20, call * 1000)).toBe(false);
  expect(few.add(20, 20, 9000)).toBe(false);
  for (let call = 0; call < 200; call++) few.add(20, 20, 9001 + call * 100);
  expect(few.limit).toBeGreaterThan(20);
});

test("says when the limit has changed", () => {
  const gradient = new Gradient({ min: 5, max: 100 });
  let told = 0;
  let seen = gradient.limit;
  for (let call = 1; call <= 2000; call++) {
    const changed = gradient.add(call > 1000 ? 90 : 20, gradient.limit, call * 20);
    expect(changed).toBe(gradient.limit !== seen);
    if (changed) told++;
    seen = gradient.limit;
  }
  expect(told).toBeGreaterThan(10);
});

test("is a whole number within its bounds, whatever is measured", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.nat(200),
      fc.array(
        fc.record({ ms: fc.double({ min: 0, max: 1e6, noNaN: true }), running: fc.nat(300), gapMs: fc.nat(500) }),
        { maxLength: 400 },
      ),
      (min, more, answers) => {
        const gradient = new Gradient({ min, max: min + more });
        let now = 0;
        for (const { ms, running, gapMs } of answers) {
          now += gapMs;
          gradient.add(ms, running, now);
          expect(Number.isInteger(gradient.limit)).toBe(true);
          expect(gradient.limit).toBeGreaterThanOrEqual(min);
          expect(gradient.limit).toBeLessThanOrEqual(min + more);
        }
      },
    ),
  );
});
