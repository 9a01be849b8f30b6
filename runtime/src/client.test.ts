import { spawn } from "node:child_process";
import { once } from "node:events";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Dish } from "../test/kitchen/kitchen.ts";
import { createKitchenClient, Kitchen } from "../test/kitchen/kitchen_mesh.ts";
import { cook, overGrpc } from "../test/over-grpc.ts";
import { kitchenWith } from "../test/serving.ts";
import { createClient, policyOf } from "./client.ts";
import type { CallContext } from "./core/context.ts";
import { RpcError } from "./core/error.ts";
import type { PolicySource } from "./core/policy-source.ts";
import type { MethodSpec } from "./core/spec.ts";
import { inProcess } from "./in-process.ts";
import { implement } from "./server.ts";
import { FakeClock } from "./testing.ts";

const request = { count: 2, failAfter: 0 };
const never = () => new Promise<never>(() => {});

/** A kitchen whose stream says one thing and then keeps silent, and what becomes of its work. */
function silent() {
  let stopped: (reason: RpcError) => void = () => {};
  const end = new Promise<RpcError>((resolve) => {
    stopped = resolve;
  });
  async function* watchDishes(_: unknown, context: CallContext) {
    context.cancellation.onCancel(stopped);
    yield Dish.create();
    await never();
  }
  return { watchDishes, end };
}

const places = {
  "in process": async (methods: Partial<Kitchen>) =>
    createKitchenClient(inProcess(implement(Kitchen, { ...cook, ...methods } as Kitchen))),
  "over gRPC": async (methods: Partial<Kitchen>) => (await overGrpc(methods)).kitchen,
};

for (const [place, open] of Object.entries(places)) {
  test(`a reader that leaves while it waits for a message ends the call at once, ${place}`, async () => {
    const { watchDishes, end } = silent();
    const stream = (await open({ watchDishes })).watchDishes(request)[Symbol.asyncIterator]();
    await stream.next();
    const waiting = stream.next();

    expect(await stream.return?.()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect((await end).code).toBe("CANCELLED");
  });

  test(`a reader that leaves before the response begins ends the call at once, ${place}`, async () => {
    let stopped: (reason: RpcError) => void = () => {};
    let started = () => {};
    const end = new Promise<RpcError>((resolve) => {
      stopped = resolve;
    });
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const kitchen = await open({
      watchDishes(_, context) {
        context?.cancellation?.onCancel(stopped);
        started();
        return { [Symbol.asyncIterator]: () => ({ next: never }) };
      },
    });
    const stream = kitchen.watchDishes(request)[Symbol.asyncIterator]();
    const waiting = stream.next();
    await running;

    await stream.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect((await end).code).toBe("CANCELLED");
  });
}

test("a Node stream made from a reply ends the call when it is destroyed", async () => {
  const { watchDishes, end } = silent();
  const { kitchen } = await overGrpc({ watchDishes });
  const stream = Readable.from(kitchen.watchDishes(request));
  await once(stream, "data");
  stream.destroy();
  expect((await end).code).toBe("CANCELLED");
});

test("a stream that nobody reads makes no call, and one that was left stays ended", async () => {
  let calls = 0;
  const kitchen = await places["in process"]({
    async *watchDishes() {
      calls++;
      yield Dish.create();
    },
  });
  const stream = kitchen.watchDishes(request)[Symbol.asyncIterator]();
  await stream.return?.();
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(calls).toBe(0);
});

test("one signal may be shared by any number of calls, and aborting it ends them all", async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error) => warnings.push(warning);
  process.on("warning", listen);
  const kitchen = await places["in process"]({ getDish: never });
  const controller = new AbortController();
  const calls = Array.from({ length: 20 }, () =>
    kitchen.getDish({ name: "", id: 1n, withRecipe: false }, { signal: controller.signal }).catch((error) => error),
  );
  controller.abort();
  for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: "CANCELLED" });
  await new Promise(setImmediate);
  process.off("warning", listen);
  expect(warnings).toEqual([]);
});

test.each([Date.now() + 100, Number.NaN])("a deadline on another clock is refused: %d", async (deadline) => {
  const kitchen = await places["in process"]({});
  await expect(kitchen.getDish({ name: "", id: 1n, withRecipe: false }, { deadline })).rejects.toThrow(
    /deadline of .*GetDish is .*: use timeoutMs/,
  );
});

