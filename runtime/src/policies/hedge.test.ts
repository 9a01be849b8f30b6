import { describe, expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import type { Call } from "../core/call.ts";
import { Cancellation } from "../core/cancellation.ts";
import { type Code, RpcError, type RpcErrorOptions } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";
import { siteFactory } from "../core/site.ts";
import { FakeClock, type Mounted, type MountOptions, mount, type SendOptions, settled } from "../testing.ts";
import { type HedgeConfig, hedge } from "./hedge.ts";

const config: HedgeConfig = {
  attempts: 4,
  delayMs: 100,
  keepGoingOn: ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
  budget: { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 },
};

const failure = (code: Code = "UNAVAILABLE", options?: RpcErrorOptions) => new RpcError(code, "not now", options);
const pushed = (...values: string[]) => {
  const metadata = new Metadata();
  for (const value of values) metadata.append("grpc-retry-pushback-ms", value);
  return failure("UNAVAILABLE", { metadata });
};

/** What the peer does with an attempt: after so long it fails with an error or answers with anything else. */
type Turn = readonly [afterMs: number, outcome: unknown];
const silence: Turn = [Number.POSITIVE_INFINITY, undefined];

/** Hedges over a peer with a turn for each attempt, the last one repeated. */
function rig(turns: readonly Turn[], part: Partial<HedgeConfig> = {}, options: MountOptions = {}) {
  const clock = options.clock ?? new FakeClock();
  const starts: number[] = [];
  const mounted = mount(
    hedge,
    { ...config, ...part },
    {
      ...options,
      clock,
      handler: () => {
        const [afterMs, outcome] = turns[Math.min(starts.length, turns.length - 1)] ?? silence;
        starts.push(clock.now());
        return new Promise((resolve, reject) => {
          if (afterMs === Number.POSITIVE_INFINITY) return;
          clock.schedule(afterMs, () => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
        });
      },
    },
  );
  return { ...mounted, starts };
}

/** Makes one call and says what became of it, and when. */
async function run({ send, clock }: Mounted, options: SendOptions = {}, forMs = 5000) {
  let outcome: unknown;
  let at: number | undefined;
  const ended = (value: unknown) => {
    outcome = value;
    at = clock.now();
  };
  send({}, options).then(ended, ended);
  await clock.advance(forMs);
  return { outcome, at };
}

const reasons = (seen: readonly Call[]) => seen.map(({ cancellation }) => cancellation?.reason?.code);

test("sends the next request after each delay, and takes the first answer itself", async () => {
  const reply = { fine: true };
  const rigged = rig([silence, silence, [50, reply]]);
  const { outcome, at } = await run(rigged);
  expect(rigged.starts).toEqual([0, 100, 200]);
  expect(outcome).toBe(reply);
  expect(at).toBe(250);
  expect(rigged.seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  expect(reasons(rigged.seen)).toEqual(["CANCELLED", "CANCELLED", undefined]);
});

test("sends one request to a peer that answers in time", async () => {
  const rigged = rig([[99, "reply"]]);
  expect((await run(rigged)).outcome).toBe("reply");
  expect(rigged.starts).toEqual([0]);
  expect(rigged.clock.pending).toBe(0);
});

test("an earlier request may still win, and no later answer is heard", async () => {
  const rigged = rig([
    [250, "first"],
    [200, "second"],
    [400, failure("INTERNAL")],
  ]);
  expect((await run(rigged)).outcome).toBe("first");
  expect(rigged.starts).toEqual([0, 100, 200]);
});

test("sends no more than attempts, and then waits for those", async () => {
  const rigged = rig([silence, silence, [900, "late"]], { attempts: 3 });
  const { outcome, at } = await run(rigged);
  expect(rigged.starts).toEqual([0, 100, 200]);
  expect([outcome, at]).toEqual(["late", 1100]);
});

test("a code that is listed sends the next request at once, and its delay starts anew", async () => {
  const rigged = rig([[30, failure()], silence, silence, silence]);
  await run(rigged, { timeoutMs: 1000 });
  expect(rigged.starts).toEqual([0, 30, 130, 230]);
});

test("any other failure ends the call and cancels the rest", async () => {
  const error = failure("INTERNAL");
  const rigged = rig([silence, [20, error]]);
  const { outcome, at } = await run(rigged);
  expect(outcome).toBe(error);
  expect(at).toBe(120);
  expect(reasons(rigged.seen)[0]).toBe("CANCELLED");
  expect(rigged.starts).toEqual([0, 100]);
});

test.each([
  ["an error that is no status", new TypeError("oops")],
  ["an error after response headers, which commit the call", failure("UNAVAILABLE", { committed: true })],
])("%s ends the call", async (_, error) => {
  const layer = hedge.client?.(config, siteFactory({ clock: new FakeClock() })(mount(hedge, config).method));
  const rigged = rig([[0, "unused"]]);
  await run(rigged);
  let sent = 0;
  const reply = layer?.(() => {
    sent++;
    return Promise.reject(error);
  })(rigged.seen[0] as Call);
  await expect(reply).rejects.toBe(error);
  expect(sent).toBe(1);
});

test("when all have failed, the call fails with the last error", async () => {
  const errors = [failure(), failure(), failure(), failure()];
  const rigged = rig([
    [300, errors[0]],
    [10, errors[1]],
    [10, errors[2]],
    [10, errors[3]],
  ]);
  const { outcome } = await run(rigged);
  // The first is the last to fail.
  expect(outcome).toBe(errors[0]);
  expect(rigged.starts).toEqual([0, 100, 110, 120]);
});

test("headers end the race before the reply is there", async () => {
  const heard: (string | undefined)[] = [];
  const clock = new FakeClock();
  let sent = 0;
  const layer = hedge.client?.(config, siteFactory({ clock })(mount(hedge, config).method));
  const handler = layer?.((call) => {
    const attempt = ++sent;
    return new Promise((resolve) => {
      if (attempt === 1) return;
      clock.schedule(10, () => call.onHeaders?.(Metadata.from({ attempt: String(attempt) })));
      clock.schedule(500, () => resolve(attempt));
    });
  });
  const rigged = rig([[0, "unused"]]);
  await run(rigged);
  const onHeaders = (headers: Metadata) => heard.push(headers.get("attempt"));
  const reply = handler?.({ ...(rigged.seen[0] as Call), deadline: 5000, onHeaders });
  await clock.advance(5000);
  expect(await reply).toBe(2);
  expect(sent).toBe(2);
  expect(heard).toEqual(["2"]);
});

describe("pushback", () => {
  test.each([["-1"], ["soon"], [""], ["1.5"], ["2147483648"]])(
    "%j sends no more, and leaves those under way alone",
    async (word) => {
      const rigged = rig([
        [400, "first"],
        [10, pushed(word)],
      ]);
      expect((await run(rigged)).outcome).toBe("first");
      expect(rigged.starts).toEqual([0, 100]);
    },
  );

  test("two values send no more", async () => {
    const error = pushed("10", "10");
    const rigged = rig([[10, error]]);
    expect((await run(rigged)).outcome).toBe(error);
    expect(rigged.starts).toEqual([0]);
  });

  test("a delay holds the next request back, and the rhythm goes on from there", async () => {
    const rigged = rig([[10, pushed("250")], silence, silence, [10, "last"]]);
    expect((await run(rigged)).outcome).toBe("last");
    expect(rigged.starts).toEqual([0, 260, 360, 460]);
  });

  test("a delay also holds while other requests are under way and fail without a word", async () => {
    const rigged = rig([silence, [10, pushed("500")], silence]);
    await run(rigged, { timeoutMs: 2000 });
    expect(rigged.starts).toEqual([0, 100, 610, 710]);
    const word = rig([[150, failure()], [10, pushed("500")], silence]);
    await run(word, { timeoutMs: 2000 });
    expect(word.starts).toEqual([0, 100, 610, 710]);
  });

  test("a delay that the deadline does not allow ends the call with the error at once", async () => {
    const error = pushed("500");
    const rigged = rig([[10, error]]);
    const { outcome, at } = await run(rigged, { timeoutMs: 400 });
    expect(outcome).toBe(error);
    expect(at).toBe(10);
    expect(rigged.clock.pending).toBe(0);
  });

  test("RESOURCE_EXHAUSTED without word of when sends no more", async () => {
    const rigged = rig([
      [300, "first"],
      [10, failure("RESOURCE_EXHAUSTED")],
    ]);
    expect((await run(rigged)).outcome).toBe("first");
    expect(rigged.starts).toEqual([0, 100]);
  });
});

describe("a refusal of this process", () => {
  const refused = failure("UNAVAILABLE", { refusedBy: "circuitBreaker" });

  test("of the first request is the end", async () => {
    const rigged = rig([[0, refused]]);
    expect((await run(rigged)).outcome).toBe(refused);
    expect(rigged.starts).toEqual([0]);
  });

  test("of a later one says nothing about those under way", async () => {
    const rigged = rig([
      [300, "first"],
      [0, refused],
    ]);
    expect((await run(rigged)).outcome).toBe("first");
    expect(rigged.starts).toEqual([0, 100]);
  });
});

test("a refusal of this process is no answer: the call fails with that of the request before", async () => {
  const answered = failure();
  const refused = failure("UNAVAILABLE", { refusedBy: "circuitBreaker" });
  const rigged = rig([
    [10, answered],
    [0, refused],
  ]);
  expect(await run(rigged)).toEqual({ outcome: answered, at: 10 });
  expect(rigged.starts).toEqual([0, 10]);
});

describe("the end of the call", () => {
  test("by its deadline: nothing starts after it", async () => {
    const rigged = rig([silence]);
    const { outcome, at } = await run(rigged, { timeoutMs: 200 });
    expect(outcome).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(at).toBe(200);
    expect(rigged.starts).toEqual([0, 100]);
    expect(rigged.clock.pending).toBe(0);
  });

  test("by a cancellation: all requests are cancelled for its reason, and nothing is left", async () => {
    const cancellation = new Cancellation();
    const rigged = rig([silence]);
    const call = rigged.send({}, { cancellation });
    await rigged.clock.advance(150);
    expect(cancellation.listening).toBe(1);
    const reason = new RpcError("CANCELLED", "enough");
    cancellation.cancel(reason);
    await expect(call).rejects.toBe(reason);
    await rigged.clock.advance(5000);
    expect(rigged.starts).toEqual([0, 100]);
    expect(rigged.seen.map(({ cancellation }) => cancellation?.reason)).toEqual([reason, reason]);
    expect([rigged.clock.pending, cancellation.listening]).toEqual([0, 0]);
  });

  test("a call that is cancelled already is sent once, for the transport to refuse", async () => {
    const cancellation = new Cancellation();
    const reason = new RpcError("CANCELLED", "enough");
    cancellation.cancel(reason);
    const rigged = rig([silence]);
    expect((await run(rigged, { cancellation })).outcome).toBe(reason);
    expect(rigged.clock.pending).toBe(0);
  });

  test("a timer that is late for the deadline starts nothing, and hangs nothing", async () => {
    class Late extends FakeClock {
      override schedule(delayMs: number, run: () => void) {
        return super.schedule(delayMs + 300, run);
      }
    }
    const clock = new Late();
    const method = mount(hedge, config).method;
    const rigged = rig([[0, "unused"]]);
    await run(rigged);
    const [call] = rigged.seen as [Call];
    let sent = 0;
    const error = pushed("300");
    const handler = hedge.client?.(
      config,
      siteFactory({ clock })(method),
    )?.(() => {
      sent++;
      return Promise.reject(error);
    });
    const reply = expect(handler?.({ ...call, deadline: 400 })).rejects.toBe(error);
    await clock.advance(2000);
    await reply;
    expect(sent).toBe(1);
  });

  test("a caller may ask for one request", async () => {
    const rigged = rig([[300, "first"]]);
    expect((await run(rigged, { retry: false })).outcome).toBe("first");
    expect(rigged.starts).toEqual([0]);
  });
});

describe("a server stream", () => {
  const serverStream = { method: { kind: "serverStream" } } as const;
  const numbers = async function* (closed: () => void) {
    try {
      yield 1;
      yield 2;
    } finally {
      closed();
    }
  };

  test("is hedged until one begins; a later one is told to stop", async () => {
    let first = 0;
    let second = 0;
    const clock = new FakeClock();
    const cancellation = new Cancellation();
    let opened = 0;
    const layer = hedge.client?.(
      config,
      siteFactory({ clock })({ ...mount(hedge, config).method, kind: "serverStream" }),
    );
    const late = {
      [Symbol.asyncIterator]: () => ({
        next: numbers(() => {}).next,
        return: async () => ({ done: true as const, value: first++ }),
      }),
    };
    const handler = layer?.(
      () =>
        new Promise((resolve) => {
          if (++opened === 1) clock.schedule(500, () => resolve(late));
          else clock.schedule(10, () => resolve(numbers(() => second++)));
        }),
    );
    const rigged = rig([[0, "unused"]]);
    await run(rigged);
    const reply = handler?.({ ...(rigged.seen[0] as Call), deadline: 5000, cancellation });
    await clock.advance(1000);
    expect(opened).toBe(2);
    expect(first).toBe(1);
    const items: unknown[] = [];
    for await (const item of (await reply) as AsyncIterable<unknown>) items.push(item);
    expect(items).toEqual([1, 2]);
    expect(second).toBe(1);
    expect([clock.pending, cancellation.listening]).toEqual([0, 0]);
  });

  test("is still cancelled with its call after it began", async () => {
    const cancellation = new Cancellation();
    const rigged = rig([[0, numbers(() => {})]], {}, serverStream);
    const reply = (await (async () => {
      const sent = rigged.send({}, { cancellation });
      await rigged.clock.advance(1);
      return sent;
    })()) as AsyncIterable<unknown>;
    const items = reply[Symbol.asyncIterator]();
    expect(await items.next()).toEqual({ done: false, value: 1 });
    const reason = new RpcError("CANCELLED", "enough");
    cancellation.cancel(reason);
    expect(rigged.seen[0]?.cancellation?.reason).toBe(reason);
    await expect(items.next()).rejects.toBe(reason);
  });
});

test.each(["clientStream", "bidi"] as const)("a %s method has no hedge layer", (kind) => {
  const site = siteFactory({ clock: new FakeClock() })({ ...mount(hedge, config).method, kind });
  expect(hedge.client?.(config, site)).toBeUndefined();
});

describe("the caller hears of one request only", () => {
  const trailers = (word: string) => ({ metadata: Metadata.from({ word }) });

  test("the trailers of the one that answers", async () => {
    const heard: (string | undefined)[] = [];
    const clock = new FakeClock();
    let sent = 0;
    const mounted = mount(hedge, config, {
      clock,
      handler: ({ response }) => {
        const attempt = ++sent;
        return new Promise((resolve, reject) => {
          if (attempt === 1) clock.schedule(50, () => reject(failure("UNAVAILABLE", trailers("first"))));
          if (attempt === 3)
            clock.schedule(50, () => {
              if (response) response.trailers = Metadata.from({ word: "third" });
              resolve({});
            });
        });
      },
    });
    await run(mounted, { onTrailers: (metadata) => heard.push(metadata.get("word")) });
    expect(sent).toBe(3);
    expect(heard).toEqual(["third"]);
  });

  test("the trailers of the last that fails", async () => {
    const heard: (string | undefined)[] = [];
    const rigged = rig([
      [10, failure("UNAVAILABLE", trailers("first"))],
      [10, failure("INTERNAL", trailers("second"))],
    ]);
    await run(rigged, { onTrailers: (metadata) => heard.push(metadata.get("word")) });
    expect(heard).toEqual(["second"]);
  });

  test("a callback that throws ends the call, and nothing else", async () => {
    const rigged = rig([[10, "reply"]]);
    const oops = new Error("oops");
    const { outcome } = await run(rigged, {
      onTrailers: () => {
        throw oops;
      },
    });
    expect(outcome).toMatchObject({ code: "CANCELLED", cause: oops });
    expect(rigged.clock.pending).toBe(0);
  });
});

describe("the budget", () => {
  const tight = { budget: { ratio: 0.5, floorPerSecond: 0, windowMs: 10_000 } };

  test("pays for each request but the first, whichever way it comes about", async () => {
    const clock = new FakeClock();
    const site = siteFactory({ clock });
    const method = (name: string) => ({ clock, site, method: { path: `/shop.Shop/${name}` } });
    const slow = rig([[1000, "slow"]], tight, method("A"));
    const failing = rig([[10, failure()]], tight, method("B"));
    expect((await run(slow)).outcome).toBe("slow");
    expect((await run(failing)).outcome).toMatchObject({ code: "UNAVAILABLE" });
    // Half a request per call: the two calls of the shop pay for one.
    expect([slow.starts.length, failing.starts.length]).toEqual([1, 2]);
  });

  test("that is empty ends no request under way", async () => {
    const none = { budget: { ratio: 0.001, floorPerSecond: 0, windowMs: 10_000 } };
    const rigged = rig([[1000, "slow"]], none);
    const decisions = await decisionsOf(async () => {
      expect((await run(rigged)).outcome).toBe("slow");
    });
    expect(decisions.map(({ outcome }) => outcome)).toEqual(["throttled"]);
  });
});

test("says what it does", async () => {
  const rigged = rig([silence, [10, failure()], [10, "third"]]);
  const decisions = await decisionsOf(() => run(rigged));
  const at = { policy: "hedge", method: "/test.v1.Test/Call" };
  expect(decisions).toEqual([
    { ...at, outcome: "sent", detail: { attempt: 2 } },
    { ...at, outcome: "sent", detail: { attempt: 3 } },
    { ...at, outcome: "won", detail: { attempt: 3 } },
  ]);
});

test("settled promises leave nothing behind", async () => {
  const cancellation = new Cancellation();
  const rigged = rig([[150, "reply"]]);
  await run(rigged, { cancellation, timeoutMs: 1000 });
  await settled();
  expect([rigged.clock.pending, cancellation.listening]).toEqual([0, 0]);
});
