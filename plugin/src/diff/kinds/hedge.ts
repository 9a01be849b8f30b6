import type { HedgeConfig } from "@protomesh/runtime/policies";
import { each, type Judge, type Kind, ordered } from "../verdict.ts";
import { budget } from "./budget.ts";

const later = ordered({
  raised: ["operational", "another request is sent later"],
  lowered: ["load", "another request is sent sooner"],
});

/** When delay and percentile take each other's place, nobody knows which is longer. */
const delay: Judge<number> = (before, after, both) =>
  before === undefined || after === undefined
    ? [["load", "another request is sent by another measure, perhaps sooner"]]
    : later(before, after, both);

/** `hedge`. */
export const hedge: Kind<HedgeConfig> = {
  added: ({ attempts }) => [["load", `a slow call is sent up to ${attempts} times`]],
  removed: () => [["operational", "a slow call is sent once"]],
  rows: {
    attempts: ordered({
      raised: ["load", "a slow call is sent more often"],
      lowered: ["operational", "a slow call is sent less often"],
    }),
    delayMs: delay,
    percentile: delay,
    keepGoingOn: each({
      added: ["load", "another request follows a failure with it at once"],
      removed: ["operational", "a failure with it ends the call"],
    }),
    budget: { rows: budget, as: "retry.budget" },
  },
};
