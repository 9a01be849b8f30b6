import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { FakeClock } from "../../testing.ts";
import { LoopDelay, saturationFor } from "./loop-delay.ts";

/** A histogram that says what it is told to, sampled every 10 ms. */
function rig() {
  const clock = new FakeClock();
  const log: string[] = [];
  let delayMs = 0;
  const delay = new LoopDelay(clock, () => {
    log.push("start");
    return {
      percentile(percentile) {
        log.push(`p${percentile}`);
        return (10 + delayMs) * 1e6;
      },
      reset: () => void log.push("reset"),
    };
  });
  return {
    clock,
    log,
    delay,
    late(ms: number) {
      delayMs = ms;
    },
  };
}

test("measures from the first question on", () => {
  const { log, delay } = rig();
  expect(log).toEqual([]);
  expect(delay.delayMs()).toBe(0);
  expect(delay.delayMs()).toBe(0);
  expect(log).toEqual(["start"]);
});

test("says the 99th percentile of the last two seconds, less the time between samples", async () => {
  const { clock, log, delay, late } = rig();
  delay.delayMs();
  late(150);
  await clock.advance(1999);
  expect(delay.delayMs()).toBe(0);
  await clock.advance(1);
  expect(delay.delayMs()).toBe(150);
  late(0);
  await clock.advance(1999);
  expect(delay.delayMs()).toBe(150);
  await clock.advance(1);
  expect(delay.delayMs()).toBe(0);
  expect(log).toEqual(["start", "p99", "reset", "p99", "reset"]);
});

test("an empty histogram is no negative delay", async () => {
  const { clock, delay, late } = rig();
  delay.delayMs();
  late(-10);
  await clock.advance(2000);
  expect(delay.delayMs()).toBe(0);
});

test("what was measured over a long time says nothing about now", async () => {
  const { clock, delay, late } = rig();
  delay.delayMs();
  late(500);
  await clock.advance(10_001);
  expect(delay.delayMs()).toBe(0);
  await clock.advance(2000);
  expect(delay.delayMs()).toBe(500);
});

test("where a test holds the time, the process is never late, and nothing is measured", () => {
  expect(saturationFor(new FakeClock())).not.toBe(saturationFor(systemClock));
  expect(saturationFor(new FakeClock()).delayMs()).toBe(0);
  expect(saturationFor(systemClock)).toBe(saturationFor(systemClock));
});

test("the monitor of Node.js measures, and keeps no process alive", async () => {
  const before = process.getActiveResourcesInfo();
  const saturation = saturationFor(systemClock);
  expect(saturation.delayMs()).toBe(0);
  await pause(30);
  expect(saturation.delayMs()).toBeGreaterThanOrEqual(0);
  expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before.length);
});
