import { expect, test } from "vitest";
import type { MethodFacts } from "../core/policy.ts";
import { type HedgeConfig, hedge } from "./hedge.ts";

const config: HedgeConfig = {
  attempts: 4,
  delayMs: 100,
  keepGoingOn: ["UNAVAILABLE"],
  budget: { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 },
};
const facts: MethodFacts = {
  path: "/a.B/C",
  kind: "unary",
  idempotency: "IDEMPOTENT",
  policy: { timeout: { totalMs: 5000, attemptMs: 400 } },
  field: () => undefined,
  replyProblem: () => undefined,
  sibling: () => undefined,
};
const broken = (part: object, method: object) =>
  hedge.rules
    ?.filter(({ check }) => check({ ...config, ...part }, { ...facts, ...method }))
    .map(({ id, severity }) => `${severity} ${id}`);

test.each([
  ["error hedge/needs-idempotency", {}, { idempotency: undefined }],
  ["error hedge/with-retry", {}, { policy: { retry: {} } }],
  ["error hedge/delay-or-percentile", { delayMs: undefined }, {}],
  ["error hedge/delay-or-percentile", { percentile: 95 }, {}],
  ["error hedge/delay-beyond-total", {}, { policy: { timeout: { totalMs: 100 } } }],
  ["error hedge/delay-beyond-total", {}, { policy: { timeout: { maxMs: 100 } } }],
  ["warning hedge/delay-beyond-attempt", {}, { policy: { timeout: { attemptMs: 100 } } }],
  ["error hedge/final-code", { keepGoingOn: ["UNAVAILABLE", "NOT_FOUND"] }, {}],
  ["error hedge/client-stream", {}, { kind: "clientStream" }],
  ["error hedge/client-stream", {}, { kind: "bidi" }],
  ["warning hedge/server-stream", {}, { kind: "serverStream" }],
])("%s", (id, part, method) => {
  expect(broken(part, method)).toEqual([id]);
});

test("the rules are content with what fits", () => {
  expect(broken({}, {})).toEqual([]);
  expect(broken({ delayMs: undefined, percentile: 95 }, {})).toEqual([]);
  expect(broken({}, { idempotency: undefined, policy: { idempotency: { key: "field:request_id" } } })).toEqual([]);
  const cut = { policy: { timeout: { attemptMs: 100 } } };
  expect(broken({ keepGoingOn: ["DEADLINE_EXCEEDED"] }, cut)).toEqual([]);
});
