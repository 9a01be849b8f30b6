import type { CacheConfig } from "@protomesh/runtime/policies";
import { type Both, changed, flag, type Judge, type Kind, ordered, type Verdict, without } from "../verdict.ts";

const identity = (key: string): boolean => key === "principal" || key === "all" || key.startsWith("claim:");

/**
 * Which parts of a caller's identity keep its replies from others: undefined for all of them, so that nobody gets a reply of
 * somebody else's.
 */
function identityOf(vary: readonly string[]): readonly string[] | undefined {
  if (vary.includes("all")) return [];
  const claims = vary.filter((key) => key.startsWith("claim:"));
  return vary.includes("principal") || claims.length === 0 ? undefined : claims;
}

/** Which parts of the request do: undefined for all of them. */
function requestOf(vary: readonly string[]): readonly string[] | undefined {
  const fields = vary.filter((key) => key.startsWith("field:"));
  return fields.length === 0 ? undefined : fields;
}

/** Whether what tells replies apart does so no longer. */
function looser(before: readonly string[] | undefined, after: readonly string[] | undefined): boolean {
  if (after === undefined) return false;
  return before === undefined || without(before, after).length > 0;
}

const ofOthers: Verdict = ["security", "callers may get replies that were made for others"];

/** Whether a server knows its callers, so that one's reply may not be for the next. */
function knowsCallers({ policy: { auth } }: Both["after"]): boolean {
  return auth?.access === "AUTHENTICATED" || (auth?.access === "PUBLIC" && auth.providers.length > 0);
}

/** A client tells callers apart by all that they send, whichever claims are named. */
const side: Judge<CacheConfig["side"]> = (_, after, both) =>
  after === "SERVER" && identityOf(both.after.policy.cache?.vary ?? [])?.length
    ? [ofOthers]
    : [["semantic", "replies are kept elsewhere, so other calls share them"]];

const vary: Judge<readonly string[]> = (before = [], after = [], both) => {
  if (without(before, after).length + without(after, before).length === 0) return [];
  const verdicts: Verdict[] = [];
  if (looser(identityOf(before), identityOf(after))) verdicts.push(ofOthers);
  const others = (keys: readonly string[]) => keys.filter((key) => !identity(key) && !key.startsWith("field:"));
  const alike = looser(requestOf(before), requestOf(after));
  if (alike || without(others(before), others(after)).length > 0)
    verdicts.push(["semantic", "calls that differ get the same reply"]);
  // The rule has looked at a caller's own request, and the reply may be that of another one.
  if (alike && identityOf(after) !== undefined && both.after.policy.auth?.rule !== undefined) verdicts.push(ofOthers);
  if (verdicts.length === 0) verdicts.push(["load", "fewer calls get the same reply, so more reach the server"]);
  return verdicts;
};

/** `cache`. */
export const cache: Kind<CacheConfig> = {
  added: (config, { after }) => [
    ["semantic", "replies may be older"],
    ...(identityOf(config.vary) !== undefined && knowsCallers(after) ? [ofOthers] : []),
  ],
  removed: () => [["load", "every call reaches the server"]],
  rows: {
    ttlMs: ordered({
      raised: ["semantic", "replies may be older"],
      lowered: ["load", "more calls reach the server"],
    }),
    staleWhileRevalidateMs: ordered({
      absent: 0,
      raised: ["semantic", "replies may be older while a new one is fetched"],
      lowered: ["operational", "replies are newer; some calls wait for them"],
    }),
    staleIfErrorMs: ordered({
      absent: 0,
      raised: ["semantic", "replies may be older when the server fails"],
      lowered: ["operational", "callers see failures that an old reply has hidden"],
    }),
    vary,
    coalesce: flag({
      on: ["semantic", "calls that ask for the same at the same time share one"],
      off: ["load", "calls that ask for the same at the same time all reach the server"],
    }),
    side,
    maxBytes: changed(["operational", "another number of replies is kept"]),
  },
};
