import { expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { GetDishRequest } from "../../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook, type KitchenMethods } from "../../test/over-grpc.ts";
import { frame, rawCall } from "../../test/raw-http2.ts";
import { start, targetOf } from "../../test/serving.ts";
import { codes, RpcError } from "../core/error.ts";
import { parseFields } from "../core/fields.ts";
import type { MethodFacts } from "../core/policy.ts";
import { siteFactory } from "../core/site.ts";
import type { MethodSpec, ServiceSpec } from "../core/spec.ts";
import { implement } from "../server.ts";
import { serverLayers } from "../stack.ts";
import { FakeClock, type MountOptions, mount, mountLayers, settled } from "../testing.ts";
import type { MethodPolicy } from "./index.ts";
import { type ObjectiveConfig, objective } from "./objective.ts";

const full: ObjectiveConfig = { availability: 0.999, latencyMs: 100, quantile: 0.99 };
const method = "/test.v1.Test/Call";
const failed = { policy: "objective", outcome: "failed", method, detail: undefined };
const slow = (ms: number) => ({ policy: "objective", outcome: "slow", method, detail: { ms } });

/** A method with the promise whose implementation takes its time. */
function rig(answer: () => unknown = () => ({}), { config = full, ...options }: Rig = {}) {
  const clock = new FakeClock();
  const after = (ms: number) => new Promise<void>((done) => void clock.schedule(ms, done));
  return { ...mount(objective, config, { clock, handler: answer, ...options }), after };
}
interface Rig extends MountOptions {
  readonly config?: ObjectiveConfig;
}

/** What is told of a call that is answered so late. */
async function toldAfter(ms: number, answer: () => unknown, options?: Rig): Promise<unknown[]> {
  const { send, clock, after } = rig(() => after(ms).then(answer), options);
  await clock.advance(1000);
  return decisionsOf(async () => {
    send().catch(() => {});
    await clock.advance(ms);
  });
}

const broken = () => Promise.reject(new RpcError("INTERNAL", "broken"));

test("an answer is slow when it took longer than was promised", async () => {
  expect(await toldAfter(99, () => ({}))).toEqual([]);
  expect(await toldAfter(100, () => ({}))).toEqual([]);
  expect(await toldAfter(101, () => ({}))).toEqual([slow(101)]);
});

test("without a promised latency nothing is slow", async () => {
  const config = { availability: 0.9 };
  expect(await toldAfter(1e6, () => ({}), { config })).toEqual([]);
  expect(await toldAfter(1e6, broken, { config })).toEqual([failed]);
});

test("a failure misses a promised latency as well, and is not slow besides", async () => {
  const config = { latencyMs: 100, quantile: 0.5 };
  expect(await toldAfter(1, broken, { config })).toEqual([failed]);
  expect(await toldAfter(500, broken, { config })).toEqual([failed]);
});

test.each(codes.filter((code) => code !== "OK"))("whether %s is the server's failure", async (code) => {
  const serverside = ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];
  const told = await toldAfter(1, () => Promise.reject(new RpcError(code, "no")));
  expect(told).toEqual(serverside.includes(code) ? [failed] : []);
});

test("an error that the caller gets to see as INTERNAL is a failure", async () => {
  expect(await toldAfter(1, () => Promise.reject(new TypeError("a mistake")))).toEqual([failed]);
});

test("a streamed reply counts when it begins, however long it lasts", async () => {
  const { send, clock, after } = rig(
    async () => {
      await after(100);
      return (async function* () {
        yield 1;
        await after(1e6);
      })();
    },
    { method: { kind: "serverStream" } },
  );
  const decisions = await decisionsOf(async () => {
    const reply = send();
    await clock.advance(100);
    const messages = ((await reply) as AsyncIterable<number>)[Symbol.asyncIterator]();
    await messages.next();
    const end = messages.next();
    await clock.advance(1e6);
    expect(await end).toMatchObject({ done: true });
  });
  expect(decisions).toEqual([]);
});

test("a streamed reply can begin late and fail later: that misses both promises, each once", async () => {
  const { send, clock, after } = rig(
    async () => {
      await after(101);
      // biome-ignore lint/correctness/useYield: it fails first
      return (async function* () {
        throw new RpcError("DATA_LOSS", "half of it");
      })();
    },
    { method: { kind: "serverStream" } },
  );
  const outcomes = await decisionsOf(async () => {
    const reply = send();
    await clock.advance(101);
    const messages = ((await reply) as AsyncIterable<number>)[Symbol.asyncIterator]();
    await expect(messages.next()).rejects.toMatchObject({ code: "DATA_LOSS" });
    await messages.return?.();
  });
  expect(outcomes).toEqual([slow(101), failed]);
});

