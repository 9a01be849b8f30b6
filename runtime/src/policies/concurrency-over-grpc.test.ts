/** Concurrency between real clients and real servers: what must survive the wire, and travel from hop to hop. */
import { expect, test } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook, gate, type KitchenMethods } from "../../test/over-grpc.ts";
import { start, targetOf } from "../../test/serving.ts";
import { createClient } from "../client.ts";
import { systemClock } from "../core/clock.ts";
import type { CallContext, CallOptions } from "../core/context.ts";
import type { Criticality } from "../core/criticality.ts";
import { implement } from "../server.ts";
import type { ConcurrencyConfig } from "./concurrency.ts";
import type { MethodPolicy } from "./index.ts";

const open = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
const soup = { name: "soup", id: 1n, withRecipe: false };
/** The real time, but not the measure of this machine's load. */
const clock = { ...systemClock };

const config = (part: Partial<ConcurrencyConfig>): ConcurrencyConfig => ({
  queue: 0,
  adaptive: "FIXED",
  criticality: "CRITICAL",
  ...part,
});

const withPolicy = (policy: MethodPolicy): typeof Kitchen => ({
  ...Kitchen,
  methods: Object.fromEntries(
    Object.entries(Kitchen.methods).map(([key, method]) => [key, { ...method, policy: { auth: open, ...policy } }]),
  ),
});

/** A kitchen behind a socket, under a policy of concurrency. */
async function serving(part: Partial<ConcurrencyConfig> | undefined, methods: Partial<KitchenMethods>) {
  const spec = withPolicy(part ? { concurrency: config(part) } : {});
  const server = await start({
    services: [implement(spec, { ...cook, ...methods } as Kitchen)],
    grpc: "127.0.0.1:0",
    clock,
  });
  return { target: targetOf(server), spec };
}

/** Calls that stay inside until they are let go, and a promise for each beginning. */
function held() {
  const arrivals = [gate<void>(), gate<void>(), gate<void>()];
  const ends = arrivals.map(() => gate<void>());
  let begun = 0;
  return {
    arrivals,
    ends,
    begun: () => begun,
    async enter(): Promise<void> {
      const n = begun++;
      arrivals[n]?.open();
      await ends[n]?.promise;
    },
  };
}

test("a full method refuses over the wire, and a queued call gets the place of one that has ended", async () => {
  const inside = held();
  const { target } = await serving(
    { max: 1, queue: 1 },
    {
      async getDish({ name }) {
        await inside.enter();
        return Dish.create({ name });
      },
    },
  );
  const users = createKitchenClient(target);
  const first = users.getDish({ ...soup, name: "first" });
  await inside.arrivals[0]?.promise;
  // One of the two gets the place in the queue, whichever arrives first.
  const others = [users.getDish(soup), users.getDish(soup)];
  const error = await Promise.any(
    others.map((call) =>
      call.then(
        () => Promise.reject(),
        (error: unknown) => error,
      ),
    ),
  );
  expect(error).toMatchObject({
    code: "UNAVAILABLE",
    text: "/test.kitchen.v1.Kitchen/GetDish is full, and so is its queue: 1 at once is its limit; call another instance, or again later",
    refusedBy: undefined,
  });
  expect(inside.begun()).toBe(1);
  inside.ends[0]?.open();
  await inside.arrivals[1]?.promise;
  inside.ends[1]?.open();
  expect(await first).toMatchObject({ name: "first" });
  const outcomes = await Promise.allSettled(others);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
});

test("a client that gives up frees its place, in the queue and inside, and its deadline does so too", async () => {
  const inside = held();
  const { target } = await serving(
    { max: 1, queue: 2 },
    {
      async getDish() {
        await inside.enter();
        return Dish.create();
      },
    },
  );
  const users = createKitchenClient(target);
  const controller = new AbortController();
  const first = users.getDish(soup, { signal: controller.signal });
  await inside.arrivals[0]?.promise;
  // Its deadline passes in the queue.
  await expect(users.getDish(soup, { timeoutMs: 30 })).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(inside.begun()).toBe(1);
  // The one inside makes room by giving up, though its work goes on; the one that was late is no more in the queue.
  const next = users.getDish(soup);
  controller.abort();
  await expect(first).rejects.toMatchObject({ code: "CANCELLED" });
  await inside.arrivals[1]?.promise;
  inside.ends[1]?.open();
  await next;
  expect(inside.begun()).toBe(2);
});

