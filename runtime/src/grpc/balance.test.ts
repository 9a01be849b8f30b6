/** Calls over several servers under one target: who gets which, and what happens when one goes. */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { credentials, experimental } from "@grpc/grpc-js";
import { expect, onTestFinished, test, vi } from "vitest";
import { Dish } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook, gate, type KitchenMethods } from "../../test/over-grpc.ts";
import { withPolicy } from "../../test/over-http.ts";
import { createClient } from "../client.ts";
import type { Target } from "../core/target.ts";
import type { BalanceConfig, MethodPolicy } from "../policies/index.ts";
import { implement, serverHandlers } from "../server.ts";
import { balancing } from "./balance.ts";
import { clientHandler } from "./client.ts";
import { connect } from "./connect.ts";
import { Lane } from "./lane.ts";
import { type GrpcServer, listenGrpc } from "./server.ts";

/** A server of the group, and the calls that it got. */
interface Shop {
  server: GrpcServer;
  readonly names: string[];
  /** Request metadata of each call. */
  readonly headers: string[][];
  readonly port: number;
  again(): Promise<void>;
}

async function shop(changes: Partial<KitchenMethods> = {}): Promise<Shop> {
  const names: string[] = [];
  const headers: string[][] = [];
  const methods: KitchenMethods = {
    ...cook,
    async getDish({ name }, { requestMetadata }) {
      names.push(name);
      headers.push([...requestMetadata].map(([key]) => key));
      return Dish.create({ name });
    },
    ...changes,
  };
  const open = (port: number) =>
    listenGrpc(serverHandlers([implement(Kitchen, methods as Kitchen)]), { address: `127.0.0.1:${port}` });
  const server = await open(0);
  const one: Shop = {
    server,
    names,
    headers,
    port: server.port,
    async again() {
      one.server = await open(one.port);
    },
  };
  return one;
}

/** Three servers under one target, all connected, and a client with the policy on every method. */
async function group(
  balance: BalanceConfig | undefined,
  { changes = [], policy = {} }: { changes?: Partial<KitchenMethods>[]; policy?: MethodPolicy } = {},
) {
  const shops = await Promise.all([0, 1, 2].map((n) => shop(changes[n])));
  const target = connect(`ipv4:${shops.map(({ port }) => `127.0.0.1:${port}`).join(",")}`);
  const all = { ...policy, ...(balance && { balance }) };
  const kitchen = createClient(
    withPolicy(Object.fromEntries(Object.keys(Kitchen.methods).map((key) => [key, all])) as never),
    target,
  );
  onTestFinished(async () => {
    await target.close();
    await Promise.all(shops.map(({ server }) => server.drain()));
  });
  const ask = (name: string, metadata?: Record<string, string>) =>
    kitchen.getDish({ name, id: 1n, withRecipe: false }, metadata && { metadata });
  const counts = () => shops.map(({ names }) => names.length);
  const forget = () => {
    for (const { names } of shops) names.length = 0;
  };
  /** Calls until all that should be connected are. Connecting takes turns of the loop, and calls go on meanwhile. */
  const connected = async (who: readonly number[] = [0, 1, 2], send: (n: number) => Promise<unknown> = warm) => {
    for (let n = 0; who.some((index) => counts()[index] === 0); n++) {
      expect(n).toBeLessThan(5000);
      await send(n);
    }
    forget();
  };
  const warm = (n: number) => ask(`warm-${n}`, { tenant: `warm-${n}` });
  return { shops, target, kitchen, ask, counts, forget, connected };
}

/** Connections of this process, both ends. */
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

/** Those that are closed go within a turn or two of the loop. */
const noSockets = () => vi.waitFor(() => expect(sockets()).toBe(0), 5_000);

const create = (name: string) => ({ dish: Dish.create({ name }), requestId: "" });

const times = async (count: number, each: (n: number) => Promise<unknown>) => {
  for (let n = 0; n < count; n++) await each(n);
};

test.each([undefined, { picker: "PICK_FIRST" } as const])("%j: one server gets all", async (balance) => {
  const { ask, counts } = await group(balance);
  await times(30, () => ask("soup"));
  expect(counts().sort()).toEqual([0, 0, 30]);
});

test.each(["ROUND_ROBIN", "WEIGHTED"] as const)("%s: each server gets the same share", async (picker) => {
  const { ask, counts, connected } = await group({ picker });
  await connected();
  await times(30, () => ask("soup"));
  for (const count of counts()) expect(count).toBeCloseTo(10, -0.7);
  if (picker === "ROUND_ROBIN") expect(counts()).toEqual([10, 10, 10]);
});

