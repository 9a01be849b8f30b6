import { describe, expect, test } from "vitest";
import { auditLog } from "../../examples/shop/audit-log.ts";
import { createKitchenClient, Kitchen } from "../test/kitchen/kitchen_mesh.ts";
import { collect } from "../test/over-grpc.ts";
import { kitchenWith, start, targetOf } from "../test/serving.ts";
import { createClient } from "./client.ts";
import { Cancellation } from "./core/cancellation.ts";
import { RpcError } from "./core/error.ts";
import type { MethodSpec, ServiceSpec } from "./core/spec.ts";
import type { UserLayer } from "./core/user-layer.ts";
import { inProcess } from "./in-process.ts";
import { apiKeys } from "./policies/auth.ts";
import type { MethodPolicy } from "./policies/index.ts";
import { type ClientPlace, clientOrder, type ServerPlace, serverOrder } from "./stack.ts";
import { FakeClock } from "./testing.ts";

/** A layer that notes its name, and its method, when a call passes it. */
const noting = <Place extends string>(
  log: string[],
  at: UserLayer<Place>["at"],
  name: string = at,
  methods?: readonly string[],
): UserLayer<Place> => ({
  at,
  methods,
  layer: () => (next) => (call) => {
    log.push(name);
    return next(call);
  },
});

/** The kitchen with a policy for one of its methods. */
const withPolicy = (key: keyof Kitchen, policy: MethodPolicy): ServiceSpec<Kitchen> => ({
  ...Kitchen,
  methods: { ...Kitchen.methods, [key]: { ...(Kitchen.methods[key] as MethodSpec), policy } },
});

const dish = { name: "soup", id: 1n, withRecipe: false };

test("each place of a client is where the order says, whether its policy is set or not", async () => {
  const log: string[] = [];
  const places = clientOrder.flatMap(({ at }) => [`before ${at}`, `after ${at}`] as const);
  const layers = ["innermost" as const, ...[...places].reverse(), "outermost" as const].map((at) =>
    noting<ClientPlace>(log, at),
  );
  await createKitchenClient(inProcess(kitchenWith()), { layers }).getDish(dish);
  expect(log).toEqual(["outermost", ...places, "innermost"]);
});

test("each place of a server is where the order says", async () => {
  const log: string[] = [];
  const places = serverOrder.flatMap(({ at }) => [`before ${at}`, `after ${at}`] as const);
  const layers = ["innermost" as const, ...[...places].reverse(), "outermost" as const].map((at) =>
    noting<ServerPlace>(log, at),
  );
  await createKitchenClient(inProcess(kitchenWith(), { layers })).getDish(dish);
  expect(log).toEqual(["outermost", ...places, "innermost"]);
});

