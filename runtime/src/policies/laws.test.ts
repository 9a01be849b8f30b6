/** What holds for the layers of every policy, on both sides. A new policy joins by its sample config. */
import { describe, expect, test } from "vitest";
import { ruledCodec, ruledService } from "../../test/ruled.ts";
import type { Call } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import { RpcError } from "../core/error.ts";
import type { Handler } from "../core/layer.ts";
import { Metadata } from "../core/metadata.ts";
import { siteFactory } from "../core/site.ts";
import type { Codec, MethodKind, MethodSpec, ServiceSpec } from "../core/spec.ts";
import { clientLayers, clientOrder, serverLayers, serverOrder } from "../stack.ts";
import { FakeClock, mount, settled } from "../testing.ts";
import type { FaultConfig } from "./fault.ts";
import type { MethodPolicy, policies } from "./index.ts";

const limit = {
  name: "all",
  perSecond: 1,
  burst: 100,
  by: ["metadata:k"],
  cost: "1",
  shared: false,
  failClosed: false,
  shadow: false,
  scope: "method",
} as const;

/** A config of each policy with everything switched on, and one that refuses, where there is such a thing. */
interface Sample<Config> {
  readonly busy: Config;
  /** What the server's layer gets instead of `busy`, when a config is for one side. */
  readonly busyServer?: Config;
  readonly refusing?: Config;
  /** What the method must be for the policy to have a layer. Default: any unary method. */
  readonly method?: Partial<MethodSpec>;
  /** The service that has the method. Default: none. */
  readonly service?: ServiceSpec;
}

const codes = ["UNAVAILABLE"] as const;

/** Draws for every call, and hits none. */
const fault = { delay: { ms: 10, percent: 0 }, abort: { code: "UNAVAILABLE", percent: 0 }, maxActive: 1 } as const;

const samples: { readonly [Name in keyof typeof policies]: Sample<MethodPolicy[Name]> } & {
  fault: Sample<FaultConfig>;
} = {
  timeout: { busy: { totalMs: 500, maxMs: 400, attemptMs: 300, idleMs: 200, reserveMs: 10 }, refusing: {} },
  retry: {
    busy: {
      attempts: 3,
      on: ["UNAVAILABLE"],
      initialMs: 10,
      maxMs: 100,
      multiplier: 2,
      jitter: "NONE",
      attemptTimeout: true,
      budget: { ratio: 1, floorPerSecond: 10, windowMs: 1000 },
    },
  },
  rateLimit: { busy: [limit], refusing: [{ ...limit, cost: "field:n", by: [], burst: 1 }] },
  auth: {
    busy: { access: "AUTHENTICATED", providers: [], scopes: ["read"], audiences: [] },
    refusing: { access: "AUTHENTICATED", providers: [], scopes: ["write"], audiences: [], rule: "false" },
    method: { authRule: { cel: "false", allows: () => false } },
  },
  hedge: {
    busy: {
      attempts: 3,
      delayMs: 10,
      keepGoingOn: codes,
      budget: { ratio: 1, floorPerSecond: 10, windowMs: 1000 },
    },
  },
  idempotency: { busy: { key: "metadata:idempotency-key", windowMs: 1000 } },
  concurrency: {
    busy: { max: 10, min: 1, queue: 1, adaptive: "GRADIENT", criticality: "SHEDDABLE" },
    refusing: { max: 0, queue: 0, adaptive: "FIXED", criticality: "CRITICAL" },
  },
  circuitBreaker: {
    busy: {
      adaptive: false,
      ratio: 0.5,
      minCalls: 20,
      windowMs: 1000,
      openMs: 1000,
      probes: 1,
      on: codes,
      slowMs: 500,
      force: "NONE",
    },
    refusing: {
      adaptive: false,
      ratio: 0.5,
      minCalls: 20,
      windowMs: 1000,
      openMs: 1000,
      probes: 1,
      on: codes,
      force: "OPEN",
    },
  },
  cache: {
    busy: {
      ttlMs: 1000,
      staleWhileRevalidateMs: 1000,
      staleIfErrorMs: 1000,
      vary: [],
      coalesce: true,
      side: "CLIENT",
      maxBytes: 1_000_000,
    },
    method: { idempotency: "NO_SIDE_EFFECTS" },
  },
  fallback: { busy: { on: codes, method: "Other" } },
  limits: { busy: { messages: 10 } },
  balance: { busy: { picker: "RING_HASH", hashBy: "metadata:tenant" } },
  compression: { busy: { request: "GZIP", minBytes: 1024 } },
  validation: { busy: {}, method: { request: ruledCodec }, service: ruledService },
  http: { busy: { successStatus: 201 } },
  objective: { busy: { availability: 0.999, latencyMs: 100, quantile: 0.99 } },
  fault: { busy: { ...fault, side: "CLIENT" }, busyServer: { ...fault, side: "SERVER" } },
};