test("LEAST_REQUEST: all servers get calls, and one whose calls are stuck gets no more than the others", async () => {
  const stuck = gate();
  const reached = gate();
  let held = 0;
  const slow: Partial<KitchenMethods> = {
    async getDish({ name }) {
      held += 1;
      reached.open();
      await stuck.promise;
      return Dish.create({ name });
    },
  };
  const { ask, counts, shops, forget } = await group({ picker: "LEAST_REQUEST" }, { changes: [{}, slow] });
  onTestFinished(() => stuck.open());
  const others = () => [shops[0]?.names.length ?? 0, shops[2]?.names.length ?? 0];
  // One call after the other: what has an answer is not under way any more.
  let waiting: Promise<unknown> | undefined;
  for (let n = 0; !waiting || others().includes(0); n++) {
    expect(n).toBeLessThan(5000);
    const call = ask("soup");
    if (waiting) await call;
    else if ((await Promise.race([call, reached.promise])) === undefined) waiting = call;
  }
  forget();
  await times(60, () => ask("soup"));
  expect(held).toBe(1);
  expect(counts()[0]).toBeGreaterThan(10);
  expect(counts()[2]).toBeGreaterThan(10);
  stuck.open();
  await waiting;
  // What was under way has ended: it counts no more.
  await vi.waitFor(async () => {
    await ask("soup");
    expect(held).toBeGreaterThan(1);
  });
});

test("LEAST_REQUEST: cancelled and failed calls are not under way any more", async () => {
  const hang: Partial<KitchenMethods> = {
    async getDish({ name }, { signal }) {
      if (name === "hang")
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      if (name === "fail") throw new Error("no");
      seen += 1;
      return Dish.create({ name });
    },
  };
  let seen = 0;
  const { ask, counts, connected, kitchen } = await group({ picker: "LEAST_REQUEST" }, { changes: [hang] });
  await connected([1, 2]);
  await vi.waitFor(async () => {
    await ask("soup");
    expect(seen).toBeGreaterThan(0);
  });
  for (let n = 0; n < 50; n++) {
    const leave = new AbortController();
    const call = kitchen.getDish({ name: "hang", id: 1n, withRecipe: false }, { signal: leave.signal });
    setImmediate(() => leave.abort());
    await Promise.allSettled([call, ask("fail")]);
  }
  seen = 0;
  counts();
  await times(90, () => ask("soup"));
  // A call that counted for ever would keep the server out of all pairs.
  expect(seen).toBeGreaterThan(10);
});

const byTenant: BalanceConfig = { picker: "RING_HASH", hashBy: "metadata:tenant" };
const tenants = Array.from({ length: 60 }, (_, n) => `tenant-${n}`);

test("RING_HASH: a key has one server, and keys are spread", async () => {
  const { ask, shops, counts, connected } = await group(byTenant);
  await connected();
  await times(3, () => Promise.all(tenants.map((tenant) => ask(tenant, { tenant }))));
  for (const tenant of tenants) {
    const homes = shops.filter(({ names }) => names.includes(tenant));
    expect(homes).toHaveLength(1);
    expect(homes[0]?.names.filter((name) => name === tenant)).toHaveLength(3);
  }
  // The ports differ from run to run, and with them the shares.
  for (const count of counts()) expect(count).toBeGreaterThan(15);
});

test("RING_HASH: without a key, or with an empty one, any server gets the call", async () => {
  for (const metadata of [undefined, { tenant: "" }]) {
    const { ask, counts, connected } = await group(byTenant);
    await connected();
    await times(60, () => ask("soup", metadata));
    for (const count of counts()) expect(count).toBeGreaterThan(3);
  }
});

test("RING_HASH: a request field is a key", async () => {
  const homes = new Map<string, number[]>(tenants.map((name) => [name, []]));
  const at = (server: number): Partial<KitchenMethods> => ({
    async createDish({ dish = Dish.create() }) {
      homes.get(dish.name)?.push(server);
      return dish;
    },
  });
  const { kitchen, connected } = await group(
    { picker: "RING_HASH", hashBy: "field:dish.name" },
    { changes: [at(0), at(1), at(2)] },
  );
  // The request of this method has no such field, so its calls go anywhere.
  await connected();
  await times(2, () => Promise.all(tenants.map((name) => kitchen.createDish(create(name)))));
  for (const [first, second] of homes.values()) expect(second).toBe(first);
  expect(new Set([...homes.values()].flat())).toEqual(new Set([0, 1, 2]));
});

