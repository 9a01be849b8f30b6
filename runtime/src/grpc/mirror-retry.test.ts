/** Our retry and that of grpc-js play the same script: the same attempts, wherever grpc-js does what gRFC A6 says. */
import { describe, expect, test } from "vitest";
import { type Account, mirror, type Setting, type Turn } from "../../test/mirror.ts";
import type { Code } from "../core/error.ts";
import type { MethodPolicy } from "../policies/index.ts";

const plenty = { ratio: 1, floorPerSecond: 1000, windowMs: 10_000 };

/** One retry policy in both languages. */
function retrying(attempts: number, on: readonly Code[], initialMs = 2, budget = plenty): Setting {
  const maxMs = 20;
  const retry: MethodPolicy["retry"] = {
    attempts,
    on,
    initialMs,
    maxMs,
    multiplier: 2,
    jitter: "PROPORTIONAL",
    attemptTimeout: false,
    budget,
  };
  const retryPolicy = {
    maxAttempts: attempts,
    initialBackoff: `${initialMs / 1000}s`,
    maxBackoff: `${maxMs / 1000}s`,
    backoffMultiplier: 2,
    retryableStatusCodes: on,
  };
  return { policy: { retry }, methodConfig: { retryPolicy } };
}

const three = retrying(3, ["UNAVAILABLE"]);
const away: Turn = { code: "UNAVAILABLE" };
const fine: Turn = {};
const answered = (times: number) => Array.from({ length: times }, () => "answered" as const);

interface Case {
  readonly title: string;
  readonly script: readonly Turn[];
  readonly setting?: Partial<Setting>;
  readonly want: Account;
}

const stream = { kind: "serverStream" } as const;

const alike: readonly Case[] = [
  { title: "an answer", script: [fine], want: { status: "OK", attempts: answered(1), messages: 1 } },
  {
    title: "one failure",
    script: [away, fine],
    want: { status: "OK", attempts: answered(2), messages: 1 },
  },
  {
    title: "two failures",
    script: [away, away, fine],
    want: { status: "OK", attempts: answered(3), messages: 1 },
  },
  {
    title: "as many failures as attempts",
    script: [away],
    want: { status: "UNAVAILABLE", attempts: answered(3), messages: 0 },
  },
  {
    title: "five attempts",
    script: [away],
    setting: retrying(5, ["UNAVAILABLE"]),
    want: { status: "UNAVAILABLE", attempts: answered(5), messages: 0 },
  },
  {
    title: "a code that is not listed",
    script: [{ code: "INTERNAL" }, fine],
    want: { status: "INTERNAL", attempts: answered(1), messages: 0 },
  },
  {
    title: "a listed code, then another",
    script: [away, { code: "NOT_FOUND" }, fine],
    want: { status: "NOT_FOUND", attempts: answered(2), messages: 0 },
  },
  {
    title: "two listed codes",
    script: [{ code: "ABORTED" }, away, fine],
    setting: retrying(3, ["ABORTED", "UNAVAILABLE"]),
    want: { status: "OK", attempts: answered(3), messages: 1 },
  },
  {
    title: "DEADLINE_EXCEEDED that the server says, when it is listed",
    script: [{ code: "DEADLINE_EXCEEDED" }, fine],
    setting: retrying(3, ["DEADLINE_EXCEEDED"]),
    want: { status: "OK", attempts: answered(2), messages: 1 },
  },
  {
    title: "headers, then a failure: the call is committed",
    script: [{ ...away, headers: true }, fine],
    want: { status: "UNAVAILABLE", attempts: answered(1), messages: 0 },
  },
  {
    title: "a failure, then headers and a failure",
    script: [away, { ...away, headers: true }, fine],
    want: { status: "UNAVAILABLE", attempts: answered(2), messages: 0 },
  },
  {
    title: "a stream after a failure",
    script: [away, { messages: 3 }],
    setting: stream,
    want: { status: "OK", attempts: answered(2), messages: 3 },
  },
  {
    title: "a stream that fails in the middle",
    script: [{ ...away, messages: 2 }, fine],
    setting: stream,
    want: { status: "UNAVAILABLE", attempts: answered(1), messages: 2 },
  },
  {
    title: "a stream that fails after its headers",
    script: [{ ...away, headers: true }, fine],
    setting: stream,
    want: { status: "UNAVAILABLE", attempts: answered(1), messages: 0 },
  },
  {
    title: "a stream that never begins",
    script: [away],
    setting: stream,
    want: { status: "UNAVAILABLE", attempts: answered(3), messages: 0 },
  },
  {
    title: "an empty stream",
    script: [away, { messages: 0 }],
    setting: stream,
    want: { status: "OK", attempts: answered(2), messages: 0 },
  },
  {
    title: "a pushback of 0",
    script: [{ ...away, pushback: ["0"] }, fine],
    want: { status: "OK", attempts: answered(2), messages: 1 },
  },
  {
    title: "a pushback of 20 ms in place of a backoff that would outlast the deadline",
    script: [{ ...away, pushback: ["20"] }, fine],
    // The first wait would be 16 seconds at least.
    setting: { ...longWaits(), timeoutMs: 5000 },
    want: { status: "OK", attempts: answered(2), messages: 1 },
  },
  {
    title: "a negative pushback",
    script: [{ ...away, pushback: ["-1"] }, fine],
    want: { status: "UNAVAILABLE", attempts: answered(1), messages: 0 },
  },
  {
    title: "a pushback, then a negative one",
    script: [{ ...away, pushback: ["5"] }, { ...away, pushback: ["-20"] }, fine],
    want: { status: "UNAVAILABLE", attempts: answered(2), messages: 0 },
  },
  {
    title: "a pushback with a code that is not listed",
    script: [{ code: "INTERNAL", pushback: ["0"] }, fine],
    want: { status: "INTERNAL", attempts: answered(1), messages: 0 },
  },
  {
    title: "pushbacks up to the last attempt",
    script: [{ ...away, pushback: ["1"] }],
    want: { status: "UNAVAILABLE", attempts: answered(3), messages: 0 },
  },
  {
    title: "a stream that is pushed back",
    script: [{ ...away, pushback: ["1"] }, { messages: 2 }],
    setting: stream,
    want: { status: "OK", attempts: answered(2), messages: 2 },
  },
  {
    title: "RESOURCE_EXHAUSTED with a pushback",
    script: [{ code: "RESOURCE_EXHAUSTED", pushback: ["1"] }, fine],
    setting: retrying(3, ["RESOURCE_EXHAUSTED"]),
    want: { status: "OK", attempts: answered(2), messages: 1 },
  },
  {
    title: "a deadline in the first attempt",
    script: [{ hold: true }, fine],
    setting: { timeoutMs: 200 },
    want: { status: "DEADLINE_EXCEEDED", attempts: ["cancelled"], messages: 0 },
  },
  {
    title: "a deadline in the second attempt",
    script: [away, { hold: true }, fine],
    setting: { timeoutMs: 400 },
    want: { status: "DEADLINE_EXCEEDED", attempts: ["answered", "cancelled"], messages: 0 },
  },
  {
    title: "a budget for one retry, and throttling that has one",
    script: [away],
    setting: {
      ...retrying(4, ["UNAVAILABLE"], 2, { ratio: 0.001, floorPerSecond: 0.1, windowMs: 10_000 }),
      // 4 tokens: 3 after the first failure, and 2 after the second, which is no more than half.
      retryThrottling: { maxTokens: 4, tokenRatio: 0.1 },
      calls: 2,
    },
    want: { status: "UNAVAILABLE", attempts: answered(3), messages: 0 },
  },
];