const ann = { subject: "ann", provider: "users", scopes: ["read"], audiences: [], claims: {} };
const authProviders = new Map([["users", { authenticate: async () => ann }]]);
const credentials = async () => "token";

const installed = [
  ...clientOrder.map(({ row }) => ({ side: "client" as const, row })),
  ...serverOrder.map(({ row }) => ({ side: "server" as const, row })),
]
  .filter(({ side, row }) => side in row)
  .map(({ side, row }, n) => ({ side, row, title: `${row.name} as layer ${n + 1}, of a ${side}` }));

const sampleOf = (row: { readonly name: string }): Sample<unknown> => samples[row.name as keyof typeof samples];

/** Messages are JSON, for layers that keep bytes. */
const json: Codec = {
  typeName: "test.v1.Message",
  encode: (message) => Buffer.from(JSON.stringify(message)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
};
const base: MethodSpec = { ...mount({ name: "none" }, {}).method, request: json, reply: json };

const kinds: readonly MethodKind[] = ["unary", "serverStream", "clientStream", "bidi"];

/** A layer around a handler, and one call through it, with nothing else that could hold or free anything. */
function rig(
  { side, row }: (typeof installed)[number],
  kind: MethodKind,
  handler: Handler,
  config: unknown = (side === "server" && sampleOf(row).busyServer) || sampleOf(row).busy,
) {
  const clock = new FakeClock();
  const method: MethodSpec = { ...base, kind, ...sampleOf(row).method, policy: { [row.name]: config } };
  const site = siteFactory({ clock, random: () => 0.5, authProviders, credentials, sibling: () => never })(
    method,
    sampleOf(row).service,
  );
  const layer = row[side]?.(config, site);
  const cancellation = new Cancellation();
  const call: Call = {
    method,
    request: kind === "clientStream" || kind === "bidi" ? numbers() : { n: 5 },
    metadata: new Metadata(),
    deadline: 1000,
    attempt: 1,
    cancellation,
    retry: true,
    cache: true,
  };
  const run = (change: Partial<Call> = {}) => (layer ? layer(handler) : handler)({ ...call, ...change });
  return { clock, cancellation, run, leftovers: () => ({ timers: clock.pending, listeners: cancellation.listening }) };
}

const clean = { timers: 0, listeners: 0 };

async function* numbers(): AsyncGenerator<number> {
  yield 1;
  yield 2;
  yield 3;
}

/** A stream that stays open after its first message. */
const open = (): AsyncIterable<number> => ({
  [Symbol.asyncIterator]() {
    const rest: Promise<IteratorResult<number>>[] = [Promise.resolve({ done: false, value: 1 })];
    return {
      next: () => rest.pop() ?? new Promise(() => {}),
      return: async () => ({ done: true, value: undefined }),
    };
  },
});

const iterate = (reply: unknown) => (reply as AsyncIterable<unknown>)[Symbol.asyncIterator]();
const never: Handler = () => new Promise(() => {});

describe.each(installed)("$title", (place) => {
  const { row, side } = place;

  test.each(["unary", "clientStream"] as const)("passes the reply of a %s call by identity", async (kind) => {
    const reply = { some: "reply" };
    const { run, leftovers } = rig(place, kind, async () => reply);
    expect(await run()).toBe(reply);
    expect(leftovers()).toEqual(clean);
  });

  test("passes the request message by identity", async () => {
    const request = { n: 1 };
    let seen: unknown;
    const { run } = rig(place, "unary", async (call) => {
      seen = call.request;
      return {};
    });
    await run({ request });
    expect(seen).toBe(request);
  });

  test.each(kinds)("passes the error of a %s call by identity", async (kind) => {
    const error = new RpcError("INTERNAL", "broken");
    const { run, leftovers } = rig(place, kind, () => Promise.reject(error));
    await expect(run()).rejects.toBe(error);
    expect(leftovers()).toEqual(clean);
  });

  test.each(["serverStream", "bidi"] as const)(
    "passes the messages of a %s reply one by one, unread ones unmade",
    async (kind) => {
      let made = 0;
      const messages = [{ n: 1 }, { n: 2 }, { n: 3 }];
      const { run, leftovers } = rig(place, kind, async () =>
        (async function* () {
          for (const message of messages) {
            made++;
            yield message;
          }
        })(),
      );
      const reply = iterate(await run());
      for (const [n, message] of messages.entries()) {
        expect((await reply.next()).value).toBe(message);
        expect(made).toBe(n + 1);
      }
      expect((await reply.next()).done).toBe(true);
      expect(leftovers()).toEqual(clean);
    },
  );

  test.each(["clientStream", "bidi"] as const)("does not read ahead in the requests of a %s call", async (kind) => {
    let made = 0;
    const request = (async function* () {
      for (;;) yield ++made;
    })();
    const { run } = rig(place, kind, async (call) => {
      const source = iterate(call.request);
      await source.next();
      await settled();
      expect(made).toBe(1);
      await source.return?.();
      return kind === "bidi" ? numbers() : {};
    });
    await run({ request });
  });

  test("passes the error of a stream by identity", async () => {
    const error = new RpcError("INTERNAL", "broken");
    const { run, leftovers } = rig(place, "serverStream", async () =>
      (async function* () {
        yield 1;
        throw error;
      })(),
    );
    const reply = iterate(await run());
    await reply.next();
    await expect(reply.next()).rejects.toBe(error);
    expect(leftovers()).toEqual(clean);
  });

  test("tells the source of a stream when its reader leaves", async () => {
    let closed = false;
    const { run, leftovers } = rig(place, "serverStream", async () =>
      (async function* () {
        try {
          yield* numbers();
        } finally {
          closed = true;
        }
      })(),
    );
    const reply = iterate(await run());
    await reply.next();
    await reply.return?.();
    await settled();
    expect(closed).toBe(true);
    expect(leftovers()).toEqual(clean);
  });

  test.each(kinds)("holds nothing after a %s call was cancelled before it was answered", async (kind) => {
    const { run, cancellation, leftovers, clock } = rig(place, kind, never);
    const call = run();
    call.catch(() => {});
    await settled();
    cancellation.cancel(new RpcError("CANCELLED", "enough"));
    await settled();
    expect(leftovers()).toEqual(clean);
    await clock.advance(5000);
    expect(leftovers()).toEqual(clean);
  });

  test("holds nothing after a stream was cancelled that nobody reads", async () => {
    const { run, cancellation, leftovers } = rig(place, "serverStream", async () => open());
    await run();
    cancellation.cancel(new RpcError("CANCELLED", "enough"));
    await settled();
    expect(leftovers()).toEqual(clean);
  });

  test("holds nothing after a stream was cancelled in the middle", async () => {
    const { run, cancellation, leftovers } = rig(place, "serverStream", async () => open());
    const reply = iterate(await run());
    await reply.next();
    reply.next().catch(() => {});
    cancellation.cancel(new RpcError("CANCELLED", "enough"));
    await settled();
    expect(leftovers()).toEqual(clean);
  });

  test.each(kinds)(
    "holds no timer when the time of a %s call is over, though nobody answers or listens",
    async (kind) => {
      const { run, clock, cancellation } = rig(place, kind, never);
      run().catch(() => {});
      clock.schedule(1000, () => cancellation.cancel(new RpcError("DEADLINE_EXCEEDED", "too late")));
      await clock.advance(1000);
      expect(clock.pending).toBe(0);
      expect(cancellation.listening).toBe(0);
    },
  );

  test("a call that is cancelled already leaves nothing behind", async () => {
    const { run, cancellation, leftovers } = rig(place, "bidi", async () => numbers());
    cancellation.cancel(new RpcError("CANCELLED", "enough"));
    const reply = await run().catch(() => undefined);
    if (reply) await iterate(reply).return?.();
    await settled();
    expect(leftovers()).toEqual(clean);
  });

  const { refusing } = sampleOf(row);
  // A policy with a layer on a server refuses there, with whatever else it has on a client.
  if (
    refusing &&
    (side === "server" || !serverOrder.some((other) => other.row.name === row.name && "server" in other.row))
  )
    test("says of a refusal whose it is, without a stack, and reaches nobody", async () => {
      let reached = false;
      const handler: Handler = async () => {
        reached = true;
        return {};
      };
      const { run, leftovers } = rig(place, "unary", handler, refusing);
      const error = (await run({ deadline: row.name === "timeout" ? 0 : 1000 }).catch((error) => error)) as RpcError;
      expect(error).toMatchObject({ refusedBy: row.name });
      expect(String(error.stack)).not.toMatch(/\n\s+at /);
      expect(reached).toBe(false);
      expect(leftovers()).toEqual(clean);
    });

  test("is not in the stack of a method that does not set it", () => {
    const layersOf = side === "client" ? clientLayers : serverLayers;
    const layers = (policy: MethodPolicy) =>
      layersOf(
        siteFactory({ authProviders })({ ...base, kind: "bidi", policy: { auth: samples.auth.busy, ...policy } }),
      ).length;
    const without = layers({});
    // Auth alone has a config for methods that set none; it is the layer that is always there.
    expect(without).toBe(side === "server" ? 1 : 0);
  });
});
