/** In whatever order things happen: nobody sees another's reply, or what another did to it, and memory is bounded. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Dish, GetDishRequest } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import type { Call } from "../core/call.ts";
import { RpcError } from "../core/error.ts";
import { type SiteOptions, siteFactory } from "../core/site.ts";
import { repliesOf } from "../messages/replies.ts";
import { FakeClock, mountLayers, settled } from "../testing.ts";
import { type CacheConfig, cache } from "./cache.ts";
import { fallback } from "./fallback.ts";

const callers = ["", "ann", "bob", "eve"] as const;
const dishes = ["soup", "stew"] as const;
type Side = CacheConfig["side"];

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("call" as const),
      caller: fc.nat(callers.length - 1),
      dish: fc.nat(dishes.length - 1),
      id: fc.nat(1),
      timeoutMs: fc.constantFrom(undefined, 30, 300),
      cache: fc.boolean(),
      listens: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("answer" as const), which: fc.nat(5) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("fail" as const),
      which: fc.nat(5),
      code: fc.constantFrom("UNAVAILABLE", "NOT_FOUND", "DEADLINE_EXCEEDED"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("abort" as const), which: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1, 40, 110, 500) }) },
);

const config = (side: Side) =>
  fc.record({
    ttlMs: fc.constant(100),
    staleWhileRevalidateMs: fc.constantFrom(0, 100),
    staleIfErrorMs: fc.constantFrom(0, 1000),
    coalesce: fc.boolean(),
    vary: fc.constantFrom<readonly string[]>(
      ...(side === "SERVER"
        ? [[], ["principal"], ["claim:name"], ["claim:other"], ["field:name"], ["all"], ["metadata:who", "all"]]
        : [[], ["principal"], ["field:name"], ["all"], ["field:name", "claim:x"], ["metadata:who", "all"]]),
    ),
    maxBytes: fc.constantFrom(1024, 100_000),
    side: fc.constant(side),
  });

/** How a caller makes itself known, and what a client's credentials function says meanwhile. */
type Identity = "metadata" | "credentials" | "key";

async function play(config: CacheConfig, identity: Identity, withFallback: boolean, steps: readonly StepOf[]) {
  const clock = new FakeClock();
  let acting = "";
  const credentials: SiteOptions["credentials"] =
    identity === "credentials" && config.side === "CLIENT" ? async () => acting : undefined;
  const { getDish } = Kitchen.methods as { getDish: (typeof Kitchen.methods)[string] };
  const method = { ...getDish, policy: { cache: config } };
  const site = siteFactory({ clock, credentials, report: () => {} })(method, Kitchen);
  const replies = repliesOf(site, config);
  const upstream: { call: Call; answer: (dish: Dish) => void; fail: (error: RpcError) => void }[] = [];
  const { send } = mountLayers(
    () =>
      config.side === "SERVER"
        ? [cache.server?.(config, site) ?? ((next) => next)]
        : [
            ...(withFallback
              ? [fallback.client?.({ on: ["UNAVAILABLE", "DEADLINE_EXCEEDED"], stale: true }, site) ?? ((next) => next)]
              : []),
            cache.client?.(config, site) ?? ((next) => next),
          ],
    {
      side: config.side === "SERVER" ? "server" : "client",
      clock,
      method: { path: method.path, idempotency: "NO_SIDE_EFFECTS" },
      handler: (call) => new Promise((answer, fail) => upstream.push({ call, answer, fail })),
    },
  );
  const aborts: AbortController[] = [];
  const calls: Promise<void>[] = [];
  let served = 0;

  for (const one of steps) {
    if (one.do === "call") {
      const who = callers[one.caller] as string;
      acting = who;
      const abort = new AbortController();
      aborts.push(abort);
      const request = GetDishRequest.create({ name: dishes[one.dish] as string, id: BigInt(one.id) });
      const principal = who
        ? { subject: who, provider: "p", scopes: [], audiences: [], claims: { name: who } }
        : undefined;
      const header = identity === "key" ? "x-api-key" : identity === "metadata" ? "authorization" : undefined;
      // The peer knows callers by what does not count as who calls.
      const known = { "x-request-id": who, ...(config.vary.includes("metadata:who") && { who }) };
      const reply = send(request, {
        signal: abort.signal,
        cache: one.cache,
        timeoutMs: one.timeoutMs,
        onTrailers: one.listens ? () => {} : undefined,
        ...(config.side === "SERVER" ? { principal, metadata: known } : {}),
        ...(config.side === "CLIENT" ? { metadata: { ...known, ...(header && { [header]: who }) } } : {}),
      });
      calls.push(
        (reply as Promise<Dish>).then(
          (dish) => {
            served++;
            expect(dish.name).toBe(request.name);
            if (!config.vary.includes("field:name")) expect(dish.id).toBe(request.id);
            if (!config.vary.includes("all") || config.vary.includes("metadata:who")) expect(dish.note).toBe(who);
            expect(Buffer.from(dish.photo).toString()).toBe(`photo of ${request.name}`);
            dish.photo.fill(0);
            dish.name = "spoilt";
            dish.note = "spoilt";
          },
          (error) => expect(error).toBeInstanceOf(RpcError),
        ),
      );
    } else if (one.do === "wait") await clock.advance(one.ms);
    else if (one.do === "abort") aborts[one.which % aborts.length]?.abort();
    else {
      const open = upstream[one.which % Math.max(1, upstream.length)];
      if (open && one.do === "fail") open.fail(new RpcError(one.code as "UNAVAILABLE", "no"));
      else if (open) {
        const { name, id } = open.call.request as GetDishRequest;
        const note = open.call.metadata.get("x-request-id") ?? "";
        open.answer(Dish.create({ name, id, note, photo: Buffer.from(`photo of ${name}`) }));
      }
    }
    await settled();
    expect(replies.bytes).toBeLessThanOrEqual(config.maxBytes);
  }
  for (const abort of aborts) abort.abort();
  await Promise.all(calls);
  await clock.advance(40_000);
  expect(clock.pending).toBe(0);
  return served;
}

type StepOf = typeof step extends fc.Arbitrary<infer T> ? T : never;

test.each<[Side, Identity]>([
  ["SERVER", "metadata"],
  ["CLIENT", "metadata"],
  ["CLIENT", "key"],
  ["CLIENT", "credentials"],
])(
  "no caller gets another's reply: %s, known by %s",
  async (side, identity) => {
    let served = 0;
    await fc.assert(
      fc.asyncProperty(
        config(side),
        fc.boolean(),
        fc.array(step, { minLength: 5, maxLength: 40 }),
        async (chosen, withFallback, steps) => {
          served += await play(chosen, identity, withFallback, steps);
        },
      ),
      { numRuns: 150 },
    );
    expect(served).toBeGreaterThan(100);
  },
  60_000,
);
