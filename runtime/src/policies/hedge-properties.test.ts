/** What holds for retries and hedges together, whatever the peer does. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Cancellation } from "../core/cancellation.ts";
import { startCall } from "../core/context.ts";
import { type Code, RpcError } from "../core/error.ts";
import type { Handler } from "../core/layer.ts";
import { Metadata } from "../core/metadata.ts";
import { type SiteFactory, siteFactory } from "../core/site.ts";
import { FakeClock, mount } from "../testing.ts";
import { hedge } from "./hedge.ts";
import { retry } from "./retry.ts";

interface Turn {
  /** Infinity: never. */
  readonly afterMs: number;
  /** Absent: an answer. */
  readonly code?: Code | undefined;
  readonly pushback?: string | undefined;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  afterMs: fc.oneof(fc.nat(600), fc.constant(Number.POSITIVE_INFINITY)),
  code: fc.option(fc.constantFrom<Code>("UNAVAILABLE", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL"), {
    nil: undefined,
  }),
  pushback: fc.option(fc.oneof(fc.integer({ min: -1, max: 900 }).map(String), fc.constant("soon")), {
    nil: undefined,
  }),
});

const budgets = fc.record({
  ratio: fc.constantFrom(0.1, 0.2, 0.5, 1),
  floorPerSecond: fc.integer({ min: 0, max: 5 }),
  windowMs: fc.constant(10_000),
});

function failureOf({ code, pushback }: Omit<Turn, "afterMs">): RpcError | undefined {
  if (code === undefined) return undefined;
  const metadata = new Metadata();
  if (pushback !== undefined) metadata.set("grpc-retry-pushback-ms", pushback);
  return new RpcError(code, "not now", { metadata });
}

type Budget = { readonly ratio: number; readonly floorPerSecond: number; readonly windowMs: number };

const on = ["UNAVAILABLE", "RESOURCE_EXHAUSTED"] as const;

/** A layer over a peer that takes one turn per attempt, and when each attempt came. The peer obeys as a transport does. */
function method(kind: "retry" | "hedge", turns: readonly Turn[], budget: Budget, site: SiteFactory, clock: FakeClock) {
  const attempts: number[] = [];
  let open = 0;
  const handler: Handler = ({ cancellation, deadline }) =>
    new Promise((resolve, reject) => {
      const { afterMs, ...turn } = turns[attempts.length % turns.length] as Turn;
      attempts.push(clock.now());
      open++;
      let ended = false;
      const end = (error: RpcError | undefined) => {
        if (ended) return;
        ended = true;
        open--;
        for (const stop of stops) stop?.();
        if (error) reject(error);
        else resolve({});
      };
      const after = (ms: number, error: () => RpcError | undefined) =>
        ms === Number.POSITIVE_INFINITY ? undefined : clock.schedule(ms, () => end(error()));
      const stops = [
        after(afterMs, () => failureOf(turn)),
        after(deadline - clock.now(), () => new RpcError("DEADLINE_EXCEEDED", "too late")),
      ];
      stops.push(cancellation?.onCancel(end));
    });
  const spec = { ...mount({ name: "none" }, {}).method, path: `/shop.Shop/${kind}` };
  const layer =
    kind === "hedge"
      ? hedge.client?.({ attempts: 5, delayMs: 50, keepGoingOn: on, budget }, site(spec))
      : retry.client?.(
          { attempts: 5, on, initialMs: 20, maxMs: 200, multiplier: 2, jitter: "FULL", attemptTimeout: false, budget },
          site(spec),
        );
  const call = layer?.(handler) as Handler;
  const send = (timeoutMs = Number.POSITIVE_INFINITY, cancellation?: Cancellation) => {
    const start = startCall(spec, {}, { cancellation }, clock);
    return call({ ...start, deadline: clock.now() + timeoutMs });
  };
  return { send, attempts, open: () => open };
}