test("RING_HASH: two clients agree, and what the channel knows of the key is not sent", async () => {
  const { ask, shops, target, connected } = await group(byTenant);
  await connected();
  const other = connect(target.name.replace(/^ipv4:(.*?),(.*)$/, "ipv4:$2,$1"));
  onTestFinished(() => other.close());
  const second = createClient(withPolicy({ getDish: { balance: byTenant } }), other);
  await Promise.all(tenants.map((tenant) => ask(tenant, { tenant })));
  const homes = new Map(tenants.map((tenant) => [tenant, shops.findIndex(({ names }) => names.includes(tenant))]));
  const secondHomes = async () => {
    for (const { names, headers } of shops) names.length = headers.length = 0;
    await Promise.all(
      tenants.map((name) => second.getDish({ name, id: 1n, withRecipe: false }, { metadata: { tenant: name } })),
    );
    return new Map(tenants.map((tenant) => [tenant, shops.findIndex(({ names }) => names.includes(tenant))]));
  };
  await vi.waitFor(async () => expect(await secondHomes()).toEqual(homes));
  const sent = new Set(shops.flatMap(({ headers }) => headers.flat()));
  expect([...sent].filter((key) => key !== "user-agent")).toEqual(["tenant"]);
});

test.each<BalanceConfig>([{ picker: "ROUND_ROBIN" }, { picker: "LEAST_REQUEST" }, byTenant])(
  "$picker: a server that goes away is left, calls go on, and it is used again when it is back",
  async (balance) => {
    const { ask, shops, counts, forget, connected } = await group(balance);
    await connected();
    await Promise.all(tenants.map((tenant) => ask(tenant, { tenant })));
    const before = shops.map(({ names }) => [...names].sort());
    const [gone] = shops as [Shop];
    gone.server.end("all");
    gone.server.destroy();
    await gone.server.drain();
    // The client learns of it by its socket.
    await vi.waitFor(() => Promise.all(tenants.map((tenant) => ask(tenant, { tenant }))));
    forget();
    await Promise.all(tenants.map((tenant) => ask(tenant, { tenant })));
    expect(counts()[0]).toBe(0);
    expect(counts().reduce((sum, count) => sum + count)).toBe(tenants.length);
    // Only the keys of the lost server have moved.
    if (balance === byTenant)
      for (const index of [1, 2]) expect(shops[index]?.names).toEqual(expect.arrayContaining(before[index] ?? []));

    await gone.again();
    const back = async (n: number) => {
      await ask(`warm-${n}`, { tenant: `warm-${n}` });
      await new Promise((resolve) => setTimeout(resolve, 1));
    };
    await connected([0], back);
    if (balance !== byTenant) return;
    await Promise.all(tenants.map((tenant) => ask(tenant, { tenant })));
    expect(shops.map(({ names }) => [...names].sort())).toEqual(before);
  },
);

test.each(["ROUND_ROBIN", "LEAST_REQUEST", "RING_HASH"] as const)(
  "%s: without any server calls fail at once, and a call that waits for a connection gets one",
  async (picker) => {
    const balance = picker === "RING_HASH" ? byTenant : { picker };
    const { ask, shops, counts } = await group(balance);
    await Promise.all(["a", "b", "c"].map((tenant) => ask(tenant, { tenant })));
    expect(counts().reduce((sum, count) => sum + count)).toBe(3);
    for (const { server } of shops) {
      server.destroy();
      await server.drain();
    }
    await vi.waitFor(() =>
      expect(ask("soup")).rejects.toMatchObject({
        code: "UNAVAILABLE",
        text: expect.stringMatching(/^ipv4:.*No connection established.*ECONNREFUSED/),
      }),
    );
    for (const one of shops) await one.again();
    await vi.waitFor(() => ask("soup"), 10_000);
  },
);

