import { Redis as IoRedis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { decisionsOf } from "../../../test/decisions.ts";
import { Redis, redisCommand } from "../../../test/redis.ts";
import type { RpcError } from "../../core/error.ts";
import type { StoreOptions } from "../../core/store.ts";
import { RetryInfo } from "../../messages/details.ts";
import { findDetail } from "../../messages/status.ts";
import { FakeClock, mount, settled } from "../../testing.ts";
import { rateLimit } from "../rate-limit.ts";
import type { RateLimitConfig } from "./config.ts";

const limit = (part: Partial<RateLimitConfig> = {}): RateLimitConfig => ({
  name: "tenant",
  perSecond: 0.001,
  burst: 3,
  by: ["metadata:tenant"],
  cost: "1",
  shared: true,
  failClosed: false,
  shadow: false,
  scope: "service",
  ...part,
});
const by = (tenant: string) => ({ metadata: { tenant } });
const refused = { code: "RESOURCE_EXHAUSTED", refusedBy: "rateLimit" };

describe.runIf(redisCommand)("with a server", () => {
  const server = new Redis();
  let ioredis: IoRedis;
  let redis: ReturnType<typeof createClient>;
  beforeAll(async () => {
    await server.start();
    ioredis = new IoRedis(server.socket);
    redis = createClient({ socket: { path: server.socket, tls: false } });
    await redis.connect();
  });
  afterAll(async () => {
    ioredis?.disconnect();
    await redis?.close();
    await server.stop();
  });

  let prefixes = 0;
  /** Keys of its own for each test. */
  const own = () => ({ prefix: `test${prefixes++}:`, timeoutMs: 10_000 });
  const overIoRedis = (): StoreOptions => ({
    eval: (script, keys, args) => ioredis.eval(script, keys.length, ...keys, ...args),
    ...own(),
  });
  const overRedis = (): StoreOptions => ({
    eval: (script, keys, args) => redis.eval(script, { keys: [...keys], arguments: [...args] }),
    ...own(),
  });

  test.each([
    ["ioredis", overIoRedis],
    ["redis", overRedis],
  ])("two replicas share one bucket, by %s", async (_, over) => {
    const store = over();
    const replicas = [mount(rateLimit, [limit()], { store }), mount(rateLimit, [limit()], { store })];
    for (const { send } of [...replicas, ...replicas].slice(0, 3)) await send({}, by("a"));
    for (const { send } of replicas) await expect(send({}, by("a"))).rejects.toMatchObject(refused);
    for (const { send } of replicas) await send({}, by("b"));
  });

  test("concurrent calls never get more than the burst", async () => {
    const store = overIoRedis();
    const replicas = [0, 1, 2].map(() => mount(rateLimit, [limit({ burst: 7 })], { store }));
    const calls = Array.from({ length: 60 }, (_, n) => replicas[n % 3]?.send({}, by("a")));
    const results = await Promise.allSettled(calls);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(7);
  });

  test("time gives room again, by the store's own clock", async () => {
    const store = overIoRedis();
    const { send } = mount(rateLimit, [limit({ perSecond: 20, burst: 1 })], { store });
    await send({}, by("a"));
    // The store's clock cannot be held: ask until it says yes. It never would if time did not count.
    for (;;) {
      const error = await send({}, by("a")).catch((error) => error);
      if (!(error instanceof Error)) break;
      expect(error).toMatchObject(refused);
    }
  });

  test("a refusal says how long to wait; what a call costs counts", async () => {
    const store = overIoRedis();
    const { send } = mount(rateLimit, [limit({ perSecond: 1, burst: 10, cost: "field:n" })], { store });
    await send({ n: 9 }, by("a"));
    const error = await send({ n: 10 }, by("a")).catch((error) => error);
    expect(error).toMatchObject(refused);
    const { seconds = 0n } = findDetail(error, RetryInfo)?.retryDelay ?? {};
    expect(Number(seconds)).toBeGreaterThanOrEqual(7);
    expect(Number(seconds)).toBeLessThanOrEqual(9);
    const never = (await send({ n: 11 }, by("a")).catch((error) => error)) as RpcError;
    expect(never.metadata?.get("grpc-retry-pushback-ms")).toBe("-1");
  });

  test("with several limits a call takes from all or from none, whether they are shared or not", async () => {
    const store = overIoRedis();
    const limits = [
      limit({ name: "wide", burst: 3 }),
      limit({ name: "narrow", burst: 1, by: ["metadata:user"] }),
      limit({ name: "here", burst: 3, shared: false }),
    ];
    const { send } = mount(rateLimit, limits, { store });
    const as = (user: string) => send({}, { metadata: { tenant: "a", user } });
    await as("ann");
    for (let n = 0; n < 5; n++) await expect(as("ann")).rejects.toMatchObject(refused);
    await as("bob");
    await as("cyd");
    await expect(as("dan")).rejects.toMatchObject(refused);
  });

  test("a limit of the service is one bucket, however many limits each of its methods has", async () => {
    const store = overIoRedis();
    const on = (path: string, ...limits: RateLimitConfig[]) => mount(rateLimit, limits, { store, method: { path } });
    const get = on("/test.v1.Test/Get", limit());
    const put = on("/test.v1.Test/Put", limit(), limit({ name: "writes", burst: 9, scope: "method" }));
    for (const { send } of [get, put, put]) await send({}, by("a"));
    for (const { send } of [get, put]) await expect(send({}, by("a"))).rejects.toMatchObject(refused);
  });

  test("a bucket that was filled under a larger burst, or by a clock ahead of this one, holds no more than its own", async () => {
    const store = overIoRedis();
    await mount(rateLimit, [limit({ perSecond: 1, burst: 1000, cost: "1000" })], { store }).send({}, by("a"));
    const error = await mount(rateLimit, [limit({ perSecond: 1, burst: 2 })], { store })
      .send({}, by("a"))
      .catch((error) => error);
    expect(Number(findDetail(error, RetryInfo)?.retryDelay?.seconds)).toBeLessThanOrEqual(1);
  });

  test("a shadow reports and admits", async () => {
    const { send } = mount(rateLimit, [limit({ burst: 1, shadow: true })], { store: overIoRedis() });
    const decisions = await decisionsOf(async () => {
      await send({}, by("a"));
      await send({}, by("a"));
    });
    expect(decisions).toMatchObject([{ policy: "rateLimit", outcome: "shadow", detail: { limit: "tenant" } }]);
  });

  test("what callers send is in no key", async () => {
    const store = overIoRedis();
    await mount(rateLimit, [limit()], { store }).send({}, by("very-secret"));
    const keys = await ioredis.keys(`${store.prefix}*`);
    expect(keys).toHaveLength(1);
    expect(keys[0]).not.toContain("secret");
  });

  test("keys expire when the bucket is full again", async () => {
    const store = overIoRedis();
    await mount(rateLimit, [limit({ perSecond: 1, burst: 5 })], { store }).send({}, by("a"));
    const [key] = await ioredis.keys(`${store.prefix}*`);
    const left = await ioredis.pttl(key as string);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(1001);
  });
});

describe("while the store is away", () => {
  const broken: StoreOptions = { eval: () => Promise.reject(new Error("connection refused")) };

  test("a replica admits its share", async () => {
    const { send } = mount(rateLimit, [limit({ burst: 4 })], { store: { ...broken, replicas: 2 } });
    const decisions = await decisionsOf(async () => {
      await send({}, by("a"));
      await send({}, by("a"));
      await expect(send({}, by("a"))).rejects.toMatchObject(refused);
    });
    expect(decisions.map(({ outcome }) => outcome)).toEqual(["storeAway", "refused"]);
  });

  test("fail_closed refuses, and says why without the store's words", async () => {
    const { send } = mount(rateLimit, [limit({ failClosed: true })], { store: broken });
    const error = (await send({}, by("a")).catch((error) => error)) as RpcError;
    expect(error).toMatchObject({ code: "UNAVAILABLE", refusedBy: "rateLimit" });
    expect(error.text).toBe(
      '/test.v1.Test/Call: the store of limit "tenant" is away, and without it no call is admitted',
    );
  });

  test("it is asked again a second later, not by every call", async () => {
    let asked = 0;
    let works = false;
    const store: StoreOptions = {
      eval: async () => {
        asked += 1;
        if (!works) throw new Error("away");
        return [0];
      },
    };
    const { send, clock } = mount(rateLimit, [limit()], { store });
    await send({}, by("a"));
    await send({}, by("a"));
    expect(asked).toBe(1);
    works = true;
    await clock.advance(1000);
    await send({}, by("a"));
    expect(asked).toBe(2);
  });

  test("a store that does not answer is not waited for, and leaves no timer", async () => {
    const clock = new FakeClock();
    const { send, seen } = mount(rateLimit, [limit()], { clock, store: { eval: () => new Promise(() => {}) } });
    const call = send({}, by("a"));
    await settled();
    expect(seen).toHaveLength(0);
    await clock.advance(50);
    await call;
    expect(seen).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test.each([
    ["nothing", undefined],
    ["too little", []],
    ["text", "OK"],
    ["null", [null]],
    ["a word", ["soon"]],
    ["no number", [Number.NaN]],
    ["a negative number", [-1]],
    ["a list", [[]]],
  ])("an answer of %s is no answer", async (_, answer) => {
    const { send } = mount(rateLimit, [limit({ failClosed: true })], { store: { eval: async () => answer } });
    await expect(send({}, by("a"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  test("a call that was cancelled meanwhile is not run", async () => {
    let answer: (waits: number[]) => void = () => {};
    const store: StoreOptions = { eval: () => new Promise((resolve) => (answer = resolve)) };
    const { send, seen } = mount(rateLimit, [limit()], { store });
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const call = send({}, { ...by("a"), signal: abort.signal });
    await settled();
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
    answer([0]);
    await settled();
    expect(seen).toHaveLength(0);
  });
});

test("what a refused call gives back is what it still holds, so the other limit never admits more than it says", async () => {
  const answers: ((waits: number[]) => void)[] = [];
  const store: StoreOptions = { eval: () => new Promise((resolve) => answers.push(resolve)), timeoutMs: 1000 };
  const here = limit({ name: "here", perSecond: 10, burst: 2, by: [], shared: false });
  const { send, clock } = mount(rateLimit, [here, limit()], { store });
  const first = send({}, by("a"));
  const outcomes: unknown[] = [];
  const later = async () => {
    const outcome = send({}, by("a")).then(
      () => "admitted",
      ({ text }) => /limit "(.+?)"/.exec(text)?.[1],
    );
    await settled();
    answers.splice(1)[0]?.([0]);
    outcomes.push(await outcome);
  };
  await clock.advance(50);
  await later();
  await clock.advance(10);
  answers[0]?.([1_000_000]);
  await expect(first).rejects.toMatchObject(refused);
  await later();
  await clock.advance(40);
  await later();
  // Two at once at 50 and 60 ms: the third has room 100 ms after the first.
  expect(outcomes).toEqual(["admitted", "admitted", "here"]);
  await clock.advance(50);
  await later();
  expect(outcomes[3]).toBe("admitted");
});

test("a shared limit without a store fails when the server is built", () => {
  expect(() => mount(rateLimit, [limit()])).toThrow(
    '/test.v1.Test/Call: rate limit "tenant" is shared between replicas, which needs a store: give serve one, or remove shared',
  );
});
