/** Our hedging and that of grpc-js play the same script: the same attempts, wherever grpc-js does what gRFC A6 says. */
import { describe, expect, test } from "vitest";
import { type Account, mirror, type Setting, type Turn } from "../../test/mirror.ts";
import type { Code } from "../core/error.ts";
import type { MethodPolicy } from "../policies/index.ts";

const plenty = { ratio: 1, floorPerSecond: 1000, windowMs: 10_000 };
const none = { ratio: 0.001, floorPerSecond: 0, windowMs: 10_000 };

/** One hedging policy in both languages. */
function hedging(attempts: number, delayMs: number, keepGoingOn: readonly Code[], budget = plenty): Setting {
  const hedge: MethodPolicy["hedge"] = { attempts, delayMs, keepGoingOn, budget };
  const hedgingPolicy = {
    maxAttempts: attempts,
    hedgingDelay: `${delayMs / 1000}s`,
    nonFatalStatusCodes: keepGoingOn,
  };
  return { policy: { hedge }, methodConfig: { hedgingPolicy } };
}

/** So long that no test gets there. */
const neverMs = 60_000;
const onFailure = hedging(3, neverMs, ["UNAVAILABLE"]);
const two = hedging(2, 40, ["UNAVAILABLE"]);
const three = hedging(3, 40, ["UNAVAILABLE"]);
/** Far more than an answer takes, so that what follows at once comes first. */
const unhurried = hedging(3, 250, ["UNAVAILABLE"]);
const away: Turn = { code: "UNAVAILABLE" };
const fine: Turn = {};
const silent: Turn = { hold: true };
const stream = { kind: "serverStream" } as const;

interface Case {
  readonly title: string;
  readonly script: readonly Turn[];
  readonly setting: Setting;
  readonly want: Account;
}

const alike: readonly Case[] = [
  {
    title: "an answer in time",
    script: [fine],
    setting: onFailure,
    want: { status: "OK", attempts: ["answered"], messages: 1 },
  },
  {
    title: "a silent first attempt is cancelled when the second answers",
    script: [silent, fine],
    setting: two,
    want: { status: "OK", attempts: ["cancelled", "answered"], messages: 1 },
  },
  {
    title: "two silent attempts",
    script: [silent, silent, fine],
    setting: three,
    want: { status: "OK", attempts: ["cancelled", "cancelled", "answered"], messages: 1 },
  },
  {
    title: "a listed code sends the next attempt at once",
    script: [away, fine],
    setting: onFailure,
    want: { status: "OK", attempts: ["answered", "answered"], messages: 1 },
  },
  {
    title: "as many listed codes as attempts",
    script: [away],
    setting: onFailure,
    want: { status: "UNAVAILABLE", attempts: ["answered", "answered", "answered"], messages: 0 },
  },
  {
    title: "five attempts",
    script: [away],
    setting: hedging(5, neverMs, ["UNAVAILABLE"]),
    want: {
      status: "UNAVAILABLE",
      attempts: ["answered", "answered", "answered", "answered", "answered"],
      messages: 0,
    },
  },
  {
    title: "another code ends the call",
    script: [{ code: "INTERNAL" }, fine],
    setting: onFailure,
    want: { status: "INTERNAL", attempts: ["answered"], messages: 0 },
  },
  {
    title: "another code ends the call, and cancels a silent attempt",
    script: [silent, { code: "NOT_FOUND" }, fine],
    setting: two,
    want: { status: "NOT_FOUND", attempts: ["cancelled", "answered"], messages: 0 },
  },
  {
    title: "a listed code while another attempt is silent",
    script: [silent, away, fine],
    setting: unhurried,
    want: { status: "OK", attempts: ["cancelled", "answered", "answered"], messages: 1 },
  },
  {
    title: "the last attempt fails, an earlier one answers",
    script: [{ hold: { untilEnded: 1 } }, away],
    setting: two,
    want: { status: "OK", attempts: ["answered", "answered"], messages: 1 },
  },
  {
    title: "headers commit the call: the others are cancelled, and no more are sent",
    script: [silent, { headers: true, hold: { untilEnded: 1 } }, fine],
    setting: unhurried,
    want: { status: "OK", attempts: ["cancelled", "answered"], messages: 1 },
  },
  {
    title: "headers, then a listed code: the call is committed",
    script: [{ ...away, headers: true }, fine],
    setting: onFailure,
    want: { status: "UNAVAILABLE", attempts: ["answered"], messages: 0 },
  },
  {
    title: "a stream after a silent attempt",
    script: [silent, { messages: 3 }],
    setting: { ...two, ...stream },
    want: { status: "OK", attempts: ["cancelled", "answered"], messages: 3 },
  },
  {
    title: "a stream after a failure",
    script: [away, { messages: 2 }],
    setting: { ...onFailure, ...stream },
    want: { status: "OK", attempts: ["answered", "answered"], messages: 2 },
  },
  {
    title: "a stream that fails in the middle",
    script: [{ ...away, messages: 2 }, fine],
    setting: { ...onFailure, ...stream },
    want: { status: "UNAVAILABLE", attempts: ["answered"], messages: 2 },
  },
  {
    title: "a deadline over silent attempts",
    script: [silent],
    setting: { ...hedging(3, 20, ["UNAVAILABLE"]), timeoutMs: 500 },
    want: { status: "DEADLINE_EXCEEDED", attempts: ["cancelled", "cancelled", "cancelled"], messages: 0 },
  },
  {
    title: "a pushback of 0",
    script: [{ ...away, pushback: ["0"] }, fine],
    setting: onFailure,
    want: { status: "OK", attempts: ["answered", "answered"], messages: 1 },
  },
  {
    title: "a pushback of 20 ms",
    script: [{ ...away, pushback: ["20"] }, fine],
    setting: onFailure,
    want: { status: "OK", attempts: ["answered", "answered"], messages: 1 },
  },
  {
    title: "a negative pushback when nothing else is under way",
    script: [{ ...away, pushback: ["-1"] }, fine],
    setting: onFailure,
    want: { status: "UNAVAILABLE", attempts: ["answered"], messages: 0 },
  },
  {
    title: "a pushback with a code that is not listed",
    script: [{ code: "INTERNAL", pushback: ["0"] }, fine],
    setting: onFailure,
    want: { status: "INTERNAL", attempts: ["answered"], messages: 0 },
  },
];

