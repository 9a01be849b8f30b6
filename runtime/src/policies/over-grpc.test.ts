/** The policies between a real client and a real server: what must survive the wire. */
import { createHash } from "node:crypto";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook, gate, type KitchenMethods } from "../../test/over-grpc.ts";
import { start, targetOf } from "../../test/serving.ts";
import { type ClientOptions, createClient } from "../client.ts";
import { systemClock } from "../core/clock.ts";
import type { CallContext } from "../core/context.ts";
import { RpcError } from "../core/error.ts";
import { inProcess } from "../in-process.ts";
import { QuotaFailure, RetryInfo } from "../messages/details.ts";
import { findDetail } from "../messages/status.ts";
import type { ServeOptions } from "../serve/options.ts";
import { implement } from "../server.ts";
import { FakeClock } from "../testing.ts";
import { apiKeys, jwt } from "./auth.ts";
import type { MethodPolicy } from "./index.ts";

const open = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
const retry = {
  attempts: 3,
  on: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
  initialMs: 1,
  maxMs: 1,
  multiplier: 1,
  jitter: "NONE",
  attemptTimeout: false,
  budget: { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 },
} as const;
const limit = {
  name: "tenant",
  perSecond: 20,
  burst: 1,
  by: [],
  cost: "1",
  shared: false,
  failClosed: false,
  shadow: false,
  scope: "method",
} as const;
const soup = { name: "soup", id: 1n, withRecipe: false };

/** What a test may choose besides the policy and the methods. */
interface Sides {
  readonly client?: ClientOptions;
  readonly server?: Pick<ServeOptions, "auth" | "clock">;
  /** Which side has the policy; the other has none. Default: both. */
  readonly only?: "client" | "server";
}

const withPolicy = (policy: MethodPolicy): typeof Kitchen => ({
  ...Kitchen,
  methods: Object.fromEntries(Object.entries(Kitchen.methods).map(([key, method]) => [key, { ...method, policy }])),
});

/** A kitchen whose methods all have one policy, and a client of it whose connection stands. */
async function kitchen(
  policy: MethodPolicy,
  methods: Partial<KitchenMethods> = {},
  { client, server = {}, only }: Sides = {},
): Promise<Kitchen> {
  const spec = withPolicy({ auth: open, ...policy });
  const services = [implement(only === "client" ? Kitchen : spec, { ...cook, ...methods } as Kitchen)];
  const target = targetOf(await start({ services, grpc: "127.0.0.1:0", ...server }));
  // Any answer will do: the tests are about calls, and short times must not be spent on connecting.
  await Promise.allSettled([createClient(Kitchen, target).ping({})]);
  return createClient(only === "server" ? Kitchen : spec, target, client);
}

/** The same without a socket. */
function kitchenHere(policy: MethodPolicy, methods: Partial<KitchenMethods>): Kitchen {
  const spec = withPolicy({ auth: open, ...policy });
  return createClient(spec, inProcess(implement(spec, { ...cook, ...methods } as Kitchen)));
}

test("a retry heals what fails twice, and the server knows which attempt it sees", async () => {
  const attempts: number[] = [];
  const users = await kitchen(
    { retry },
    {
      async getDish({ name }, { attempt }) {
        attempts.push(attempt);
        if (attempt < 3) throw new RpcError("UNAVAILABLE", "not now");
        return Dish.create({ name });
      },
    },
  );
  expect(await users.getDish(soup)).toMatchObject({ name: "soup" });
  expect(attempts).toEqual([1, 2, 3]);
});

