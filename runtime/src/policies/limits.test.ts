import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import { collect } from "../../test/over-grpc.ts";
import type { Call } from "../core/call.ts";
import { RpcError } from "../core/error.ts";
import type { MethodFacts } from "../core/policy.ts";
import { mount } from "../testing.ts";
import { limits } from "./limits.ts";

/** Yields so many numbers, and tells how many were taken and whether it was stopped. */
function source(count: number) {
  const state = { yielded: 0, stopped: false };
  async function* numbers() {
    try {
      while (state.yielded < count) yield ++state.yielded;
    } finally {
      state.stopped = true;
    }
  }
  return { state, numbers: numbers() };
}

const tooMany = { code: "RESOURCE_EXHAUSTED", refusedBy: "limits" };
const all = (call: Call) => collect(call.request as AsyncIterable<unknown>);
const stream = (reply: unknown) => reply as AsyncIterable<unknown>;

describe.each(["client", "server"] as const)("on a %s", (side) => {
  test("a request stream with as many messages as allowed passes", async () => {
    const { send } = mount(limits, { messages: 3 }, { side, method: { kind: "clientStream" }, handler: all });
    expect(await send(source(3).numbers)).toEqual([1, 2, 3]);
  });

  test("one request more ends the call, and stops its source", async () => {
    const { state, numbers } = source(100);
    const { send } = mount(limits, { messages: 3 }, { side, method: { kind: "clientStream" }, handler: all });
    await expect(send(numbers)).rejects.toMatchObject(tooMany);
    expect(state).toEqual({ yielded: 4, stopped: true });
  });

  test("one request more ends the call also when its reader swallows the failure", async () => {
    const handler = async (call: Call) => {
      await all(call).catch(() => {});
      return { fine: true };
    };
    const { send } = mount(limits, { messages: 3 }, { side, method: { kind: "clientStream" }, handler });
    await expect(send(source(100).numbers)).rejects.toMatchObject(tooMany);
  });

  test("one reply more ends the call after those that are allowed, and stops its source", async () => {
    const { state, numbers } = source(100);
    const { send } = mount(limits, { messages: 3 }, { side, method: { kind: "serverStream" }, handler: () => numbers });
    const got: unknown[] = [];
    const read = async () => {
      for await (const message of stream(await send())) got.push(message);
    };
    await expect(read()).rejects.toMatchObject(tooMany);
    expect(got).toEqual([1, 2, 3]);
    expect(state).toEqual({ yielded: 4, stopped: true });
  });

  test("the directions are counted apart, and nothing is read ahead", async () => {
    const { state, numbers } = source(3);
    const seen: number[] = [];
    async function* echo(call: Call) {
      for await (const message of stream(call.request)) {
        seen.push(state.yielded);
        yield message;
      }
    }
    const { send } = mount(limits, { messages: 3 }, { side, method: { kind: "bidi" }, handler: echo });
    expect(await collect(stream(await send(numbers)))).toEqual([1, 2, 3]);
    expect(seen).toEqual([1, 2, 3]);
  });

  test("a refusal is told with the limit and the direction", async () => {
    const { send } = mount(limits, { messages: 1 }, { side, method: { kind: "clientStream" }, handler: all });
    const decisions = await decisionsOf(() => send(source(2).numbers).catch(() => {}));
    expect(decisions).toEqual([
      {
        policy: "limits",
        outcome: "refused",
        method: "/test.v1.Test/Call",
        detail: { limit: "messages", direction: "requests", max: 1 },
      },
    ]);
  });

  test("a failure of a stream within the limit passes by identity", async () => {
    const failure = new RpcError("ABORTED", "enough");
    const { send } = mount(limits, { messages: 9 }, { side, method: { kind: "clientStream" }, handler: all });
    async function* broken() {
      yield 1;
      throw failure;
    }
    expect(await send(broken()).catch((error) => error)).toBe(failure);
  });

  test("however long the streams are, no more than the limit passes in either direction", async () => {
    const lengths = fc.integer({ min: 0, max: 12 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 }), lengths, lengths, async (messages, asked, answered) => {
        let arrived = 0;
        async function* handler(call: Call) {
          for await (const _ of stream(call.request)) arrived += 1;
          yield* source(answered).numbers;
        }
        const { send } = mount(limits, { messages }, { side, method: { kind: "bidi" }, handler });
        let got = 0;
        const read = async () => {
          for await (const _ of stream(await send(source(asked).numbers))) got += 1;
        };
        const error = await read().then(
          () => undefined,
          (error) => error,
        );
        const over = asked > messages || answered > messages;
        expect(error?.refusedBy).toBe(over ? "limits" : undefined);
        expect(arrived).toBe(Math.min(asked, messages));
        expect(got).toBe(asked > messages ? 0 : Math.min(answered, messages));
      }),
      { numRuns: 60 },
    );
  });
});

test.each([
  [{}, "bidi"],
  [{ requestBytes: 5, responseBytes: 5 }, "bidi"],
  [{ messages: 5 }, "unary"],
] as const)("%j on a %s method needs no layer", (config, kind) => {
  const site = { method: { ...mount({ name: "none" }, {}).method, kind } } as never;
  expect(limits.client?.(config, site)).toBeUndefined();
  expect(limits.server?.(config, site)).toBeUndefined();
});

describe("rules", () => {
  const problem = (kind: MethodFacts["kind"], config: object) =>
    limits.rules?.map((rule) => rule.check(config, { kind } as MethodFacts)).find((text) => text !== undefined);

  test("messages of a unary method are an error with a remedy", () => {
    expect(problem("unary", { messages: 3 })).toMatch(/unary: remove it/);
    expect(problem("serverStream", { messages: 3 })).toBeUndefined();
    expect(problem("unary", { requestBytes: 3 })).toBeUndefined();
  });

  test.each(["requestBytes", "responseBytes", "messages"] as const)("%s of 0 is refused", (key) => {
    expect(() => limits.fields[key].parse(0)).toThrow();
    expect(limits.fields[key].parse(8 * 1024 * 1024)).toBe(8 * 1024 * 1024);
  });
});