test("a layer before retry sees a call, one after it each attempt", async () => {
  const log: string[] = [];
  const retry: MethodPolicy["retry"] = {
    attempts: 3,
    on: ["UNAVAILABLE"],
    initialMs: 1,
    maxMs: 1,
    multiplier: 1,
    jitter: "NONE",
    attemptTimeout: false,
    budget: { ratio: 1, floorPerSecond: 10, windowMs: 1000 },
  };
  const target = inProcess(
    kitchenWith({
      async getDish() {
        throw new RpcError("UNAVAILABLE", "closed");
      },
    }),
  );
  const layers = [noting<ClientPlace>(log, "before retry"), noting<ClientPlace>(log, "after retry")];
  const kitchen = createClient(withPolicy("getDish", { retry }), target, { layers });
  await expect(kitchen.getDish(dish)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(log).toEqual(["before retry", "after retry", "after retry", "after retry"]);
});

test("of several at one place the first is outermost", async () => {
  const log: string[] = [];
  const layers = ["one", "two"].map((name) => noting<ClientPlace>(log, "innermost", name));
  await createKitchenClient(inProcess(kitchenWith()), { layers }).getDish(dish);
  expect(log).toEqual(["one", "two"]);
});

test.each([
  [["*"], ["getDish", "ping"]],
  [["test.*"], ["getDish", "ping"]],
  [["test.kitchen.v1.*"], ["getDish", "ping"]],
  [["test.kitchen.v1.Kitchen"], ["getDish", "ping"]],
  [["test.kitchen.v1.Kitchen/Ping"], ["ping"]],
  [["test.kitchen.v1.Kitchen/Pin"], []],
  [["test.kitchen.v1.Kit"], []],
  [
    ["test.kitchen.v1.Kitchen/Ping", "test.kitchen.v1.Kitchen/GetDish"],
    ["getDish", "ping"],
  ],
  [[], []],
])("a layer for %j is there for %j", async (methods, expected) => {
  const log: string[] = [];
  const layers: UserLayer<ClientPlace>[] = [
    {
      at: "outermost",
      methods,
      layer: ({ method }) => {
        log.push(method.name === "GetDish" ? "getDish" : method.name.toLowerCase());
        return undefined;
      },
    },
  ];
  createKitchenClient(inProcess(kitchenWith()), { layers });
  expect(log.filter((name) => name === "getDish" || name === "ping")).toEqual(expected);
});

test("a layer is built once per method, not once per call", async () => {
  let built = 0;
  const layers: UserLayer<ClientPlace>[] = [
    {
      at: "outermost",
      methods: ["test.kitchen.v1.Kitchen/GetDish"],
      layer: () => {
        built += 1;
        return (next) => next;
      },
    },
  ];
  const kitchen = createKitchenClient(inProcess(kitchenWith()), { layers });
  await kitchen.getDish(dish);
  await kitchen.getDish(dish);
  expect(built).toBe(1);
});

/** Layers that break the rule of handlers: to answer with a promise, and never to throw. */
const wrong = [
  ["throws", () => () => () => JSON.parse("{"), SyntaxError],
  ["returns nothing", () => () => () => {}, TypeError],
] as unknown as [string, UserLayer["layer"], new () => Error][];

describe.each(wrong)("a layer that %s", (_, layer, Kind) => {
  const hedge = { attempts: 2, delayMs: 10, keepGoingOn: ["UNAVAILABLE"] } as const;
  const budget = { ratio: 1, floorPerSecond: 10, windowMs: 1000 };

  test.each([{}, { hedge: { ...hedge, budget } }])("fails the call on a client, with the policy %j", async (policy) => {
    const clock = new FakeClock();
    const cancellation = new Cancellation();
    const layers = [{ at: "innermost" as const, layer }];
    const kitchen = createClient(withPolicy("getDish", policy), inProcess(kitchenWith()), { clock, layers });
    const call = kitchen.getDish(dish, { cancellation });
    await expect(call).rejects.toBeInstanceOf(Kind);
    expect(cancellation.listening).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("fails the call on a server like a mistake of an implementation, and leaves no timer", async () => {
    const clock = new FakeClock();
    const reported: unknown[] = [];
    const onError = (error: unknown) => void reported.push(error);
    const target = inProcess(kitchenWith(), { clock, onError, layers: [{ at: "outermost", layer }] });
    const call = createKitchenClient(target, { clock }).getDish(dish, { timeoutMs: 1000 });
    await expect(call).rejects.toMatchObject({ code: "INTERNAL" });
    expect(reported).toEqual([expect.any(Kind)]);
    expect(clock.pending).toBe(0);
  });
});

test("a layer that returns nothing is told by name what it must return", async () => {
  const layer = (() => () => () => {}) as unknown as UserLayer["layer"];
  const kitchen = createKitchenClient(inProcess(kitchenWith()), { layers: [{ at: "before retry", layer }] });
  await expect(kitchen.getDish(dish)).rejects.toThrow(
    /^the layer at "before retry" of \/test\.kitchen\.v1\.Kitchen\/GetDish returned undefined .*: return next\(call\)/,
  );
});

test.each<[string, unknown, RegExp]>([
  ["an unknown place", { at: "after lunch", layer: () => undefined }, /no place "after lunch": use "outermost"/],
  ["a place of the other side", { at: "after validation", layer: () => undefined }, /no place "after validation"/],
  ["no place", { layer: () => undefined }, /no place undefined/],
  ["no layer", { at: "outermost" }, /layer is not a function/],
  [
    "a wrong pattern",
    { at: "outermost", methods: ["Kitchen/"], layer: () => undefined },
    /"Kitchen\/" names no methods/,
  ],
])("%s is refused when the client is built", (_, layer, message) => {
  expect(() => createKitchenClient(inProcess(kitchenWith()), { layers: [layer as UserLayer<ClientPlace>] })).toThrow(
    message,
  );
});

test("a place of the client alone is refused when the server is built", async () => {
  const layer = { at: "before retry", layer: () => undefined } as unknown as UserLayer<ServerPlace>;
  expect(() => inProcess(kitchenWith(), { layers: [layer] })).toThrow(
    /layers of a server: there is no place "before retry"/,
  );
});

test("the audit log of the examples: a line per call that auth let in, over gRPC", async () => {
  const lines: string[] = [];
  const key = "c48a01f49fd0f2cc404bc3cbbc80e91457a3d41bb429a695243de4c61794155c";
  const auth: MethodPolicy["auth"] = { access: "AUTHENTICATED", providers: [], scopes: [], audiences: [] };
  const spec = withPolicy("getDish", { auth });
  const server = await start({
    services: [
      {
        ...kitchenWith({
          async getDish({ name }) {
            if (name === "nothing") throw new RpcError("NOT_FOUND", "no such dish");
            throw new Error("the stove is broken");
          },
        }),
        spec,
      },
    ],
    auth: { providers: { partners: apiKeys({ keys: [{ sha256: key, subject: "partner" }] }) } },
    layers: [auditLog((line) => lines.push(line.replace(/\d+ ms/, "n ms")))],
    onError: () => {},
    grpc: 0,
  });
  const kitchen = createKitchenClient(targetOf(server));
  const metadata = { "x-api-key": "demo-key" };
  await kitchen.ping({});
  await expect(kitchen.getDish({ ...dish, name: "nothing" }, { metadata })).rejects.toMatchObject({
    code: "NOT_FOUND",
  });
  await expect(kitchen.getDish(dish, { metadata })).rejects.toMatchObject({ code: "INTERNAL" });
  await expect(kitchen.getDish(dish)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  await collect(kitchen.watchDishes({ count: 3, failAfter: 0 }));
  expect(lines).toEqual([
    "anonymous /test.kitchen.v1.Kitchen/Ping OK n ms",
    "partner /test.kitchen.v1.Kitchen/GetDish NOT_FOUND n ms",
    "partner /test.kitchen.v1.Kitchen/GetDish INTERNAL n ms",
    "anonymous /test.kitchen.v1.Kitchen/WatchDishes OK n ms",
  ]);
});