test.each(["over gRPC", "in process"])(
  "headers commit a call: what fails after them is not repeated, %s",
  async (way) => {
    let runs = 0;
    let headers = 0;
    const methods: Partial<KitchenMethods> = {
      async getDish(_, { responseHeaders }) {
        runs++;
        responseHeaders.set("x-cook", "ada");
        throw new RpcError("UNAVAILABLE", "the oven is off");
      },
      async ping(_, { responseHeaders }) {
        runs++;
        responseHeaders.delete("x-looked-at-but-not-set");
        throw new RpcError("UNAVAILABLE", "the clock is off");
      },
    };
    const users = way === "over gRPC" ? await kitchen({ retry }, methods) : kitchenHere({ retry }, methods);
    const onHeaders = () => {
      headers += 1;
    };
    runs = 0;
    await expect(users.getDish(soup, { onHeaders })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      text: "the oven is off",
      committed: true,
    });
    expect([runs, headers]).toEqual([1, 1]);

    runs = 0;
    await expect(users.ping({}, { onHeaders })).rejects.toMatchObject({ code: "UNAVAILABLE", committed: undefined });
    expect([runs, headers]).toEqual([3, 1]);
  },
);

test("a stream is retried until its first message, and not after it", async () => {
  let runs = 0;
  const users = await kitchen(
    { retry },
    {
      async *watchDishes() {
        runs++;
        if (runs === 1) throw new RpcError("UNAVAILABLE", "not now");
        yield Dish.create({ id: 1n });
        throw new RpcError("UNAVAILABLE", "in the middle");
      },
    },
  );
  const seen: bigint[] = [];
  const read = async () => {
    for await (const { id } of users.watchDishes({ count: 1, failAfter: 0 })) seen.push(id);
  };
  await expect(read()).rejects.toMatchObject({ code: "UNAVAILABLE", text: "in the middle" });
  expect(seen).toEqual([1n]);
  expect(runs).toBe(2);
});

test("a refused call carries when to come back, and a client that retries comes back then", async () => {
  const impatient = await kitchen({ rateLimit: [{ ...limit, perSecond: 0.01 }] });
  await impatient.getDish(soup);
  const error = (await impatient.getDish(soup).catch((error) => error)) as RpcError;
  expect(error).toMatchObject({ code: "RESOURCE_EXHAUSTED", refusedBy: undefined });
  expect(Number(error.metadata?.get("grpc-retry-pushback-ms"))).toBeGreaterThan(1000);
  expect(findDetail(error, RetryInfo)?.retryDelay?.seconds).toBeGreaterThanOrEqual(1n);
  expect(findDetail(error, QuotaFailure)?.violations[0]?.subject).toBe("rate_limit:tenant");

  const patient = await kitchen({ retry, rateLimit: [limit] });
  await patient.getDish(soup);
  expect(await patient.getDish(soup)).toMatchObject({ name: "soup" });
});

test("a refusal in this process is not repeated, not even when an implementation passes it on", async () => {
  const larder = kitchenHere({ retry, rateLimit: [{ ...limit, perSecond: 0.01 }] }, {});
  await larder.getDish(soup);
  const refused = { code: "RESOURCE_EXHAUSTED", refusedBy: "rateLimit" };
  await expect(larder.getDish(soup)).rejects.toMatchObject(refused);

  let runs = 0;
  const users = kitchenHere(
    { retry },
    {
      getDish(request, context) {
        runs++;
        return larder.getDish(request, context);
      },
    },
  );
  await expect(users.getDish(soup)).rejects.toMatchObject(refused);
  expect(runs).toBe(1);
});

