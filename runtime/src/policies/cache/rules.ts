import { parseKey } from "../../core/fields.ts";
import type { FieldFacts, Rule } from "../../core/policy.ts";
import type { CacheConfig } from "./config.ts";

const hourMs = 3_600_000;

const notAKey = ({ scalar, repeated, map }: FieldFacts): string | undefined => {
  if (map) return "a map";
  if (repeated) return "repeated";
  return scalar === "float" || scalar === "message" ? `a ${scalar}` : undefined;
};

const isPublic = (auth: unknown): boolean => {
  const { access, providers } = (auth ?? {}) as { readonly access?: string; readonly providers?: readonly string[] };
  return access === "PUBLIC" && !providers?.length;
};

const personal = ({ vary }: CacheConfig) => vary.find((text) => text === "principal" || text.startsWith("claim:"));

/** What must hold for a method whose replies are kept. */
export const rules: readonly Rule<CacheConfig>[] = [
  {
    id: "cache/unary",
    severity: "error",
    purpose: "Only unary methods have a cache.",
    whenInherited: () => undefined,
    check: (_, { kind }) =>
      kind === "unary" ? undefined : "only replies of unary methods are kept: drop the cache here with off: CACHE",
  },
  {
    id: "cache/side-effects",
    severity: "error",
    purpose: "Only methods without side effects have a cache.",
    whenInherited: () => undefined,
    check: (_, { idempotency }) =>
      idempotency === "NO_SIDE_EFFECTS"
        ? undefined
        : "a kept reply would stand for a call that never runs: set idempotency_level to NO_SIDE_EFFECTS, or drop the cache here with off: CACHE",
  },
  {
    id: "cache/revalidate-without-coalesce",
    severity: "error",
    purpose: "A cache with stale_while_revalidate lets calls share a fetch.",
    check: ({ staleWhileRevalidateMs, coalesce }) =>
      staleWhileRevalidateMs !== undefined && !coalesce
        ? "stale_while_revalidate fetches once for all callers, and coalesce is off: remove one of the two"
        : undefined,
  },
  {
    id: "cache/long-ttl",
    severity: "warning",
    purpose: "A cached reply is fresh for an hour at most.",
    check: ({ ttlMs }) =>
      ttlMs > hourMs
        ? `ttl keeps a reply fresh for ${ttlMs / hourMs} hours, and nothing can take it back: lower it, or add stale_while_revalidate`
        : undefined,
  },
  {
    id: "cache/vary-field",
    severity: "error",
    purpose: "A field key in vary names a request field that makes a key.",
    check({ vary }, method) {
      for (const { kind, name } of vary.map(parseKey)) {
        if (kind !== "field") continue;
        const field = method.field(name);
        if (!field) return `the request has no field ${name}: correct field:${name} in vary`;
        const problem = notAKey(field);
        if (problem)
          return `field ${name} is ${problem}, which makes no key: name others in vary, or none for the whole request`;
      }
      return undefined;
    },
  },
  {
    id: "cache/vary-public",
    severity: "error",
    purpose: "What differs by caller is not called public data in vary.",
    check(config) {
      const key = personal(config);
      return key !== undefined && config.vary.includes("all")
        ? `vary says both that replies differ by ${key} and that they are for all: remove one`
        : undefined;
    },
  },
  {
    id: "cache/vary-of-public",
    severity: "error",
    purpose: "What a server caches of a PUBLIC method does not differ by a caller that nobody knows.",
    check(config, { policy }) {
      const key = personal(config);
      return key !== undefined && config.side === "SERVER" && isPublic(policy.auth)
        ? `nobody is known on a PUBLIC method, so ${key} tells no callers apart: remove it from vary, or name auth providers`
        : undefined;
    },
  },
  {
    id: "cache/vary-peer",
    severity: "error",
    purpose: "A cache of the client does not differ by the client's own address.",
    check: ({ vary, side }) =>
      side === "CLIENT" && vary.includes("peer")
        ? "a client does not know its own address, so peer tells nothing apart: remove it from vary, or set side: SERVER"
        : undefined,
  },
];
