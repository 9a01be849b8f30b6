import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { folderWith, kitchenSpec } from "../test/config/files.ts";
import { decisionsOf } from "../test/decisions.ts";
import { Dish } from "../test/kitchen/kitchen.ts";
import { Kitchen } from "../test/kitchen/kitchen_mesh.ts";
import { collect, gate } from "../test/over-grpc.ts";
import { kitchenWith, start } from "../test/serving.ts";
import { createClient } from "./client.ts";
import { loadConfig } from "./config/load.ts";
import type { Call } from "./core/call.ts";
import { Cancellation } from "./core/cancellation.ts";
import { RpcError } from "./core/error.ts";
import type { Handler } from "./core/layer.ts";
import type { PolicySource } from "./core/policy-source.ts";
import { siteFactory } from "./core/site.ts";
import type { Target } from "./core/target.ts";
import type { MethodPolicy } from "./policies/index.ts";
import { FakeClock, mount, settled } from "./testing.ts";
import { type MirrorConfig, mirrorTraffic, type SplitConfig, splitTraffic } from "./traffic.ts";

const { method } = mount({ name: "none" }, {});

/** A call, as a client starts it. */
async function callWith(headers: { [name: string]: string } = {}, options: object = {}): Promise<Call> {
  const { send, seen } = mount({ name: "none" }, {});
  await send({}, { metadata: headers, ...options });
  return seen[0] as Call;
}

/** A split whose handlers answer with the name of their target. */
function split(config: SplitConfig, random = () => 0.5): (call: Call) => Promise<unknown> {
  const site = siteFactory({ random, clock: new FakeClock() })(method);
  return splitTraffic(config, site, (target) => () => Promise.resolve(target));
}

const shares = (weights: { [target: string]: number }) =>
  Object.entries(weights).map(([target, weight]) => ({ target, weight }));

test("by chance, in the shares of the weights", async () => {
  const call = await callWith();
  const draws = [0, 0.24, 0.25, 0.5, 0.9999];
  const answers = draws.map((draw) => split({ targets: shares({ a: 1, b: 3 }) }, () => draw)(call));
  expect(await Promise.all(answers)).toEqual(["a", "a", "b", "b", "b"]);
});

test("the target that the caller names wins; a name that is not in the split counts for nothing", async () => {
  const send = split({ targets: shares({ a: 1, b: 3 }), header: "x-to", sticky: "metadata:x-user" }, () => 0);
  const decisions = await decisionsOf(async () => {
    expect(await send(await callWith({ "x-to": "b" }))).toBe("b");
    expect(await send(await callWith({ "x-to": "c" }))).toBe("a");
    await send(await callWith({ "x-user": "ada" }));
  });
  expect(decisions.map(({ detail }) => detail?.by)).toEqual(["header", "weight", "sticky"]);
  expect(decisions[0]).toEqual({
    policy: "split",
    outcome: "chosen",
    method: method.path,
    detail: { target: "b", by: "header" },
  });
});

const users = Array.from({ length: 4000 }, (_, n) => `user-${n}`);

/** Where each user's calls go. */
async function homes(weights: { [target: string]: number }): Promise<unknown[]> {
  const send = split({ targets: shares(weights), sticky: "metadata:x-user" });
  const call = await callWith();
  const of = (user: string) => {
    const metadata = call.metadata.clone();
    metadata.set("x-user", user);
    return send({ ...call, metadata });
  };
  return Promise.all(users.map(of));
}

test("a caller stays where it is, in the shares of the weights", async () => {
  const before = await homes({ a: 90, b: 10 });
  expect(await homes({ b: 10, a: 90 })).toEqual(before);
  const share = before.filter((home) => home === "b").length / users.length;
  expect(share).toBeGreaterThan(0.08);
  expect(share).toBeLessThan(0.12);
});

test("a changed weight moves callers to or from its target alone, and as few as can be", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 1, max: 50 }),
      async ([a = 1, b = 1, c = 1], more) => {
        const [before, after] = [await homes({ a, b, c }), await homes({ a, b, c: c + more })];
        const moved = [...users.keys()].filter((n) => before[n] !== after[n]);
        expect(moved.filter((n) => after[n] !== "c")).toEqual([]);
        const due = (c + more) / (a + b + c + more) - c / (a + b + c);
        expect(moved.length / users.length).toBeLessThan(due + 0.05);
      },
    ),
    { numRuns: 15 },
  );
});