/** A stream that stays open after its first message. */
const endless = () =>
  (async function* () {
    yield 1;
    await new Promise(() => {});
  })();

test("a reader that leaves a stream is no failure, its deadline is one", async () => {
  const told = (leave: boolean) => {
    const { send, clock } = rig(endless, { method: { kind: "serverStream" } });
    return decisionsOf(async () => {
      const messages = ((await send({}, { timeoutMs: 50 })) as AsyncIterable<number>)[Symbol.asyncIterator]();
      await messages.next();
      if (leave) void messages.return?.();
      else messages.next().catch(() => {});
      await clock.advance(50);
    });
  };
  expect(await told(true)).toEqual([]);
  expect(await told(false)).toEqual([failed]);
});

test("a deadline is a failure when it passes, though the implementation never answers", async () => {
  const { send, clock } = rig(() => new Promise(() => {}));
  const decisions = await decisionsOf(async () => {
    const call = send({}, { timeoutMs: 50 });
    call.catch(() => {});
    await clock.advance(49);
    await clock.advance(1);
    await expect(call).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });
  expect(decisions).toEqual([failed]);
});

test.each([["an answer", () => ({})] as const, ["a failure", broken] as const, ["a stream", endless] as const])(
  "%s that comes after the deadline changes nothing any more",
  async (_, answer) => {
    const { send, clock, after } = rig(() => after(500).then(answer), { method: { kind: "serverStream" } });
    const decisions = await decisionsOf(async () => {
      send({}, { timeoutMs: 50 }).catch(() => {});
      await clock.advance(500);
    });
    expect(decisions).toEqual([failed]);
  },
);

test("a caller who gives up was promised nothing, whatever comes after", async () => {
  const { send, clock, after } = rig(() => after(500).then(broken));
  const abort = new AbortController();
  const decisions = await decisionsOf(async () => {
    send({}, { signal: abort.signal }).catch(() => {});
    await clock.advance(400);
    abort.abort();
    await clock.advance(100);
  });
  expect(decisions).toEqual([]);
});

test.each([
  { leftMs: 26, told: [] },
  { leftMs: 25, told: [failed] },
])("a caller whose timer rings first, $leftMs ms before the deadline", async ({ leftMs, told }) => {
  const { send, clock } = rig(() => new Promise(() => {}));
  const abort = new AbortController();
  const decisions = await decisionsOf(async () => {
    const call = send({}, { signal: abort.signal, timeoutMs: 100 });
    await clock.advance(100 - leftMs);
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: "CANCELLED" });
  });
  expect(decisions).toEqual(told);
});

test("of the refusals of other policies it counts those that are the server's failure", async () => {
  const quota = { name: "all", perSecond: 1, burst: 1, by: [], cost: "1" } as const;
  const told = async (policy: MethodPolicy, calls: number) => {
    const { send } = mountLayers(serverLayers, {
      side: "server",
      method: { policy: { auth: { access: "PUBLIC", providers: [], scopes: [], audiences: [] }, ...policy } },
      handler: () => new Promise(() => {}),
    });
    const decisions = await decisionsOf(async () => {
      for (let n = 0; n < calls; n++) send().catch(() => {});
      await settled();
    });
    return decisions.filter((one) => one.policy === "objective");
  };
  const limit = { ...quota, shared: false, failClosed: false, shadow: false, scope: "method" } as const;
  const place = { max: 1, queue: 0, adaptive: "FIXED", criticality: "CRITICAL" } as const;
  expect(await told({ objective: full, rateLimit: [limit] }, 3)).toEqual([]);
  expect(await told({ objective: full, concurrency: place }, 3)).toEqual([failed, failed]);
  expect(
    await told({ objective: full, auth: { access: "DENY", providers: [], scopes: [], audiences: [] } }, 1),
  ).toEqual([]);
});

test("the clock is read twice for a promised latency, and never for availability alone", async () => {
  class Counting extends FakeClock {
    reads = 0;
    override now(): number {
      this.reads++;
      return super.now();
    }
  }
  const readsOf = async (config: ObjectiveConfig) => {
    const clock = new Counting();
    const layer = objective.server?.(config, siteFactory({ clock })(rig().method));
    const { seen, send } = mount({ name: "none" }, {});
    await send();
    await layer?.(async () => ({}))(seen[0] as (typeof seen)[0]);
    return clock.reads;
  };
  expect(await readsOf(full)).toBe(2);
  expect(await readsOf({ availability: 0.9 })).toBe(0);
});