test("a stream holds its place until its reader leaves", async () => {
  const { target } = await serving(
    { max: 1 },
    {
      async *watchDishes() {
        for (let id = 1n; ; id++) {
          yield Dish.create({ id });
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    },
  );
  const users = createKitchenClient(target);
  const stream = users.watchDishes({ count: 1, failAfter: 0 })[Symbol.asyncIterator]();
  expect((await stream.next()).value).toMatchObject({ id: 1n });
  const refused = users.watchDishes({ count: 1, failAfter: 0 })[Symbol.asyncIterator]();
  await expect(refused.next()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await stream.return?.();

  // The server hears of the end when the frame arrives: ask until it has.
  let value: unknown;
  for (let tries = 0; value === undefined && tries < 1000; tries++) {
    const next = users.watchDishes({ count: 1, failAfter: 0 })[Symbol.asyncIterator]();
    value = (await next.next().catch(() => undefined))?.value;
    await next.return?.();
  }
  expect(value).toMatchObject({ id: 1n });
});

/** How a client's call arrives at B, when A calls B for it with what its implementation makes of its context. */
async function throughTwo(
  a: Partial<ConcurrencyConfig> | undefined,
  b: Partial<ConcurrencyConfig> | undefined,
  options: CallOptions,
  make: (context: CallContext) => CallOptions = (context) => context,
) {
  const seen: (string | undefined)[] = [];
  const see = ({ requestMetadata }: CallContext) => void seen.push(requestMetadata.get("x-mesh-criticality"));
  const inner = await serving(b, {
    async getDish(_, context) {
      see(context);
      return Dish.create();
    },
  });
  const next = createClient(inner.spec, inner.target);
  const outer = await serving(a, {
    async getDish(request, context) {
      see(context);
      return next.getDish(request, make(context));
    },
  });
  await createKitchenClient(outer.target).getDish(soup, options);
  return seen;
}

type Policy = Partial<ConcurrencyConfig> | undefined;
const at = (criticality: Criticality) => ({ criticality });

test.each<[string, Policy, Policy, CallOptions, (string | undefined)[]]>([
  ["nobody says anything", undefined, undefined, {}, [undefined, undefined]],
  ["the caller's option", undefined, undefined, at("SHEDDABLE"), ["SHEDDABLE", "SHEDDABLE"]],
  ["the option under a limit", { max: 5 }, { max: 5 }, at("SHEDDABLE"), ["SHEDDABLE", "SHEDDABLE"]],
  [
    "the first method's, for the second too",
    at("SHEDDABLE_PLUS"),
    at("CRITICAL_PLUS"),
    {},
    ["SHEDDABLE_PLUS", "SHEDDABLE_PLUS"],
  ],
  ["the second method's", at("CRITICAL_PLUS"), at("SHEDDABLE"), {}, ["CRITICAL_PLUS", "SHEDDABLE"]],
  ["more than the method allows", { max: 5 }, at("CRITICAL_PLUS"), at("CRITICAL_PLUS"), ["CRITICAL", "CRITICAL"]],
  ["the default does not rise either", { max: 5 }, at("CRITICAL_PLUS"), {}, ["CRITICAL", "CRITICAL"]],
  ["what all allow", at("CRITICAL_PLUS"), at("CRITICAL_PLUS"), at("CRITICAL_PLUS"), ["CRITICAL_PLUS", "CRITICAL_PLUS"]],
  ["no claim", undefined, { max: 5 }, { metadata: { "x-mesh-criticality": "very" } }, ["very", "CRITICAL"]],
])("criticality from hop to hop: %s", async (_, a, b, options, seen) => {
  expect(await throughTwo(a, b, options)).toEqual(seen);
});

test.each<[string, (context: CallContext) => CallOptions]>([
  ["an option", (context) => ({ ...context, criticality: "CRITICAL_PLUS" })],
  ["metadata", (context) => ({ ...context, metadata: { "x-mesh-criticality": "CRITICAL_PLUS" } })],
])("an implementation cannot lift by %s what its caller has lowered", async (_, make) => {
  const seen = await throughTwo({ max: 5 }, at("CRITICAL_PLUS"), at("SHEDDABLE"), make);
  expect(seen).toEqual(["SHEDDABLE", "SHEDDABLE"]);
});

test("an implementation can lower it further", async () => {
  const lower = (context: CallContext): CallOptions => ({ ...context, criticality: "SHEDDABLE" });
  expect(await throughTwo({ max: 5 }, { max: 5 }, {}, lower)).toEqual(["CRITICAL", "SHEDDABLE"]);
});