describe("as grpc-js does", () => {
  test.each(alike)("$title", async ({ script, setting, want }) => {
    expect(await mirror(script, setting)).toEqual({ ours: want, theirs: want });
  });
});

interface Difference extends Omit<Case, "want"> {
  readonly ours: Account;
  readonly theirs: Account;
}

/** gRFC A6, "Pushback": a value that is no int32 says that nothing more must be sent. */
const unreadable = (title: string, ...pushback: string[]): Difference => ({
  title,
  script: [{ ...away, pushback }, fine],
  setting: onFailure,
  ours: { status: "UNAVAILABLE", attempts: ["answered"], messages: 0 },
  theirs: { status: "OK", attempts: ["answered", "answered"], messages: 1 },
});

describe("as gRFC A6 says, where grpc-js", () => {
  test.each([
    unreadable("sends another attempt after a pushback that is no number", "abc"),
    unreadable("sends another attempt after an empty pushback", ""),
    unreadable("sends another attempt after two pushbacks", "1", "1"),
    {
      title: "sends attempts that the throttling forbids",
      script: [away],
      setting: {
        ...hedging(3, neverMs, ["UNAVAILABLE"], none),
        // 1 token after the first failure, and that is no more than half.
        retryThrottling: { maxTokens: 2, tokenRatio: 0.1 },
      },
      ours: { status: "UNAVAILABLE", attempts: ["answered"], messages: 0 },
      theirs: { status: "UNAVAILABLE", attempts: ["answered", "answered", "answered"], messages: 0 },
    },
    {
      title: "cancels what is under way when the server wants no more attempts",
      script: [{ hold: { untilEnded: 1 } }, { ...away, pushback: ["-1"] }, fine],
      setting: unhurried,
      ours: { status: "OK", attempts: ["answered", "answered"], messages: 1 },
      theirs: { status: "UNAVAILABLE", attempts: ["cancelled", "answered"], messages: 0 },
    },
    {
      title: "does not wait as long as the server says",
      script: [{ ...away, pushback: ["60000"] }, fine],
      setting: { ...unhurried, timeoutMs: 2000 },
      ours: { status: "UNAVAILABLE", attempts: ["answered"], messages: 0 },
      theirs: { status: "OK", attempts: ["answered", "answered"], messages: 1 },
    },
  ] satisfies Difference[])("$title", async ({ script, setting, ours, theirs }) => {
    expect(await mirror(script, setting)).toEqual({ ours, theirs });
  });
});