/** A mirrored call whose copies a test answers. */
function mirror(config: Partial<MirrorConfig>, copy: Handler, random = () => 0) {
  const clock = new FakeClock();
  const site = siteFactory({ random, clock });
  const build = () =>
    mirrorTraffic(
      { target: "shadow", percent: 100, maxActive: 2, allowSideEffects: false, ...config },
      site(method),
      async () => "real",
      copy,
    );
  return { clock, send: build(), again: build };
}

test("a copy is marked, has the call's deadline and no listener, and is sent once for all attempts", async () => {
  const copies: Call[] = [];
  const { send, clock } = mirror({}, async (call) => copies.push(call));
  const cancellation = new Cancellation();
  const call = await callWith({ "x-user": "ada" }, { timeoutMs: 500, onHeaders() {}, onTrailers() {}, cancellation });
  expect(await send(call)).toBe("real");
  await send({ ...call, attempt: 2 });
  await send({ ...call, deadline: Number.POSITIVE_INFINITY });
  expect(copies).toHaveLength(2);
  const [copy, unbounded] = copies as [Call, Call];
  expect([...copy.metadata]).toEqual([
    ["x-user", "ada"],
    ["x-mesh-mirror", "1"],
  ]);
  expect(call.metadata.get("x-mesh-mirror")).toBeUndefined();
  expect(copy).toMatchObject({
    deadline: call.deadline,
    cancellation: undefined,
    onHeaders: undefined,
    onTrailers: undefined,
  });
  expect(unbounded.deadline).toBe(clock.now() + 10_000);
});

test("a call neither waits for its copy nor fails with it", async () => {
  const call = await callWith();
  const silent = mirror({}, () => new Promise(() => {}));
  expect(await silent.send(call)).toBe("real");
  const decisions = await decisionsOf(async () => {
    const failing = mirror({}, () => Promise.reject(new RpcError("UNAVAILABLE", "no")));
    expect(await failing.send(call)).toBe("real");
    await settled();
  });
  expect(decisions.map(({ outcome }) => outcome)).toEqual(["sent", "failed"]);
  expect(decisions[1]?.detail).toEqual({ target: "shadow", code: "UNAVAILABLE" });
});

test("a copy that cannot even be started fails alone, and leaves its place", async () => {
  const { send } = mirror({ maxActive: 1 }, () => {
    throw new TypeError("no such method");
  });
  const decisions = await decisionsOf(async () => {
    for (let n = 0; n < 2; n++) {
      expect(await send(await callWith())).toBe("real");
      await settled();
    }
  });
  expect(decisions.map(({ outcome }) => outcome)).toEqual(["sent", "failed", "sent", "failed"]);
});

test("so many copies run at once, at most, also across a change of the policy", async () => {
  const waiting: (() => void)[] = [];
  let copies = 0;
  const { send, again } = mirror({}, () => {
    copies += 1;
    return new Promise((resolve) => waiting.push(() => resolve({})));
  });
  const call = await callWith();
  const decisions = await decisionsOf(async () => {
    await send(call);
    await send(call);
    await again()(call);
  });
  expect(decisions.map(({ outcome }) => outcome)).toEqual(["sent", "sent", "dropped"]);
  for (const end of waiting) end();
  await settled();
  await send(call);
  expect(copies).toBe(3);
});

test("the percentage decides by chance", async () => {
  const call = await callWith();
  for (const [draw, sent] of [
    [0.0999, 1],
    [0.1, 0],
  ] as const) {
    let copies = 0;
    await mirror(
      { percent: 10 },
      async () => (copies += 1),
      () => draw,
    ).send(call);
    expect(copies).toBe(sent);
  }
});

test("streamed replies to a copy are read to their end, and one that fails ends quietly", async () => {
  let read = 0;
  const { send } = mirror({}, async () =>
    (async function* () {
      for (; read < 3; read++) yield {};
      throw new RpcError("ABORTED", "no");
    })(),
  );
  const decisions = await decisionsOf(async () => {
    await send(await callWith());
    await settled();
  });
  expect(read).toBe(3);
  expect(decisions.map(({ outcome }) => outcome)).toEqual(["sent", "failed"]);
});

