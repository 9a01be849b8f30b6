import type { MethodPolicy } from "../../policies/index.ts";

/**
 * What caches on the way and browsers may do with replies of a method: `public, max-age=<ttl>` where its cache policy says that
 * they are the same for all (`vary: ["all"]`), everybody may call, and nothing but the URL makes them differ. Undefined: the
 * gateway says nothing, for a URL alone does not say whose reply it is. Source: RFC 9111, 3.5 and 5.2.2.
 */
export function cacheControlOf({ cache, auth, http }: MethodPolicy): string | undefined {
  if (!cache?.vary.includes("all")) return undefined;
  const open = auth?.access === "PUBLIC" && auth.providers.length === 0 && auth.rule === undefined;
  const byUrl = !http?.headers?.length && cache.vary.every((key) => key === "all" || key.startsWith("field:"));
  const seconds = Math.floor(cache.ttlMs / 1000);
  return open && byUrl && seconds > 0 ? `public, max-age=${seconds}` : undefined;
}