/** A first wait of about 20 seconds. */
function longWaits(): Setting {
  const { policy, methodConfig } = retrying(3, ["UNAVAILABLE"]);
  const { retryPolicy } = methodConfig as { retryPolicy: object };
  return {
    policy: { retry: { ...(policy.retry as NonNullable<MethodPolicy["retry"]>), initialMs: 20_000, maxMs: 20_000 } },
    methodConfig: { retryPolicy: { ...retryPolicy, initialBackoff: "20s", maxBackoff: "20s" } },
  };
}

describe("as grpc-js does", () => {
  test.each(alike)("$title", async ({ script, setting, want }) => {
    expect(await mirror(script, { ...three, ...setting })).toEqual({ ours: want, theirs: want });
  });
});

interface Difference extends Omit<Case, "want"> {
  readonly ours: Account;
  readonly theirs: Account;
}

/** gRFC A6, "Pushback": a value that is no int32 says that there must be no retry. */
const unreadable = (title: string, ...pushback: string[]): Difference => ({
  title,
  script: [{ ...away, pushback }, fine],
  ours: { status: "UNAVAILABLE", attempts: answered(1), messages: 0 },
  theirs: { status: "OK", attempts: answered(2), messages: 1 },
});

describe("as gRFC A6 says, where grpc-js retries", () => {
  test.each([
    unreadable("after a pushback that is no number", "abc"),
    unreadable("after an empty pushback", ""),
    unreadable("after two pushbacks", "1", "1"),
    unreadable("after a pushback beyond int32", "4294967296000"),
    unreadable("after a pushback with a unit", "5ms"),
    unreadable("after a fractional pushback", "1.5"),
  ])("$title", async ({ script, setting, ours, theirs }) => {
    expect(await mirror(script, { ...three, ...setting })).toEqual({ ours, theirs });
  });
});

describe("beyond gRFC A6, which leaves it open", () => {
  test.each<Difference>([
    {
      title: "an attempt that could not start in time: ours fails at once with what the server said",
      script: [{ ...away, pushback: ["60000"] }, fine],
      setting: { timeoutMs: 200 },
      ours: { status: "UNAVAILABLE", attempts: answered(1), messages: 0 },
      theirs: { status: "DEADLINE_EXCEEDED", attempts: answered(1), messages: 0 },
    },
    {
      title: "RESOURCE_EXHAUSTED without word of when: ours leaves the server alone",
      script: [{ code: "RESOURCE_EXHAUSTED" }, fine],
      setting: retrying(3, ["RESOURCE_EXHAUSTED"]),
      ours: { status: "RESOURCE_EXHAUSTED", attempts: answered(1), messages: 0 },
      theirs: { status: "OK", attempts: answered(2), messages: 1 },
    },
  ])("$title", async ({ script, setting, ours, theirs }) => {
    expect(await mirror(script, { ...three, ...setting })).toEqual({ ours, theirs });
  });
});