test("what promises nothing has no layer", () => {
  const layerOf = (config: ObjectiveConfig) => objective.server?.(config, siteFactory({})(rig().method));
  expect(layerOf({})).toBeUndefined();
  expect(layerOf({ quantile: 0.9 })).toBeUndefined();
  expect(layerOf({ availability: 0.9 })).toBeDefined();
  expect(layerOf({ latencyMs: 1, quantile: 0.9 })).toBeDefined();
});

/** A kitchen whose getDish has the promise, over gRPC. */
async function promising(getDish: KitchenMethods["getDish"]) {
  const described = Kitchen.methods.getDish as MethodSpec;
  const promised: MethodSpec = { ...described, policy: { ...described.policy, objective: full } };
  const spec: ServiceSpec<Kitchen> = { ...Kitchen, methods: { ...Kitchen.methods, getDish: promised } };
  const services = [implement(spec, { ...cook, getDish } as Kitchen)];
  return start({ services, grpc: "127.0.0.1:0", onError: () => {} });
}

const overGrpc = { ...failed, method: "/test.kitchen.v1.Kitchen/GetDish" };
const dish = { name: "soup", id: 1n, withRecipe: false };

test("over gRPC, an implementation that hangs has failed at the deadline of its caller", async () => {
  const server = await promising(() => new Promise(() => {}));
  const decisions = await decisionsOf(async () => {
    const port = server.grpc?.port as number;
    // It waits for the answer: a caller that leaves at its own deadline could be the first to end the call.
    const { stream, answered } = await rawCall(port, overGrpc.method, { "grpc-timeout": "100m" });
    stream.end(frame(GetDishRequest.encode(dish).finish()));
    expect(await answered).toMatchObject({ "grpc-status": "4" });
  });
  expect(decisions).toEqual([overGrpc]);
});

test("over gRPC, an implementation that throws has failed", async () => {
  const server = await promising(() => {
    throw new TypeError("a mistake");
  });
  const kitchen = createKitchenClient(targetOf(server));
  const decisions = await decisionsOf(() => expect(kitchen.getDish(dish)).rejects.toMatchObject({ code: "INTERNAL" }));
  expect(decisions).toEqual([overGrpc]);
});

const facts: MethodFacts = {
  path: method,
  kind: "unary",
  idempotency: undefined,
  policy: { timeout: { totalMs: 5000, maxMs: 8000 } },
  field: () => undefined,
  replyProblem: () => undefined,
  sibling: () => undefined,
};
const wrong = (config: ObjectiveConfig, timeout?: object) =>
  objective.rules
    ?.filter(({ check }) => check(config, timeout ? { ...facts, policy: { timeout } } : facts))
    .map(({ id, severity }) => `${severity} ${id}`);

test.each<[string, ObjectiveConfig, object?]>([
  ["error objective/promises-nothing", {}],
  ["error objective/quantile-without-latency", { quantile: 0.9 }],
  ["error objective/quantile-without-latency", { availability: 0.9, quantile: 0.9 }],
  ["warning objective/latency-beyond-timeout", { latencyMs: 5000, quantile: 0.9 }],
  ["warning objective/latency-beyond-timeout", { latencyMs: 8000, quantile: 0.9 }, { maxMs: 8000 }],
])("%s", (id, config, timeout) => {
  expect(wrong(config, timeout)).toEqual([id]);
});

test("the rules are content with what can be kept", () => {
  expect(wrong(full)).toEqual([]);
  expect(wrong({ availability: 0.9 })).toEqual([]);
  expect(wrong({ latencyMs: 4999, quantile: 0.9 })).toEqual([]);
  expect(wrong({ latencyMs: 1e9, quantile: 0.9 }, {})).toEqual([]);
});

test("a latency without a quantile is for 99 of 100 calls; no latency, no quantile", () => {
  const fields = (options: { [option: string]: string | number }) => parseFields(objective.fields, options);
  expect(fields({ latency: "1s" })).toEqual({ latencyMs: 1000, quantile: 0.99 });
  expect(fields({ availability: 0.9 })).toEqual({ availability: 0.9 });
  expect(fields({ quantile: 0.5 })).toEqual({ quantile: 0.5 });
  for (const option of ["availability", "quantile"])
    for (const value of [0, 1, 99.9, -1]) expect(() => fields({ [option]: value })).toThrow("out of range");
});
