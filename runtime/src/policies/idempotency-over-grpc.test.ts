/** One effect per key between real clients and servers, over sockets and through the gateway. */

import { createHash } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect, onTestFinished, test } from "vitest";
import { AllKinds } from "../../test/kitchen/kitchen.ts";
import { Kitchen } from "../../test/kitchen/kitchen_mesh.ts";
import { cook, gate, type KitchenMethods } from "../../test/over-grpc.ts";
import { start, targetOf } from "../../test/serving.ts";
import { createClient } from "../client.ts";
import type { CallContext } from "../core/context.ts";
import { type Decision, policyChannel } from "../core/decision.ts";
import { RpcError } from "../core/error.ts";
import type { MethodSpec } from "../core/spec.ts";
import { BadRequest } from "../messages/details.ts";
import { findDetail } from "../messages/status.ts";
import type { ServeOptions } from "../serve/options.ts";
import { implement } from "../server.ts";
import { apiKeys } from "./auth.ts";
import type { MethodPolicy } from "./index.ts";

const open = { access: "PUBLIC", providers: [], scopes: [], audiences: [] } as const;
const retry = {
  attempts: 4,
  on: ["UNAVAILABLE", "DEADLINE_EXCEEDED"],
  initialMs: 1,
  maxMs: 1,
  multiplier: 1,
  jitter: "NONE",
  attemptTimeout: true,
  budget: { ratio: 1, floorPerSecond: 100, windowMs: 10_000 },
} as const;