test("the time of a call reaches the server, less its reserve, and ends the work there", async () => {
  const over = gate<unknown>();
  let left = 0;
  const users = await kitchen(
    { timeout: { totalMs: 1000, reserveMs: 400 } },
    {
      getDish(_, context: CallContext) {
        left = context.deadline - performance.now();
        context.cancellation.onCancel(over.open);
        return new Promise<never>(() => {});
      },
    },
  );
  await expect(users.getDish(soup, { timeoutMs: 60_000 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(left).toBeLessThanOrEqual(600);
  expect(await over.promise).toMatchObject({ code: expect.stringMatching(/DEADLINE_EXCEEDED|CANCELLED/) });
});

test("a server's max ends work for a caller who would wait for ever", async () => {
  const clock = new FakeClock();
  const started = gate();
  const over = gate<unknown>();
  const users = await kitchen(
    { timeout: { maxMs: 100 } },
    {
      getDish(_, { cancellation }: CallContext) {
        cancellation.onCancel(over.open);
        started.open();
        return new Promise<never>(() => {});
      },
    },
    { server: { clock }, only: "server" },
  );
  const call = expect(users.getDish(soup)).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    text: "/test.kitchen.v1.Kitchen/GetDish took longer than 100 ms",
  });
  await started.promise;
  await clock.advance(100);
  await call;
  expect(await over.promise).toMatchObject({ code: "DEADLINE_EXCEEDED" });
});

test.each(["client", "server"] as const)("a stream whose %s finds it silent ends on both sides", async (only) => {
  const clock = new FakeClock();
  const over = gate<unknown>();
  const users = await kitchen(
    { timeout: { idleMs: 100 } },
    {
      async *watchDishes(_, { cancellation }) {
        cancellation.onCancel(over.open);
        yield Dish.create({ id: 1n });
        await new Promise(() => {});
      },
    },
    { [only]: { clock }, only },
  );
  const reply = users.watchDishes({ count: 2, failAfter: 0 })[Symbol.asyncIterator]();
  expect((await reply.next()).value).toMatchObject({ id: 1n });
  const next = expect(reply.next()).rejects.toMatchObject({
    code: "DEADLINE_EXCEEDED",
    text: "/test.kitchen.v1.Kitchen/WatchDishes had no message for 100 ms",
  });
  await clock.advance(100);
  await next;
  await over.promise;
});

test("an attempt that hangs is cut and followed by another", async () => {
  const users = await kitchen(
    { timeout: { totalMs: 10_000, attemptMs: 500 }, retry: { ...retry, attemptTimeout: true } },
    {
      getDish({ name }, { attempt }) {
        return attempt === 1 ? new Promise<never>(() => {}) : Promise.resolve(Dish.create({ name }));
      },
    },
  );
  expect(await users.getDish(soup)).toMatchObject({ name: "soup" });
});

test("an abort during the wait for the next attempt ends the call", async () => {
  const abort = new AbortController();
  const waiting = {
    ...systemClock,
    schedule(ms: number, run: () => void) {
      setImmediate(() => abort.abort());
      return systemClock.schedule(ms, run);
    },
  };
  const users = await kitchen(
    { retry: { ...retry, initialMs: 60_000, maxMs: 60_000 } },
    {
      async getDish() {
        throw new RpcError("UNAVAILABLE", "not now");
      },
    },
    { client: { clock: waiting } },
  );
  await expect(users.getDish(soup, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
});

test("callers are known by token or key, admitted by scope, and refused with the right code", async () => {
  const secret = new Uint8Array(32).fill(1);
  const token = (scope: string) =>
    new SignJWT({ scope })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer("me")
      .setSubject("ann")
      .setExpirationTime("1h")
      .sign(secret);
  const providers = {
    users: jwt({ issuer: "me", secret }),
    robots: apiKeys({
      keys: [{ sha256: createHash("sha256").update("k").digest("hex"), subject: "bot", scopes: ["read"] }],
    }),
  };
  const auth = { access: "AUTHENTICATED", providers: [], scopes: ["read"], audiences: [] } as const;
  let scope = "read";
  const users = await kitchen(
    { auth },
    { getDish: async (_, { principal }) => Dish.create({ name: principal?.subject ?? "" }) },
    { server: { auth: { providers } }, client: { credentials: () => token(scope) } },
  );
  expect(await users.getDish(soup)).toMatchObject({ name: "ann" });
  scope = "write";
  await expect(users.getDish(soup)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  await expect(users.getDish(soup, { metadata: { authorization: "Bearer x" } })).rejects.toMatchObject({
    code: "UNAUTHENTICATED",
  });
  const withKey = { metadata: { "x-api-key": "k", authorization: "none" } };
  expect(await users.getDish(soup, withKey)).toMatchObject({ name: "bot" });

  const strangers = await kitchen({ auth }, {}, { server: { auth: { providers } } });
  await expect(strangers.getDish(soup)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  await expect(strangers.watchDishes({ count: 1, failAfter: 0 })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: "UNAUTHENTICATED",
  });
});
