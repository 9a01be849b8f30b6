import type { TimeoutConfig } from "@protomesh/runtime/policies";
import { type Both, type Judge, type Kind, ordered, type Verdict } from "../verdict.ts";

const none = Number.POSITIVE_INFINITY;

const total: Judge<number> = (before, after, both) =>
  ordered({
    absent: none,
    raised: ["load", `callers wait longer for a server in trouble${promise(both)}`],
    lowered: ["load", `calls that took longer fail now${promise(both)}`],
  })(before, after, both);

/** What the method says about how fast it is, for who judges a deadline. */
function promise({ after: { policy } }: Both): string {
  const { latencyMs, quantile } = policy.objective ?? {};
  return latencyMs === undefined ? "" : `; the objective is ${latencyMs} ms for ${(quantile ?? 0.99) * 100} % of calls`;
}

const longerStreams: Verdict = ["operational", "streams may be silent for longer"];

/** `timeout`, option by option: each works without the others. */
export const timeout: Kind<TimeoutConfig> = {
  rows: {
    totalMs: total,
    maxMs: ordered({
      absent: none,
      raised: ["operational", "longer deadlines are accepted"],
      lowered: ["capacity", "longer deadlines of callers are cut to it"],
    }),
    attemptMs: ordered({
      absent: none,
      raised: ["operational", "attempts get more time"],
      lowered: ["load", "attempts that took longer are cut off, and may be sent again"],
    }),
    idleMs: ordered({
      absent: none,
      raised: longerStreams,
      lowered: ["capacity", "streams that were silent for longer are cut off"],
    }),
    reserveMs: ordered({
      absent: 0,
      raised: ["load", "calls to other services have less time"],
      lowered: ["operational", "calls to other services have more time"],
    }),
  },
};