/** A kitchen whose mirror takes effect once per key, at both doors. */
async function kitchen(
  policy: MethodPolicy,
  mirror: KitchenMethods["mirror"],
  auth?: Parameters<typeof start>[0]["auth"],
) {
  const { mirror: method } = Kitchen.methods;
  const spec = {
    ...Kitchen,
    methods: { ...Kitchen.methods, mirror: { ...method, policy: { auth: open, ...policy } } },
  } as typeof Kitchen;
  const services = [implement(spec, { ...cook, mirror } as Kitchen)];
  const server = await start({ services, grpc: "127.0.0.1:0", http: "127.0.0.1:0", ...(auth && { auth }) });
  const post = (body: object, headers: Record<string, string> = {}) =>
    fetch(`${server.http?.url}/v1/mirror`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return { client: createClient(spec, targetOf(server)), post };
}

const inField = { key: "field:text", windowMs: 60_000 };
const inMetadata = { key: "metadata:order-key", windowMs: 60_000 };

test.each([
  ["field", inField],
  ["metadata", inMetadata],
])(
  "attempts carry one key in the %s: what took effect and lost its answer is answered, not done again",
  async (_, idempotency) => {
    const keys: unknown[] = [];
    const work = gate();
    let runs = 0;
    const { client } = await kitchen(
      { idempotency, retry, timeout: { attemptMs: 300 } },
      async (request, { requestMetadata }: CallContext) => {
        keys.push(requestMetadata.get("order-key") ?? request.text);
        runs++;
        if (runs === 1) throw new RpcError("UNAVAILABLE", "not now");
        // The second attempt is cut while it works; the third one finds it working.
        await work.promise;
        return { ...request, small: runs };
      },
    );
    const waiting = (message: unknown) => (message as Decision).outcome === "waited" && work.open();
    subscribe(policyChannel, waiting);
    onTestFinished(() => void unsubscribe(policyChannel, waiting));
    expect((await client.mirror(AllKinds.create())).small).toBe(2);
    expect(runs).toBe(2);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  },
);

test("another request under the key tells which field holds it", async () => {
  const { client } = await kitchen({ idempotency: inField }, async (request) => request);
  await client.mirror(AllKinds.create({ text: "k", small: 1 }));
  const error = await client.mirror(AllKinds.create({ text: "k", small: 2 })).catch((error) => error);
  expect(error).toMatchObject({ code: "INVALID_ARGUMENT", origin: "peer" });
  expect(findDetail(error, BadRequest)?.fieldViolations).toMatchObject([{ field: "text" }]);
});

test("HTTP repeats by header, shares answers with gRPC, and has no key of its own", async () => {
  let runs = 0;
  const { client, post } = await kitchen({ idempotency: inMetadata }, async (request) => ({
    ...request,
    large: BigInt(++runs),
  }));
  const key = { "Order-Key": "a" };
  expect(await (await post({ text: "x" }, key)).json()).toMatchObject({ large: "1" });
  expect(await (await post({ text: "x" }, key)).json()).toMatchObject({ large: "1" });
  const again = await client.mirror(AllKinds.create({ text: "x" }), { metadata: { "order-key": "a" } });
  expect(again.large).toBe(1n);

  const other = await post({ text: "y" }, key);
  expect(other.status).toBe(400);
  expect(await other.json()).toMatchObject({
    code: 3,
    details: [{ fieldViolations: [{ field: "metadata:order-key" }] }],
  });

  await post({ text: "x" });
  await post({ text: "x" });
  expect(runs).toBe(3);
});

test("failures that stay are answered again, with their details; callers do not share keys", async () => {
  let runs = 0;
  const key = (of: string) => ({ sha256: createHash("sha256").update(of).digest("hex"), subject: of, scopes: [] });
  const users = apiKeys({ keys: [key("ann"), key("bob")] });
  const { client } = await kitchen(
    { idempotency: inField, auth: { ...open, access: "AUTHENTICATED" } },
    async () => {
      runs++;
      throw new RpcError("NOT_FOUND", `run ${runs}`, { details: [{ type: "t.T", value: new Uint8Array([1]) }] });
    },
    { providers: { users } },
  );
  const ask = (who: string) =>
    client.mirror(AllKinds.create({ text: "k" }), { metadata: { "x-api-key": who } }).catch((error) => error);
  const [first, again] = [await ask("ann"), await ask("ann")];
  for (const error of [first, again]) {
    expect(error).toMatchObject({ code: "NOT_FOUND", text: "run 1", details: [{ type: "t.T" }] });
  }
  expect(await ask("bob")).toMatchObject({ text: "run 2" });
});

test("a caller that hangs up leaves its work to those who wait", async () => {
  const started = gate();
  const done = gate();
  let runs = 0;
  const { client } = await kitchen({ idempotency: inField }, async (request) => {
    runs++;
    started.open();
    await done.promise;
    return request;
  });
  onTestFinished(() => done.open());
  const abort = new AbortController();
  const request = AllKinds.create({ text: "k" });
  const first = expect(client.mirror(request, { signal: abort.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  await started.promise;
  const second = client.mirror(request);
  abort.abort();
  await first;
  done.open();
  expect(await second).toMatchObject({ text: "k" });
  expect(runs).toBe(1);
});

/** A server of the mirror alone, whose codecs count. */
async function counting(layers: ServeOptions["layers"] = []) {
  const method = Kitchen.methods.mirror as MethodSpec;
  const count = { encoded: 0 };
  const encode = (message: unknown) => {
    count.encoded++;
    return method.reply.encode(message);
  };
  const served = {
    ...method,
    request: { ...method.request, encode },
    reply: { ...method.reply, encode },
    policy: { auth: open, idempotency: inMetadata },
  };
  const spec = { ...Kitchen, methods: { ...Kitchen.methods, mirror: served } } as typeof Kitchen;
  const mirror: KitchenMethods["mirror"] = async (request) => ({ ...request, small: request.small + 1 });
  const services = [implement(spec, { ...cook, mirror } as Kitchen)];
  const server = await start({ services, grpc: "127.0.0.1:0", layers });
  return { client: createClient(Kitchen, targetOf(server)), count };
}

test("what arrived as bytes is hashed as bytes, and a reply is encoded once, for the memory and for the wire", async () => {
  const { client, count } = await counting();
  const metadata = { "order-key": "one" };
  expect((await client.mirror(AllKinds.create({ small: 1 }), { metadata })).small).toBe(2);
  expect(count.encoded).toBe(1);
  expect((await client.mirror(AllKinds.create({ small: 1 }), { metadata })).small).toBe(2);
  expect(count.encoded).toBe(1);
  await expect(client.mirror(AllKinds.create({ small: 5 }), { metadata })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
});

test("what a layer of one's own changes in a reply is sent, and not remembered", async () => {
  const small: number[] = [];
  const change: NonNullable<ServeOptions["layers"]>[number] = {
    at: "outermost",
    layer: () => (next) => async (call) => {
      const reply = (await next(call)) as AllKinds;
      small.push(reply.small);
      reply.text = "changed";
      return reply;
    },
  };
  const { client } = await counting([change]);
  const metadata = { "order-key": "one" };
  for (const _ of [1, 2]) expect((await client.mirror(AllKinds.create(), { metadata })).text).toBe("changed");
  expect(small).toEqual([1, 1]);
});
