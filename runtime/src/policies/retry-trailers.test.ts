import { expect, test } from "vitest";
import { Cancellation } from "../core/cancellation.ts";
import { RpcError } from "../core/error.ts";
import type { Handler, Layer } from "../core/layer.ts";
import { Metadata } from "../core/metadata.ts";
import { mountLayers, settled } from "../testing.ts";
import { type RetryConfig, retry } from "./retry.ts";

const config: RetryConfig = {
  attempts: 3,
  on: ["UNAVAILABLE"],
  initialMs: 100,
  maxMs: 100,
  multiplier: 1,
  jitter: "NONE",
  attemptTimeout: false,
  budget: { ratio: 1, floorPerSecond: 10, windowMs: 1000 },
};

/** An attempt, the trailers that it brings before its outcome is known, and those that come after. */
interface Attempt {
  readonly before?: string;
  readonly after?: string;
  readonly outcome: unknown;
}

const down = new RpcError("UNAVAILABLE", "down");
const refused = new RpcError("UNAVAILABLE", "not called", { refusedBy: "circuitBreaker" });
const reply = { some: "reply" };

/** Makes a call of which each attempt says something else; returns what its caller hears and gets. */
async function call(attempts: readonly Attempt[], options: { hear?: () => void; cancelAt?: number } = {}) {
  const heard: (string | undefined)[] = [];
  const late: (() => void)[] = [];
  const handler: Handler = async ({ attempt, onTrailers }) => {
    const { before, after, outcome } = attempts[attempt - 1] as Attempt;
    const tell = (word: string) => onTrailers?.(Metadata.from({ word }));
    if (before) tell(before);
    if (after) late.push(() => tell(after));
    if (outcome instanceof Error) throw outcome;
    return outcome;
  };
  const layers = (site: Parameters<NonNullable<typeof retry.client>>[1]) => [
    retry.client?.(config, site),
    () => handler,
  ];
  const { send, clock } = mountLayers(layers as (site: unknown) => Layer[]);
  const cancellation = new Cancellation();
  const onTrailers = (trailers: Metadata) => {
    heard.push(trailers.get("word"));
    options.hear?.();
  };
  const outcome = send({}, { onTrailers, cancellation }).catch((error) => error);
  if (options.cancelAt !== undefined) {
    await clock.advance(options.cancelAt);
    cancellation.cancel(new RpcError("CANCELLED", "enough"));
  }
  await clock.advance(1000);
  for (const tell of late) tell();
  await settled();
  return { heard, outcome: await outcome };
}

test.each<[string, readonly Attempt[], string[]]>([
  [
    "the last of several",
    [
      { before: "one", outcome: down },
      { before: "two", outcome: reply },
    ],
    ["two"],
  ],
  [
    "one whose reply is known first, as that of a stream",
    [
      { before: "one", outcome: down },
      { after: "two", outcome: reply },
    ],
    ["two"],
  ],
  [
    "the last, also when those of one before come late",
    [
      { after: "one", outcome: down },
      { before: "two", outcome: reply },
    ],
    ["two"],
  ],
  [
    "the last that was sent, when this process refuses the next",
    [{ before: "one", outcome: down }, { outcome: refused }],
    ["one"],
  ],
  ["one that this process refuses, when it is the first", [{ before: "one", outcome: refused }], ["one"]],
  ["nobody, when there are none", [{ outcome: down }, { outcome: reply }], []],
])("the caller hears the trailers of %s", async (_, attempts, words) => {
  expect((await call(attempts)).heard).toEqual(words);
});

test("a caller that gives up during a wait hears the trailers of the attempt before", async () => {
  const { heard, outcome } = await call([{ before: "one", outcome: down }], { cancelAt: 50 });
  expect(heard).toEqual(["one"]);
  expect(outcome).toMatchObject({ code: "CANCELLED" });
});

test("a callback that throws ends the call", async () => {
  const oops = new Error("oops");
  const hear = () => {
    throw oops;
  };
  const attempts = [{ outcome: down }, { before: "two", outcome: reply }];
  expect((await call(attempts, { hear })).outcome).toMatchObject({ code: "CANCELLED", cause: oops });
});