test("no attempt starts after the deadline or a cancellation, and each that was opened ends with the call", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("retry" as const, "hedge" as const),
      fc.array(turn, { minLength: 5, maxLength: 5 }),
      fc.integer({ min: 1, max: 2000 }),
      fc.option(fc.nat(2000), { nil: undefined }),
      async (kind, turns, timeoutMs, cancelAt) => {
        const clock = new FakeClock();
        const plenty = { ratio: 1, floorPerSecond: 100, windowMs: 10_000 };
        const { send, attempts, open } = method(kind, turns, plenty, siteFactory({ clock }), clock);
        const cancellation = new Cancellation();
        let settledAt: number | undefined;
        let openThen: number | undefined;
        const settle = () => {
          settledAt = clock.now();
          openThen = open();
        };
        send(timeoutMs, cancellation).then(settle, settle);
        if (cancelAt !== undefined)
          clock.schedule(cancelAt, () => cancellation.cancel(new RpcError("CANCELLED", "enough")));
        await clock.advance(10_000);
        expect(settledAt).toBeLessThanOrEqual(Math.min(timeoutMs, cancelAt ?? timeoutMs));
        for (const at of attempts) {
          expect(at).toBeLessThan(timeoutMs);
          expect(at).toBeLessThanOrEqual(settledAt as number);
        }
        expect(attempts.length).toBeLessThanOrEqual(5);
        expect([openThen, open(), clock.pending, cancellation.listening]).toEqual([0, 0, 0, 0]);
      },
    ),
    { numRuns: 300 },
  );
});

test("under total outage a service gets at most 1 + ratio times its calls, plus the floor, from retries and hedges together", async () => {
  await fc.assert(
    fc.asyncProperty(
      budgets,
      fc.array(fc.record({ afterMs: fc.oneof(fc.nat(100), fc.constant(Number.POSITIVE_INFINITY)) }), {
        minLength: 1,
        maxLength: 7,
      }),
      fc.array(fc.record({ gapMs: fc.nat(300), kind: fc.constantFrom("retry" as const, "hedge" as const) }), {
        minLength: 1,
        maxLength: 40,
      }),
      async (budget, outage, calls) => {
        const clock = new FakeClock();
        const site = siteFactory({ clock });
        const turns = outage.map((one): Turn => ({ ...one, code: "UNAVAILABLE" }));
        const methods = {
          retry: method("retry", turns, budget, site, clock),
          hedge: method("hedge", turns, budget, site, clock),
        };
        let failed = 0;
        for (const { gapMs, kind } of calls) {
          methods[kind].send(1000).catch(() => failed++);
          await clock.advance(gapMs);
        }
        await clock.advance(5000);
        expect(failed).toBe(calls.length);
        const attempts = [...methods.retry.attempts, ...methods.hedge.attempts];
        const windows = Math.ceil((Math.max(...attempts) - Math.min(...attempts) + 1) / budget.windowMs);
        const floor = budget.floorPerSecond * (budget.windowMs / 1000) * windows;
        expect(attempts.length).toBeLessThanOrEqual(calls.length * (1 + budget.ratio) + floor + 1e-6);
        expect(methods.retry.open() + methods.hedge.open()).toBe(0);
        expect(clock.pending).toBe(0);
      },
    ),
    { numRuns: 100 },
  );
});

test("a service's retries and hedges draw from one budget", async () => {
  const clock = new FakeClock();
  const site = siteFactory({ clock });
  const budget = { ratio: 0.5, floorPerSecond: 0, windowMs: 10_000 };
  const outage = [{ afterMs: 10, code: "UNAVAILABLE" }] as const;
  const methods = [
    method("retry", outage, budget, site, clock),
    method("hedge", outage, budget, site, clock),
    method("retry", outage, budget, site, clock),
    method("hedge", outage, budget, site, clock),
  ];
  for (const { send } of methods) {
    send().catch(() => {});
    await clock.advance(1000);
  }
  // Half an attempt per call: the first pays for the second's, the third for the fourth's.
  expect(methods.map(({ attempts }) => attempts.length)).toEqual([1, 2, 1, 2]);
});
