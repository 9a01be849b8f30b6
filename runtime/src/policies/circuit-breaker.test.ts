import { describe, expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { Cancellation } from "../core/cancellation.ts";
import { type Code, RpcError, type RpcErrorOptions } from "../core/error.ts";
import { siteFactory } from "../core/site.ts";
import type { MethodSpec } from "../core/spec.ts";
import { FakeClock, mount, mountLayers } from "../testing.ts";
import { type CircuitBreakerConfig, circuitBreaker } from "./circuit-breaker.ts";
import { retry } from "./retry.ts";
import { attemptTimeout } from "./timeout.ts";

const config: CircuitBreakerConfig = {
  adaptive: false,
  ratio: 0.5,
  minCalls: 4,
  windowMs: 10_000,
  openMs: 1000,
  probes: 1,
  on: ["UNAVAILABLE", "DEADLINE_EXCEEDED"],
  force: "NONE",
};

const refused = { code: "UNAVAILABLE", refusedBy: "circuitBreaker" };
const failure = (code: Code = "UNAVAILABLE", options?: RpcErrorOptions) => new RpcError(code, "not now", options);
const never = () => new Promise<never>(() => {});

/** A peer whose answer a test changes. */
function peer(first: unknown) {
  const state = { answer: first };
  const handler = () => {
    if (state.answer instanceof Error) throw state.answer;
    return typeof state.answer === "function" ? state.answer() : state.answer;
  };
  return { state, handler };
}

/** How many of so many calls one after the other got to the peer. */
async function reached(mounted: ReturnType<typeof mount>, calls: number, options = {}) {
  const before = mounted.seen.length;
  for (let n = 0; n < calls; n++) await mounted.send({}, options).catch(() => {});
  return mounted.seen.length - before;
}

test("opens, refuses, probes and closes, and says so", async () => {
  const { state, handler } = peer(failure());
  const mounted = mount(circuitBreaker, config, { handler });
  const decisions = await decisionsOf(async () => {
    expect(await reached(mounted, 10)).toBe(4);
    await expect(mounted.send()).rejects.toMatchObject(refused);
    await mounted.clock.advance(1000);
    expect(await reached(mounted, 10)).toBe(1);
    await mounted.clock.advance(2000);
    state.answer = {};
    expect(await reached(mounted, 10)).toBe(10);
  });
  const method = "/test.v1.Test/Call";
  const refusals = decisions.filter(({ outcome }) => outcome === "refused");
  expect(refusals).toHaveLength(6 + 1 + 9);
  expect(refusals[0]).toEqual({ policy: "circuitBreaker", outcome: "refused", method, detail: undefined });
  expect(decisions.filter(({ outcome }) => outcome !== "refused")).toEqual([
    { policy: "circuitBreaker", outcome: "opened", method, detail: { calls: 4, failures: 4, openMs: 1000 } },
    { policy: "circuitBreaker", outcome: "halfOpen", method, detail: undefined },
    { policy: "circuitBreaker", outcome: "opened", method, detail: { calls: 1, failures: 1, openMs: 2000 } },
    { policy: "circuitBreaker", outcome: "halfOpen", method, detail: undefined },
    { policy: "circuitBreaker", outcome: "closed", method, detail: undefined },
  ]);
  expect(Object.keys(circuitBreaker.reference.outcomes)).toEqual(
    expect.arrayContaining(decisions.map(({ outcome }) => outcome)),
  );
});

test("many failures, one idle hour, one failure: the next call is sent", async () => {
  const mounted = mount(circuitBreaker, { ...config, minCalls: 30 }, { handler: peer(failure()).handler });
  expect(await reached(mounted, 29)).toBe(29);
  await mounted.clock.advance(3_600_000);
  expect(await reached(mounted, 2)).toBe(2);
});

test("a refusal is one shared error that says what is so, and names no target and no stack", async () => {
  const site = siteFactory({ clock: new FakeClock() });
  const mounted = mount(circuitBreaker, config, {
    handler: peer(failure()).handler,
    site: (method) => site(method, undefined, "10.0.0.1:443"),
  });
  await reached(mounted, 4);
  const error = (await mounted.send().catch((error: unknown) => error)) as RpcError;
  expect(error.text).toBe(
    "/test.v1.Test/Call is not called now: too many of its last calls failed, so its circuit breaker is open; it tries again by itself",
  );
  expect(error.stack).not.toMatch(/\n\s+at /);
  await expect(mounted.send()).rejects.toBe(error);
});

describe("counts as a failure", () => {
  test.each([
    ["a listed code of the peer", failure("UNAVAILABLE", { origin: "peer" })],
    ["a failed connection", failure("UNAVAILABLE", { origin: "transport" })],
    ["a failure after response headers", failure("UNAVAILABLE", { origin: "peer", committed: true })],
  ])("%s", async (_, error) => {
    expect(await reached(mount(circuitBreaker, config, { handler: peer(error).handler }), 10)).toBe(4);
  });

  test("the peer's CANCELLED, when it is listed", async () => {
    const { handler } = peer(failure("CANCELLED", { origin: "peer" }));
    expect(await reached(mount(circuitBreaker, { ...config, on: ["CANCELLED"] }, { handler }), 10)).toBe(4);
  });

  test("a deadline, however short the caller's was", async () => {
    const mounted = mount(circuitBreaker, config, { handler: never });
    for (let n = 0; n < 4; n++) {
      const call = expect(mounted.send({}, { timeoutMs: 1 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      await mounted.clock.advance(1);
      await call;
    }
    await expect(mounted.send()).rejects.toMatchObject(refused);
  });

  test("a deadline that came as a cancellation, as those of a server's calls do", async () => {
    const mounted = mount(circuitBreaker, config, { handler: never });
    for (let n = 0; n < 4; n++) {
      const cancellation = new Cancellation();
      const call = mounted.send({}, { cancellation } as never);
      cancellation.cancel(failure("DEADLINE_EXCEEDED"));
      await expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    }
    await expect(mounted.send()).rejects.toMatchObject(refused);
  });

  test("an attempt that was cut by its own time", async () => {
    const mounted = mountLayers(
      (site) => [circuitBreaker.client?.(config, site), attemptTimeout.client?.({ attemptMs: 10 }, site)] as never,
      { handler: never },
    );
    for (let n = 0; n < 4; n++) {
      const call = expect(mounted.send()).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
      await mounted.clock.advance(10);
      await call;
    }
    await expect(mounted.send()).rejects.toMatchObject(refused);
  });

  test("an answer slower than slow, also while it is waited for", async () => {
    const mounted = mount(circuitBreaker, { ...config, slowMs: 100 }, { handler: never });
    const calls = [1, 2, 3, 4].map(() => mounted.send({}, { timeoutMs: 5000 }));
    await mounted.clock.advance(101);
    await expect(mounted.send()).rejects.toMatchObject(refused);
    const ended = Promise.allSettled(calls);
    await mounted.clock.advance(5000);
    expect((await ended).map(({ status }) => status)).toEqual(Array(4).fill("rejected"));
    expect(mounted.clock.pending).toBe(0);
  });
});

describe("does not count as a failure", () => {
  test.each([
    ["a refusal of this process", failure("UNAVAILABLE", { refusedBy: "limits" })],
    ["a mistake in this process", new TypeError("not a function")],
    ["a request stream that failed", failure("CANCELLED")],
  ])("%s", async (_, error) => {
    const { state, handler } = peer(error);
    const mounted = mount(circuitBreaker, { ...config, on: [...config.on, "CANCELLED"] }, { handler });
    expect(await reached(mounted, 100)).toBe(100);
    // Nor did any of them as an answer: the next four failures are all that it knows.
    state.answer = failure();
    expect(await reached(mounted, 10)).toBe(4);
  });

  test("a code that is not listed, which is as good as any answer", async () => {
    const { state, handler } = peer(failure("NOT_FOUND", { origin: "peer" }));
    const mounted = mount(circuitBreaker, config, { handler });
    expect(await reached(mounted, 100)).toBe(100);
    state.answer = failure();
    expect(await reached(mounted, 50)).toBe(50);
  });

  test.each<Code>(["CANCELLED", "UNAVAILABLE"])("a call that its caller gave up with %s", async (code) => {
    const mounted = mount(circuitBreaker, { ...config, on: ["CANCELLED", "UNAVAILABLE"] }, { handler: never });
    for (let n = 0; n < 10; n++) {
      const cancellation = new Cancellation();
      const call = mounted.send({}, { cancellation } as never);
      cancellation.cancel(failure(code));
      await expect(call).rejects.toMatchObject({ code });
    }
    expect(mounted.seen).toHaveLength(10);
  });

  test("and an answer with an unlisted code is a good probe", async () => {
    const { state, handler } = peer(failure());
    const mounted = mount(circuitBreaker, config, { handler });
    await reached(mounted, 4);
    await mounted.clock.advance(1000);
    state.answer = failure("NOT_FOUND");
    expect(await reached(mounted, 5)).toBe(5);
  });
});

test("a probe that its caller gives up leaves its place to the next", async () => {
  const { state, handler } = peer(failure());
  const mounted = mount(circuitBreaker, config, { handler });
  await reached(mounted, 4);
  await mounted.clock.advance(1000);
  state.answer = never;
  const controller = new AbortController();
  const probe = mounted.send({}, { signal: controller.signal });
  await expect(mounted.send()).rejects.toMatchObject(refused);
  controller.abort();
  await expect(probe).rejects.toMatchObject({ code: "CANCELLED" });
  state.answer = {};
  expect(await reached(mounted, 5)).toBe(5);
});

describe("a stream", () => {
  const failing = (error: RpcError) => () =>
    (async function* () {
      yield 1;
      throw error;
    })();
  const streaming = (answer: () => unknown, part: Partial<CircuitBreakerConfig> = {}) =>
    mount(circuitBreaker, { ...config, ...part }, { handler: answer, method: { kind: "serverStream" } });
  const read = async (reply: Promise<unknown>) => {
    for await (const _ of (await reply) as AsyncIterable<unknown>);
  };

  test("that fails in the middle counts as one failed call", async () => {
    const mounted = streaming(failing(failure()));
    for (let n = 0; n < 4; n++) await expect(read(mounted.send())).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(mounted.send()).rejects.toMatchObject(refused);
  });

  test.each([
    ["with an unlisted code", failure("ABORTED")],
    ["by a refusal of this process", failure("UNAVAILABLE", { refusedBy: "limits" })],
  ])("that ends %s is none", async (_, error) => {
    const mounted = streaming(failing(error));
    for (let n = 0; n < 10; n++) await expect(read(mounted.send())).rejects.toBe(error);
    expect(mounted.seen).toHaveLength(10);
  });

  test("that its reader leaves is none", async () => {
    const mounted = streaming(failing(failure()));
    for (let n = 0; n < 10; n++) for await (const _ of (await mounted.send()) as AsyncIterable<unknown>) break;
    expect(mounted.seen).toHaveLength(10);
  });

  test("that begins in time is not slow, however long it lasts", async () => {
    const clock = new FakeClock();
    const mounted = streaming(
      async function* () {
        yield 1;
        await new Promise<void>((resolve) => void clock.schedule(1000, resolve));
      } as () => unknown,
      { slowMs: 100 },
    );
    for (let n = 0; n < 10; n++) {
      const reading = read(mounted.send());
      await clock.advance(1000);
      await reading;
    }
    expect(mounted.seen).toHaveLength(10);
  });

  test("that failed when it was too slow already counts once", async () => {
    const clock = new FakeClock();
    let waitMs = 200;
    const handler = async () => {
      await new Promise<void>((resolve) => void clock.schedule(waitMs, resolve));
      return waitMs > 100 ? failing(failure())() : failing(failure("ABORTED"))();
    };
    const mounted = mount(
      circuitBreaker,
      { ...config, slowMs: 100 },
      { clock, handler, method: { kind: "serverStream" } },
    );
    for (let n = 0; n < 5; n++) {
      const reading = read(mounted.send()).catch(() => {});
      await clock.advance(200);
      await reading;
      waitMs = 50;
    }
    expect(mounted.seen).toHaveLength(5);
  });
});

describe("of several", () => {
  const method = (path: string): MethodSpec => ({ ...mount(circuitBreaker, config).method, path });
  const clock = new FakeClock();
  const build = (part: Partial<CircuitBreakerConfig>, path: string, target: string, sites = siteFactory({ clock })) => {
    const layer = circuitBreaker.client?.({ ...config, ...part }, sites(method(path), undefined, target));
    return mountLayers(() => (layer ? [layer] : []), { clock, handler: peer(failure()).handler });
  };

  test("each method and each target has its own", async () => {
    const sites = siteFactory({ clock });
    expect(await reached(build({}, "/a.A/One", "x", sites), 10)).toBe(4);
    expect(await reached(build({}, "/a.A/Two", "x", sites), 10)).toBe(4);
    expect(await reached(build({}, "/a.A/One", "y", sites), 10)).toBe(4);
    expect(await reached(build({}, "/a.A/One", "x", sites), 10)).toBe(0);
  });

  test("it outlives a layer that is built anew, and a time in which it was forced", async () => {
    const sites = siteFactory({ clock });
    expect(await reached(build({}, "/a.A/One", "x", sites), 10)).toBe(4);
    expect(await reached(build({ force: "CLOSED" }, "/a.A/One", "x", sites), 10)).toBe(10);
    expect(await reached(build({ force: "OPEN" }, "/a.A/One", "x", sites), 10)).toBe(0);
    expect(await reached(build({}, "/a.A/One", "x", sites), 10)).toBe(0);
    expect(await reached(build({ force: "CLOSED" }, "/a.A/Two", "x", sites), 10)).toBe(10);
    expect(await reached(build({}, "/a.A/Two", "x", sites), 10)).toBe(0);
  });

  test("nor is it let go while it is forced open", async () => {
    const sites = siteFactory({ clock });
    const rebuilt = (force: "NONE" | "OPEN") => {
      const { method } = mount(circuitBreaker, { ...config, force });
      return sites.building(method, () =>
        mount(circuitBreaker, { ...config, force }, { clock, site: sites, handler: peer(failure()).handler }),
      );
    };
    const first = await reached(rebuilt("NONE"), 10);
    expect(first).toBeLessThan(10);
    for (const force of ["OPEN", "NONE"] as const) expect(await reached(rebuilt(force), 10)).toBe(0);
  });

  test("another config starts anew", async () => {
    const sites = siteFactory({ clock });
    expect(await reached(build({}, "/a.A/One", "x", sites), 10)).toBe(4);
    expect(await reached(build({ minCalls: 5 }, "/a.A/One", "x", sites), 10)).toBe(5);
  });
});

describe("forced", () => {
  test("open, every call is refused, and says by whom", async () => {
    const mounted = mount(circuitBreaker, { ...config, force: "OPEN" });
    const decisions = await decisionsOf(async () => {
      expect(await reached(mounted, 5)).toBe(0);
    });
    expect(decisions.map(({ outcome }) => outcome)).toEqual(Array(5).fill("refused"));
    await expect(mounted.send()).rejects.toMatchObject({
      ...refused,
      text: "/test.v1.Test/Call is not called now: a run-time configuration has opened its circuit breaker",
    });
  });

  test("closed, no call is refused, and failures still count", async () => {
    const mounted = mount(circuitBreaker, { ...config, force: "CLOSED" }, { handler: peer(failure()).handler });
    const decisions = await decisionsOf(async () => {
      expect(await reached(mounted, 20)).toBe(20);
    });
    expect(decisions.map(({ outcome }) => outcome)).toEqual(["opened"]);
  });

  test("closed, an adaptive one sends everything", async () => {
    const { state, handler } = peer(failure());
    const clock = new FakeClock();
    const site = siteFactory({ clock, random: () => 0 });
    const adaptive = (force: "NONE" | "CLOSED") =>
      mount(circuitBreaker, { ...config, force, adaptive: true }, { handler, clock, site });
    expect(await reached(adaptive("CLOSED"), 50)).toBe(50);
    expect(await reached(adaptive("NONE"), 50)).toBe(0);
    // What was sent by force counts like all else.
    state.answer = {};
    expect(await reached(adaptive("CLOSED"), 500)).toBe(500);
    expect(await reached(adaptive("NONE"), 50)).toBe(50);
  });
});

test("an adaptive one refuses a share, and fewer again when the peer recovers", async () => {
  const { state, handler } = peer({});
  let seed = 1;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const adaptive = { ...config, adaptive: true, windowMs: 120_000 };
  const mounted = mount(circuitBreaker, adaptive, { handler, random });
  expect(await reached(mounted, 100)).toBe(100);
  state.answer = failure();
  // As many failures as answers are borne; after that the share falls quickly.
  expect(await reached(mounted, 100)).toBeGreaterThanOrEqual(99);
  expect(await reached(mounted, 1000)).toBeLessThan(400);
  await expect(
    (async () => {
      for (;;) await mounted.send().catch((error) => (error.refusedBy ? Promise.reject(error) : undefined));
    })(),
  ).rejects.toMatchObject({ ...refused, text: expect.stringContaining("only a part of them") });
  state.answer = {};
  await mounted.clock.advance(60_000);
  for (let n = 0; n < 100; n++) {
    await reached(mounted, 100);
    await mounted.clock.advance(1000);
  }
  expect(await reached(mounted, 100)).toBe(100);
});

test("ends the retries of a call, which fails as the peer last failed it: a refusal would say that the peer saw nothing", async () => {
  const retries = {
    attempts: 5,
    on: ["UNAVAILABLE"],
    initialMs: 1,
    maxMs: 1,
    multiplier: 1,
    jitter: "NONE",
    attemptTimeout: false,
    budget: { ratio: 1, floorPerSecond: 100, windowMs: 1000 },
  } as const;
  const mounted = mountLayers(
    (site) => [retry.client?.(retries, site), circuitBreaker.client?.({ ...config, minCalls: 3 }, site)] as never,
    { handler: peer(failure()).handler },
  );
  const call = expect(mounted.send()).rejects.toMatchObject({ code: "UNAVAILABLE", refusedBy: undefined });
  await mounted.clock.advance(10);
  await call;
  expect(mounted.seen).toHaveLength(3);
  expect(mounted.clock.pending).toBe(0);
});