test("methods with several policies share a connection, and closing it closes every socket", async () => {
  const shops = await Promise.all([shop(), shop()]);
  await noSockets();
  const target = connect(`ipv4:${shops.map(({ port }) => `127.0.0.1:${port}`).join(",")}`);
  const spec = withPolicy({
    getDish: { balance: { picker: "ROUND_ROBIN" }, compression: { request: "GZIP", minBytes: 0 } },
    createDish: { balance: { picker: "LEAST_REQUEST" } },
    updateDish: { balance: byTenant },
    ping: {},
  });
  const kitchen = createClient(spec, target);
  await Promise.all([
    kitchen.getDish({ name: "soup", id: 1n, withRecipe: false }),
    kitchen.createDish(create("soup")),
    kitchen.updateDish({ dish: Dish.create(), updateMask: undefined }),
    kitchen.ping({}),
  ]);
  expect(sockets()).toBeGreaterThan(0);
  await target.close();
  // The servers are still there and close nothing by themselves.
  await noSockets();
  await Promise.all(shops.map(({ server }) => server.drain()));
  await expect(kitchen.createDish(create("soup"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

test("closing while addresses are still being connected leaves nothing", async () => {
  const shops = await Promise.all([shop(), shop()]);
  await noSockets();
  const target = connect(`ipv4:${shops.map(({ port }) => `127.0.0.1:${port}`).join(",")},127.0.0.1:1`);
  const kitchen = createClient(withPolicy({ ping: { balance: { picker: "LEAST_REQUEST" } } }), target);
  const call = kitchen.ping({});
  const closed = target.close();
  await call;
  await closed;
  await noSockets();
  await Promise.all(shops.map(({ server }) => server.drain()));
});

test.each(["LEAST_REQUEST", "RING_HASH"] as const)(
  "%s: addresses that the name has no more are left, new ones are used, and what stays keeps its connection",
  async (picker) => {
    const shops = await Promise.all([0, 1, 2].map(() => shop()));
    await noSockets();
    let listener: experimental.ResolverListener | undefined;
    experimental.registerResolver(
      "moving",
      class implements experimental.Resolver {
        constructor(_: unknown, tell: experimental.ResolverListener) {
          listener = tell;
        }
        updateResolution() {}
        destroy() {}
        static getDefaultAuthority = () => "moving";
      },
    );
    const lane = new Lane(
      "moving:///shops",
      credentials.createInsecure(),
      { "grpc.use_local_subchannel_pool": 1, ...balancing(picker) },
      5_000,
    );
    const link = { name: "moving", refusal: undefined, lane: () => lane, started() {}, ended() {} };
    const target: Target = {
      name: "moving",
      local: false,
      handler: (method) => clientHandler(link, method),
      close: async () => lane.close(),
    };
    const kitchen = createClient(Kitchen, target);
    const ask = () => kitchen.getDish({ name: "soup", id: 1n, withRecipe: false });
    const resolve = (...which: number[]) =>
      listener?.(
        experimental.statusOrFromValue(
          which.map((n) => ({ addresses: [{ host: "127.0.0.1", port: (shops[n] as Shop).port }] })),
        ),
        {},
        null,
        "",
      );
    const used = async (...which: number[]) => {
      await vi.waitFor(async () => {
        for (const { names } of shops) names.length = 0;
        await times(20, ask);
        expect(shops.flatMap(({ names }, n) => (names.length > 0 ? [n] : []))).toEqual(which);
      });
    };
    const first = ask();
    resolve(0, 1);
    await first;
    await used(0, 1);
    resolve(1, 2, 2);
    await used(1, 2);
    resolve(1);
    await used(1);
    // grpc-js itself closes a connection that nobody uses within ten seconds or so, and an end is two sockets.
    resolve();
    await vi.waitFor(() => expect(ask()).rejects.toMatchObject({ text: expect.stringContaining("No addresses") }));
    resolve(0);
    await vi.waitFor(() => used(0));
    await target.close();
    await noSockets();
    await Promise.all(shops.map(({ server }) => server.drain()));
  },
);

test("an address that accepts and never answers is passed over", async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const held = new Set<Socket>();
  silent.on("connection", (socket) => held.add(socket.on("error", () => {})));
  const one = await shop();
  const target = connect(`ipv4:127.0.0.1:${(silent.address() as AddressInfo).port},127.0.0.1:${one.port}`);
  const kitchen = createClient(withPolicy({ getDish: { balance: byTenant } }), target);
  await Promise.all(
    tenants.map((name) => kitchen.getDish({ name, id: 1n, withRecipe: false }, { metadata: { tenant: name } })),
  );
  expect(one.names).toHaveLength(tenants.length);
  await target.close();
  for (const socket of held) socket.destroy();
  silent.close();
  await one.server.drain();
});

test("a grpc-js without what a picker needs takes turns, and says so", () => {
  const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  onTestFinished(() => warn.mockRestore());
  const options = balancing("LEAST_REQUEST", { isLoadBalancerNameRegistered: () => false });
  expect(JSON.parse(options["grpc.service_config"] as string).loadBalancingConfig.at(-1)).toEqual({ round_robin: {} });
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("cannot balance by LEAST_REQUEST"), {
    code: "PROTOMESH_BALANCE",
  });
});
