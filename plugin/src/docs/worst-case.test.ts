import type { MethodPolicy } from "@protomesh/runtime/policies";
import { expect, test } from "vitest";
import { RpcError } from "../../../runtime/src/core/error.ts";
import { clientLayers } from "../../../runtime/src/stack.ts";
import { FakeClock, mountLayers } from "../../../runtime/src/testing.ts";
import { worstCase } from "./worst-case.ts";

const budget = { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 };
const retry = {
  attempts: 3,
  on: ["UNAVAILABLE"],
  initialMs: 50,
  maxMs: 500,
  multiplier: 2,
  jitter: "PROPORTIONAL",
  attemptTimeout: true,
  budget,
} as const;
const hedge = { attempts: 3, delayMs: 120, keepGoingOn: ["UNAVAILABLE", "DEADLINE_EXCEEDED"], budget } as const;
const numbers = ({ attempts, longestMs }: ReturnType<typeof worstCase>) => ({
  attempts: attempts.map(({ startMs, endMs, fits }) => [startMs, endMs, fits]),
  longestMs,
});
const of = (policy: MethodPolicy, kind: "unary" | "serverStream" | "clientStream" | "bidi" = "unary") =>
  worstCase({ kind, policy });

test("attempts that fit are one after the other, with the waits of the runtime's backoff", () => {
  const worst = of({ timeout: { totalMs: 2000, attemptMs: 400 }, retry });
  expect(numbers(worst)).toEqual({
    attempts: [
      [0, 400, "whole"],
      [450, 850, "whole"],
      [950, 1350, "whole"],
    ],
    longestMs: 1380,
  });
  expect(worst.attempts.map(({ wait }) => wait && [wait.lowestMs, wait.ms, Math.round(wait.highestMs)])).toEqual([
    undefined,
    [40, 50, 60],
    [80, 100, 120],
  ]);
});

test("the deadline cuts the attempt that runs, and what could not start in time is not sent", () => {
  const five = { ...retry, attempts: 5, initialMs: 200, maxMs: 2000, jitter: "FULL" } as const;
  expect(numbers(of({ timeout: { totalMs: 2000, attemptMs: 600 }, retry: five }))).toEqual({
    attempts: [
      [0, 600, "whole"],
      [800, 1400, "whole"],
      [1800, 2400, "cut"],
      [3200, 3800, "late"],
      [5400, 6000, "late"],
    ],
    longestMs: 2000,
  });
  const waits = { ...retry, initialMs: 900, maxMs: 900, jitter: "NONE" } as const;
  expect(numbers(of({ timeout: { totalMs: 1000, attemptMs: 200 }, retry: waits }))).toEqual({
    attempts: [
      [0, 200, "whole"],
      [1100, 1300, "late"],
      [2200, 2400, "late"],
    ],
    longestMs: 1000,
  });
});

test("without a time of their own attempts may take all that is left, and without a deadline for ever", () => {
  expect(numbers(of({ timeout: { totalMs: 1000 }, retry }))).toEqual({
    attempts: [
      [0, 1000, "whole"],
      [50, 1000, "whole"],
      [150, 1000, "whole"],
    ],
    longestMs: 1000,
  });
  const endless = numbers(of({ retry }));
  expect(endless.longestMs).toBe(Number.POSITIVE_INFINITY);
  expect(endless.attempts.at(-1)).toEqual([150, Number.POSITIVE_INFINITY, "whole"]);
  expect(numbers(of({}))).toEqual({
    attempts: [[0, Number.POSITIVE_INFINITY, "whole"]],
    longestMs: Number.POSITIVE_INFINITY,
  });
});

test("the server's longest deadline bounds a client too, and streams of requests are never sent again", () => {
  expect(of({ timeout: { maxMs: 700 } }).longestMs).toBe(700);
  for (const kind of ["clientStream", "bidi"] as const)
    expect(of({ retry, hedge, timeout: { totalMs: 5, idleMs: 3 } }, kind)).toMatchObject({
      sends: "once",
      idleMs: 3,
      longestMs: 5,
    });
  expect(of({ timeout: { idleMs: 3 } }).idleMs).toBeUndefined();
});

test("a hedged request that is cut ends the call, unless that is a reason to send the next", () => {
  const timeout = { totalMs: 2000, attemptMs: 200 };
  expect(numbers(of({ timeout, hedge }))).toEqual({
    attempts: [
      [0, 200, "whole"],
      [120, 320, "whole"],
      [240, 440, "whole"],
    ],
    longestMs: 440,
  });
  expect(numbers(of({ timeout, hedge: { ...hedge, keepGoingOn: ["UNAVAILABLE"] } }))).toEqual({
    attempts: [
      [0, 200, "whole"],
      [120, 320, "cut"],
      [240, 440, "late"],
    ],
    longestMs: 200,
  });
  const { delayMs: _, ...measured } = { ...hedge, percentile: 95 };
  expect(of({ timeout, hedge: measured })).toMatchObject({ percentile: 95, longestMs: 2000 });
});

/** When the runtime sends each attempt, and when the call is over, if each attempt takes all its time. */
async function observed(policy: MethodPolicy, failsAt: number | undefined) {
  const clock = new FakeClock();
  const sentAt: number[] = [];
  const { send } = mountLayers(clientLayers, {
    clock,
    random: () => 0.5,
    method: { policy, idempotency: "NO_SIDE_EFFECTS" },
    handler() {
      sentAt.push(clock.now());
      return new Promise((_, reject) => {
        if (failsAt !== undefined) clock.schedule(failsAt, () => reject(new RpcError("UNAVAILABLE", "down")));
      });
    },
  });
  let overAt = Number.NaN;
  const call = send().catch(() => {
    overAt = clock.now();
  });
  await clock.advance(10_000);
  await call;
  return { sentAt, overAt };
}

test.each<[string, MethodPolicy]>([
  ["all fit", { timeout: { totalMs: 2000, attemptMs: 400 }, retry }],
  ["one is cut, others are late", { timeout: { totalMs: 1200, attemptMs: 500 }, retry: { ...retry, attempts: 5 } }],
  ["hedged", { timeout: { totalMs: 2000, attemptMs: 500 }, hedge }],
  [
    "hedged, cut ends it",
    { timeout: { totalMs: 2000, attemptMs: 200 }, hedge: { ...hedge, keepGoingOn: ["UNAVAILABLE"] } },
  ],
  ["hedged with a delay beyond the attempt", { timeout: { totalMs: 2000, attemptMs: 100 }, hedge }],
  ["once", { timeout: { totalMs: 700 } }],
])("a client does what is drawn: %s", async (_, policy) => {
  const worst = of(policy);
  const { sentAt, overAt } = await observed(policy, undefined);
  const drawn = worst.attempts.filter(({ fits }) => fits !== "late").map(({ startMs }) => startMs);
  expect(sentAt).toEqual(drawn);
  expect(overAt).toBeLessThanOrEqual(worst.longestMs);
  const last = Math.max(...worst.attempts.filter(({ fits }) => fits !== "late").map(({ endMs }) => endMs));
  expect(overAt).toBe(Math.min(last, worst.overMs));
});

test("a client does what is drawn when attempts have no time of their own: failures at once", async () => {
  const policy: MethodPolicy = { timeout: { totalMs: 1000 }, retry };
  const { sentAt } = await observed(policy, 0);
  expect(sentAt).toEqual(of(policy).attempts.map(({ startMs }) => startMs));
});