/** A client whose calls of GetDish go to the target that the header x-to names, which answers with its name. */
async function splitClient(generated: MethodPolicy, answer: (name: string) => unknown) {
  const targets = ["a", "b"].map((name) => ({ name, address: `${name}:1` }));
  const even = targets.map(({ name }) => ({ target: name, weight: 1 }));
  const overrides = [{ match: "test.kitchen.v1.Kitchen", split: { targets: even, header: "x-to" } }];
  const env = { MESH__TARGETS: JSON.stringify(targets), MESH__OVERRIDES: JSON.stringify(overrides) };
  const { policies } = await loadConfig({ args: [], env });
  const target = (name: string): Target => ({
    name,
    local: false,
    handler: () => async () => answer(name),
    close: async () => {},
  });
  const source: PolicySource = {
    version: 0,
    bind: (service) => policies.bind(service),
    methodOf: (method) => policies.methodOf(method),
    failed: () => {},
    target,
  };
  const clock = new FakeClock();
  const spec = kitchenSpec({ GetDish: generated });
  const kitchen = createClient(spec, target("own"), { policies: source, clock });
  const to = async (name: string) => {
    const reply = kitchen.getDish({ name: "", id: 1n, withRecipe: false }, { metadata: { "x-to": name } });
    const told = reply.then(
      ({ name }) => name,
      ({ code }) => code as string,
    );
    await clock.advance(10);
    return told;
  };
  return { to };
}

test("the retries of one target of a split are no burden on the others", async () => {
  const budget = { ratio: 0.001, floorPerSecond: 1, windowMs: 1000 };
  const retry = { attempts: 2, on: ["UNAVAILABLE"], initialMs: 1, maxMs: 1, multiplier: 1, jitter: "NONE" } as const;
  const seen: string[] = [];
  const { to } = await splitClient({ retry: { ...retry, attemptTimeout: false, budget } }, (name) => {
    seen.push(name);
    throw new RpcError("UNAVAILABLE", "burnt");
  });
  for (const name of ["a", "a", "b", "b"]) expect(await to(name)).toBe("UNAVAILABLE");
  expect(seen).toEqual(["a", "a", "a", "b", "b", "b"]);
});

test("a kept reply of one target of a split is not given for another one", async () => {
  const cache = { ttlMs: 60_000, vary: ["all"], coalesce: true, side: "CLIENT", maxBytes: 1e6 } as const;
  let calls = 0;
  const { to } = await splitClient({ cache }, (name) => {
    calls += 1;
    return Dish.create({ name });
  });
  for (const name of ["a", "b", "a", "b"]) expect(await to(name)).toBe(name);
  expect(calls).toBe(2);
});

test("over the wire: attempts stay with their target, copies go to the shadow, streams too, and nothing stays open", async () => {
  const seen: string[] = [];
  const arrived = gate();
  const serveAs = async (name: string, fails: boolean) => {
    const server = await start({
      grpc: "127.0.0.1:0",
      services: [
        kitchenWith({
          async getDish({ id }, { requestMetadata }) {
            const mark = requestMetadata.get("x-mesh-mirror") ? " copy" : "";
            seen.push(`${name} ${id}${mark}`);
            if (mark) arrived.open();
            if (fails) throw new RpcError("UNAVAILABLE", "burnt");
            return Dish.create({ name });
          },
          async *watchDishes() {
            seen.push(`${name} watch`);
            yield Dish.create({ name });
          },
        }),
      ],
    });
    return { name, address: `127.0.0.1:${server.grpc?.port}` };
  };
  const targets = [await serveAs("main", false), await serveAs("canary", true), await serveAs("shadow", false)];
  const even = [
    { target: "main", weight: 1 },
    { target: "canary", weight: 1 },
  ];
  const overrides = [
    { match: "test.kitchen.v1.Kitchen", split: { targets: even, header: "x-to" } },
    {
      match: "test.kitchen.v1.Kitchen/GetDish",
      policy: { retry: { attempts: 3, initial: "1ms" } },
      mirror: { target: "shadow" },
    },
  ];
  const file = join(folderWith({ "mesh.json": JSON.stringify({ targets, overrides }) }), "mesh.json");
  const config = await loadConfig(file);
  onTestFinished(() => config.close());
  const own = config.connect("shadow");
  onTestFinished(() => own.close());
  const kitchen = createClient(Kitchen, own, { policies: config.policies });
  const to = (name: string) => ({ metadata: { "x-to": name } });

  const request = (id: bigint) => ({ name: "", id, withRecipe: false });
  expect(await kitchen.getDish(request(1n), to("main"))).toMatchObject({ name: "main" });
  await arrived.promise;
  await expect(kitchen.getDish(request(2n), to("canary"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(await collect(kitchen.watchDishes({ count: 1, failAfter: 0 }, to("main")))).toMatchObject([{ name: "main" }]);
  await config.close();
  expect(seen.filter((one) => !one.endsWith("copy"))).toEqual([
    "main 1",
    "canary 2",
    "canary 2",
    "canary 2",
    "main watch",
  ]);
  expect(seen.filter((one) => one.endsWith("copy"))).toEqual(["shadow 1 copy", "shadow 2 copy"]);
  await expect(kitchen.getDish(request(3n), to("main"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
});
