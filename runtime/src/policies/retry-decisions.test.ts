import { expect, test } from "vitest";
import { decisionsOf } from "../../test/decisions.ts";
import type { Call } from "../core/call.ts";
import { RpcError } from "../core/error.ts";
import { Metadata } from "../core/metadata.ts";
import type { MethodFacts } from "../core/policy.ts";
import { siteFactory } from "../core/site.ts";
import { FakeClock, mount } from "../testing.ts";
import { type RetryConfig, retry } from "./retry.ts";

const config: RetryConfig = {
  attempts: 3,
  on: ["UNAVAILABLE"],
  initialMs: 100,
  maxMs: 1000,
  multiplier: 2,
  jitter: "NONE",
  attemptTimeout: false,
  budget: { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 },
};

const away = () => new RpcError("UNAVAILABLE", "not now");
const at = { policy: "retry", method: "/test.v1.Test/Call" };

/** What the policy says of one call to a peer that always fails. */
const decisionsAbout = (part: Partial<RetryConfig>, timeoutMs?: number) =>
  decisionsOf(async () => {
    const { send, clock } = mount(
      retry,
      { ...config, ...part },
      {
        handler: () => {
          throw away();
        },
      },
    );
    const call = send({}, { timeoutMs }).catch(() => {});
    await clock.advance(2000);
    await call;
  });

test("says of each further attempt that it was sent, and nothing of the end", async () => {
  expect(await decisionsAbout({})).toEqual([
    { ...at, outcome: "sent", detail: { attempt: 2 } },
    { ...at, outcome: "sent", detail: { attempt: 3 } },
  ]);
});

test("says that the budget had none left", async () => {
  const budget = { ratio: 0.001, floorPerSecond: 0.1, windowMs: 10_000 };
  expect(await decisionsAbout({ budget })).toEqual([
    { ...at, outcome: "sent", detail: { attempt: 2 } },
    { ...at, outcome: "exhausted", detail: { attempt: 3 } },
  ]);
});

test("says that an attempt could not have started in time", async () => {
  expect(await decisionsAbout({}, 250)).toEqual([
    { ...at, outcome: "sent", detail: { attempt: 2 } },
    { ...at, outcome: "late", detail: { attempt: 3 } },
  ]);
});

test("lists all that it says", () => {
  expect(Object.keys(retry.reference.outcomes).sort()).toEqual(["exhausted", "late", "sent"]);
});

test("a timer that is late for the deadline starts no attempt", async () => {
  class Late extends FakeClock {
    override schedule(delayMs: number, run: () => void) {
      return super.schedule(delayMs + 300, run);
    }
  }
  const clock = new Late();
  const { send, seen, method } = mount(retry, config);
  await send();
  const error = away();
  let sent = 0;
  const handler = retry.client?.(
    config,
    siteFactory({ clock })(method),
  )?.(() => {
    sent++;
    return Promise.reject(error);
  });
  const reply = expect(handler?.({ ...(seen[0] as Call), deadline: 200 })).rejects.toBe(error);
  await clock.advance(1000);
  await reply;
  expect(sent).toBe(1);
});

test("the peer's own word ends a call that is out of time", async () => {
  const metadata = Metadata.from({ "grpc-retry-pushback-ms": "500" });
  const error = new RpcError("UNAVAILABLE", "not now", { metadata });
  const { send, clock } = mount(retry, config, {
    handler: () => {
      throw error;
    },
  });
  await expect(send({}, { timeoutMs: 400 })).rejects.toBe(error);
  expect([clock.now(), clock.pending]).toEqual([0, 0]);
});

test("an idempotency key is a promise that a retry does no harm", () => {
  const facts: MethodFacts = {
    path: "/a.B/C",
    kind: "unary",
    idempotency: undefined,
    policy: {},
    field: () => undefined,
    replyProblem: () => undefined,
    sibling: () => undefined,
  };
  const found = (on: RetryConfig["on"], policy: MethodFacts["policy"]) =>
    retry.rules?.filter(({ check }) => check({ ...config, on }, { ...facts, policy })).map(({ id }) => id);
  const key = { idempotency: { key: "field:request_id" } };
  expect(found(["INTERNAL"], {})).toEqual(["retry/needs-idempotency"]);
  expect(found(["UNAVAILABLE"], {})).toEqual(["retry/unavailable-after-work"]);
  expect(found(["INTERNAL"], key)).toEqual([]);
  expect(found(["UNAVAILABLE"], key)).toEqual([]);
});
