import type { RateLimitConfig } from "@protomesh/runtime/policies";
import { changed, flag, type Judge, type ListKind, ordered, type Verdict, without } from "../verdict.ts";

/** Keys that only a verified caller has. */
const ofIdentity = (key: string): boolean => key === "principal" || key.startsWith("claim:");

/** Keys that a caller can choose at will. */
const ofChoice = (key: string): boolean => key.startsWith("metadata:") || key.startsWith("field:");

const by: Judge<readonly string[]> = (before = [], after = []) => {
  const dropped = without(before, after);
  const added = without(after, before);
  const verdicts: Verdict[] = [];
  if (dropped.some(ofIdentity))
    verdicts.push(["security", `${dropped.join(", ")}: a caller can use up what others were promised`]);
  else if (dropped.length > 0) verdicts.push(["capacity", `${dropped.join(", ")}: more callers share a bucket`]);
  if (added.some(ofChoice)) verdicts.push(["load", `${added.join(", ")}: a caller can choose another bucket`]);
  else if (added.length > 0) verdicts.push(["operational", `${added.join(", ")}: fewer callers share a bucket`]);
  return verdicts;
};

const cost: Judge<string> = (before, after) => [
  Number(after) < Number(before)
    ? ["operational", "a call takes less"]
    : ["capacity", "a call takes more, or may do so"],
];

/** `rate_limit`, limit by limit. */
export const rateLimit: ListKind<RateLimitConfig> = {
  idle: (before, after) => before.shadow && after.shadow,
  added: ({ shadow }) => [
    shadow ? ["operational", "calls beyond it are counted, not refused"] : ["capacity", "calls beyond it are refused"],
  ],
  removed: ({ shadow }) => [
    ["operational", shadow ? "calls are no longer counted" : "calls beyond it are no longer refused"],
  ],
  rows: {
    name: changed(["none", "another name"]),
    perSecond: ordered({
      raised: ["operational", "more calls are admitted"],
      lowered: ["capacity", "fewer calls are admitted"],
    }),
    burst: ordered({
      raised: ["operational", "more calls are admitted at once"],
      lowered: ["capacity", "fewer calls are admitted at once"],
    }),
    by,
    cost,
    shared: flag({
      on: ["capacity", "replicas share one bucket: together they admit fewer calls"],
      off: ["operational", "each replica has a bucket of its own: together they admit more calls"],
    }),
    failClosed: flag({
      on: ["capacity", "calls are refused while the store is away"],
      off: ["operational", "calls are admitted while the store is away"],
    }),
    shadow: flag({
      on: ["operational", "calls beyond the limit are no longer refused"],
      off: ["capacity", "calls beyond the limit are refused"],
    }),
    scope: (_, after) => [
      after === "service"
        ? ["capacity", "the methods of the service share the bucket"]
        : ["operational", "the method has a bucket of its own"],
    ],
  },
};
