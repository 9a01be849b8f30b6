import { choice, duration, flag, list, number, parseKey } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";
import type { CacheConfig } from "./cache/config.ts";
import { keepOnClient, keepOnServer } from "./cache/layer.ts";
import { rules } from "./cache/rules.ts";

export type { CacheConfig } from "./cache/config.ts";

/** Answers with the reply of an earlier call. Source: RFC 9111, RFC 5861. */
export const cache: Policy<"cache", CacheConfig> = {
  name: "cache",
  option: "cache",
  enabledBy: "ttl",
  fields: {
    ttlMs: duration("ttl"),
    staleWhileRevalidateMs: duration("stale_while_revalidate"),
    staleIfErrorMs: duration("stale_if_error"),
    vary: list("vary", parseKey, { fallback: () => [] }),
    coalesce: flag("coalesce", { fallback: () => true }),
    side: choice("side", { fallback: () => "CLIENT" as const }),
    maxBytes: number("max_bytes", { min: 1024, fallback: () => 16 * 1024 * 1024 }),
  },
  client: keepOnClient,
  server: keepOnServer,
  rules,
  reference: {
    example: 'cache: { ttl: "30s" stale_while_revalidate: "5m" stale_if_error: "1h" }',
    errors: {},
    outcomes: {
      hit: "a fresh reply was given; the trailer `x-mesh-cache: hit` tells the caller, `x-mesh-age` how many seconds old it is",
      miss: "there was no reply that could be given, so the call went on",
      coalesced: "the call shares one that is under way; trailer `x-mesh-cache: coalesced`",
      stale:
        "a reply of the age `ageMs` was given, while a new one is fetched or because the call failed with `code`; trailer `x-mesh-cache: stale`",
      revalidated: "the fetch behind a stale reply brought a new one",
      "not-revalidated": "that fetch failed with `code`",
    },
    exports: {},
  },
};
