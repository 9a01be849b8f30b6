import type { RetryConfig } from "@protomesh/runtime/policies";
import { each, flag, type Kind, ordered } from "../verdict.ts";
import { budget } from "./budget.ts";

/** `retry`. */
export const retry: Kind<RetryConfig> = {
  added: ({ attempts }) => [["load", `a failing call is sent up to ${attempts} times`]],
  removed: () => [["operational", "a failing call is sent once"]],
  rows: {
    attempts: ordered({
      raised: ["load", "a failing call is sent more often"],
      lowered: ["operational", "a failing call is sent less often"],
    }),
    on: each({
      added: ["load", "calls that fail with it are now sent again"],
      removed: ["operational", "calls that fail with it are no longer sent again"],
    }),
    initialMs: ordered({
      raised: ["operational", "attempts follow later"],
      lowered: ["load", "attempts follow sooner"],
    }),
    maxMs: ordered({
      raised: ["operational", "attempts follow later"],
      lowered: ["load", "attempts follow sooner"],
    }),
    multiplier: ordered({
      raised: ["operational", "attempts follow later"],
      lowered: ["load", "attempts follow sooner"],
    }),
    jitter: (_, after) => [
      after === "NONE"
        ? ["load", "callers that failed together come back together"]
        : ["operational", "waits are spread in another way"],
    ],
    attemptTimeout: flag({
      on: ["load", "attempts that timeout.attempt cut off are sent again"],
      off: ["operational", "attempts that timeout.attempt cut off are no longer sent again"],
    }),
    budget: { rows: budget },
  },
};