test("undefined metadata is left out; anything else that is no metadata is refused by its key", async () => {
  const seen: string[][] = [];
  const kitchen = await places["in process"]({
    async getDish(_, context) {
      seen.push((context as CallContext).requestMetadata.toJSON());
      return Dish.create();
    },
  });
  const soup = { name: "", id: 1n, withRecipe: false };
  await kitchen.getDish(soup, { metadata: { "x-a": undefined, "x-b": "1" } });
  expect(seen).toEqual([["x-b"]]);
  await expect(kitchen.getDish(soup, { metadata: { "x-n": 5 as unknown as string } })).rejects.toThrow(
    /"x-n": give text/,
  );
});

test("a unary method that returns a stream is a mistake of the implementation", async () => {
  const reported: unknown[] = [];
  const wrong = { ...cook, getDish: cook.watchDishes } as unknown as Kitchen;
  const target = inProcess(implement(Kitchen, wrong), {
    clock: new FakeClock(),
    onError: (error) => reported.push(error),
  });
  const call = createKitchenClient(target).getDish({ name: "", id: 1n, withRecipe: false });
  await expect(call).rejects.toMatchObject({ code: "INTERNAL" });
  expect(String(reported[0])).toMatch(/GetDish returned a stream instead of a message/);
});

test("a log that throws does not take the call down", async () => {
  const onError = () => {
    throw new Error("the log is down");
  };
  const broken = () => {
    throw new Error("bug");
  };
  const target = inProcess(implement(Kitchen, { ...cook, getDish: broken } as Kitchen), { onError });
  const call = createKitchenClient(target).getDish({ name: "", id: 1n, withRecipe: false });
  await expect(call).rejects.toMatchObject({ code: "INTERNAL" });
});

test.each([5, "OK", "NOT_A_CODE"])("an RpcError of code %j is refused, with the name to use", (code) => {
  expect(() => new RpcError(code as "NOT_FOUND", "x")).toThrow(/use "NOT_FOUND"|such as "NOT_FOUND"/);
});

test("a process that waits for a retry stays alive until the call has failed", async () => {
  const child = spawn(
    process.execPath,
    [
      ...["--import", "tsx", "--conditions=@protomesh/source"],
      fileURLToPath(new URL("../test/retrying-client.ts", import.meta.url)),
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let printed = "";
  child.stdout.on("data", (chunk) => {
    printed += chunk;
  });
  const [code] = await once(child, "exit");
  expect(printed).toBe("UNAVAILABLE\n");
  expect(code).toBe(0);
});

test("a client without a target, or with an option that nobody reads, is refused", () => {
  const target = inProcess(implement(Kitchen, cook as Kitchen));
  for (const wrong of ["localhost:1", undefined])
    expect(() => createKitchenClient(wrong as never)).toThrow(/Kitchen needs a target: give it connect/);
  expect(() => createKitchenClient(target, { credential: "x" } as never)).toThrow(/did you mean credentials\?/);
});

test("a timeoutMs that is text is refused", async () => {
  const kitchen = await places["in process"]({});
  const soup = { name: "", id: 1n, withRecipe: false };
  await expect(kitchen.getDish(soup, { timeoutMs: "100" as never })).rejects.toThrow(/use milliseconds above 0/);
});

test("a policy that cannot be built is not said to be in force", async () => {
  const { getDish } = Kitchen.methods;
  const spec = {
    ...Kitchen,
    methods: { ...Kitchen.methods, getDish: { ...getDish, policy: { timeout: { totalMs: 1 } } } },
  };
  const wrong = { ...getDish, policy: { idempotency: { key: "field:nowhere", windowMs: 1 } } } as MethodSpec;
  const failures: unknown[] = [];
  let version = 0;
  const policies: PolicySource = {
    get version() {
      return version;
    },
    bind: () => {},
    methodOf: (method) => (version > 0 && method.name === "GetDish" ? wrong : method),
    failed: (_, error) => failures.push(error),
    target: () => inProcess(kitchenWith()),
  };
  const kitchen = createClient(spec as typeof Kitchen, inProcess(kitchenWith()), { policies });
  version = 1;
  expect(policyOf(kitchen).getDish).toEqual({ timeout: { totalMs: 1 } });
  expect(failures).toHaveLength(1);
});
