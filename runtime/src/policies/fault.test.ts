import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { Cancellation } from "../core/cancellation.ts";
import { RpcError } from "../core/error.ts";
import { siteFactory } from "../core/site.ts";
import { hideError } from "../server.ts";
import { FakeClock, mount, mountLayers, settled } from "../testing.ts";
import { circuitBreaker } from "./circuit-breaker.ts";
import { type FaultConfig, fault } from "./fault.ts";
import { retry } from "./retry.ts";

const always = { delay: { ms: 100, percent: 100 }, abort: { code: "UNAVAILABLE", percent: 100 } } as const;
const client = (part: Partial<FaultConfig> = {}): FaultConfig => ({ side: "CLIENT", ...part });
const sides = [
  ["client", "CLIENT"],
  ["server", "SERVER"],
] as const;
const injected = { code: "UNAVAILABLE", text: "/test.v1.Test/Call was aborted by an injected fault" };

describe.each(sides)("on the %s", (side, name) => {
  const rig = (part: Partial<FaultConfig>, options = {}) => mount(fault, { side: name, ...part }, { side, ...options });

  test("a call waits for the delay, and is then made", async () => {
    const { send, seen, clock } = rig({ delay: always.delay });
    const decisions = await decisionsOf(async () => {
      const call = send();
      await clock.advance(99);
      expect(seen).toHaveLength(0);
      await clock.advance(1);
      await call;
      expect(seen).toHaveLength(1);
    });
    expect(decisions).toEqual([
      { policy: "fault", outcome: "delayed", method: "/test.v1.Test/Call", detail: { ms: 100 } },
    ]);
    expect(clock.pending).toBe(0);
  });

  test("an aborted call goes no further, and is no refusal of this process", async () => {
    const { send, seen } = rig({ abort: always.abort });
    const decisions = await decisionsOf(async () => {
      const origin = side === "client" ? "peer" : undefined;
      await expect(send()).rejects.toMatchObject({ ...injected, refusedBy: undefined, origin });
    });
    expect(seen).toHaveLength(0);
    expect(decisions).toEqual([
      { policy: "fault", outcome: "aborted", method: "/test.v1.Test/Call", detail: { code: "UNAVAILABLE" } },
    ]);
  });

  test("with both, a call waits first and fails then", async () => {
    const { send, seen, clock } = rig(always);
    let failed: unknown;
    send().catch((error) => {
      failed = error;
    });
    await clock.advance(99);
    expect(failed).toBeUndefined();
    await clock.advance(1);
    expect(failed).toMatchObject(injected);
    expect(seen).toHaveLength(0);
  });

  test("a delay ends with the call's time", async () => {
    const { send, seen, clock } = rig(always);
    const call = expect(send({}, { timeoutMs: 60 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    await clock.advance(60);
    await call;
    expect(seen).toHaveLength(0);
    expect(clock.pending).toBe(0);
  });

  test("the other side has no layer", () => {
    expect(fault[side === "client" ? "server" : "client"]?.({ side: name, ...always }, {} as never)).toBeUndefined();
  });
});

/** The layer alone, so that nothing else watches the time or the cancellation. */
function bare(config: FaultConfig, random = () => 0.5) {
  const clock = new FakeClock();
  let run: ((call: never) => Promise<unknown>) | undefined;
  const { method } = mountLayers(
    (site) => {
      run = fault.client?.(config, { ...site, clock, random })?.(async () => "reply");
      return [];
    },
    { clock },
  );
  const cancellation = new Cancellation();
  const send = (deadline = Number.POSITIVE_INFINITY) =>
    (run as (call: unknown) => Promise<unknown>)({ method, deadline, cancellation });
  return { clock, cancellation, send };
}

test("by itself a delay obeys the deadline, with an error as a transport's", async () => {
  const { send, clock, cancellation } = bare(client(always));
  const call = expect(send(60)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", origin: "transport" });
  await clock.advance(60);
  await call;
  expect([clock.pending, cancellation.listening]).toEqual([0, 0]);
});

test("by itself a delay ends at once with the cancellation's own reason", async () => {
  const { send, clock, cancellation } = bare(client(always));
  const call = send(1000);
  const reason = new RpcError("CANCELLED", "enough");
  await clock.advance(50);
  cancellation.cancel(reason);
  await expect(call).rejects.toBe(reason);
  expect([clock.pending, cancellation.listening]).toEqual([0, 0]);
  await expect(send()).rejects.toBe(reason);
  expect([clock.pending, cancellation.listening]).toEqual([0, 0]);
});

test("by itself a delay leaves nothing behind when it is over", async () => {
  const { send, clock, cancellation } = bare(client({ delay: always.delay }));
  const call = send(1000);
  await clock.advance(100);
  expect(await call).toBe("reply");
  expect([clock.pending, cancellation.listening]).toEqual([0, 0]);
});

test("a config without faults has no layer", () => {
  expect(fault.client?.(client({ header: "x-fault" }), {} as never)).toBeUndefined();
});

test("only calls with the header are disturbed, whatever it says and however it is written", async () => {
  const { send, seen } = mount(fault, client({ abort: always.abort, header: "X-Fault" }));
  await send();
  await send({}, { metadata: { "x-other": "1" } });
  await expect(send({}, { metadata: { "x-fault": "no" } })).rejects.toMatchObject(injected);
  expect(seen).toHaveLength(2);
});

test("while so many calls are delayed, others pass; and places come free in every way a delay ends", async () => {
  const { send, seen, clock } = mount(fault, client({ ...always, maxActive: 3 }));
  const controller = new AbortController();
  const delayed = Promise.allSettled([send(), send({}, { timeoutMs: 50 }), send({}, { signal: controller.signal })]);
  await settled();
  await send();
  expect(seen).toHaveLength(1);
  controller.abort();
  await clock.advance(100);
  expect((await delayed).map((one) => (one as PromiseRejectedResult).reason.code)).toEqual([
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "CANCELLED",
  ]);
  const again = Promise.allSettled([send(), send(), send()]);
  await send();
  expect(seen).toHaveLength(2);
  await clock.advance(100);
  expect((await again).map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
});

test("the calls that are delayed count across targets and changes of the policy", async () => {
  const clock = new FakeClock();
  const site = siteFactory({ clock });
  const first = mount(fault, client({ ...always, maxActive: 1 }), { clock, site });
  const delayed = Promise.allSettled([first.send()]);
  await settled();
  const second = mount(fault, client({ ...always, maxActive: 1 }), { clock, site });
  await second.send();
  expect(second.seen).toHaveLength(1);
  await clock.advance(100);
  expect((await delayed)[0]?.status).toBe("rejected");
});

test("a limit of 0 disturbs nobody", async () => {
  const { send, seen } = mount(fault, client({ ...always, maxActive: 0 }));
  await send();
  expect(seen).toHaveLength(1);
});

test("as many calls are hit as the draws per million say", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 1_000_000 }),
      fc.integer({ min: -1, max: 1 }),
      async (perMillion, offset) => {
        // Next to the border, where rounding would show.
        const drawn = Math.min(Math.max(0, perMillion + offset), 999_999);
        const abort = { code: "UNAVAILABLE", percent: perMillion / 10_000 } as const;
        const { send } = bare(client({ abort }), () => (drawn + 0.5) / 1_000_000);
        const hit = await send().then(
          () => false,
          () => true,
        );
        expect(hit).toBe(drawn < perMillion);
      },
    ),
    { numRuns: 2000 },
  );
});

test("delay and abort are drawn apart", async () => {
  const draws = [0.9, 0.1, 0.1, 0.9];
  const half = { delay: { ms: 100, percent: 50 }, abort: { code: "UNAVAILABLE", percent: 50 } } as const;
  const { send, clock } = bare(client(half), () => draws.shift() as number);
  await expect(send()).rejects.toMatchObject(injected);
  const second = send();
  await clock.advance(100);
  expect(await second).toBe("reply");
});

describe("for the layers around, an aborted call failed at the peer", () => {
  const breaker = {
    adaptive: false,
    ratio: 0.5,
    minCalls: 3,
    windowMs: 1000,
    openMs: 1000,
    probes: 1,
    on: ["UNAVAILABLE"],
    force: "NONE",
  } as const;
  const retries = {
    attempts: 3,
    on: ["UNAVAILABLE"],
    initialMs: 1,
    maxMs: 1,
    multiplier: 1,
    jitter: "NONE",
    attemptTimeout: false,
    budget: { ratio: 1, floorPerSecond: 100, windowMs: 1000 },
  } as const;
  const abort = client({ abort: { code: "UNAVAILABLE", percent: 50 } });

  test("retry sends it again", async () => {
    const draws = [0.1, 0.1, 0.9];
    const random = () => draws.shift() as number;
    const { send, seen, clock } = mountLayers(
      (site) => [retry.client?.(retries, site), fault.client?.(abort, { ...site, random })] as never,
      { handler: () => "reply" },
    );
    const call = send();
    await clock.advance(10);
    expect(await call).toBe("reply");
    expect(seen.map(({ attempt }) => attempt)).toEqual([3]);
  });

  test("the circuit breaker counts it", async () => {
    const { send } = mountLayers(
      (site) => [circuitBreaker.client?.(breaker, site), fault.client?.(abort, site)] as never,
      { random: () => 0.1 },
    );
    for (let n = 0; n < 3; n++) await expect(send()).rejects.toMatchObject(injected);
    await expect(send()).rejects.toMatchObject({ refusedBy: "circuitBreaker" });
  });

  test.each(sides)("a server passes on the code of one on the %s", async (side, name) => {
    const { send, method } = mount(fault, { ...abort, side: name }, { side, random: () => 0 });
    const error = await send().catch((error: unknown) => error);
    const report = () => {
      throw new Error("nothing to report");
    };
    expect(hideError(error, method, report)).toMatchObject(injected);
  });
});
