/** Which replies are kept, where, and for how long. */
export interface CacheConfig {
  /** How long a reply is fresh, counted from when it was asked for. */
  readonly ttlMs: number;
  /** How long after that it is given while a new one is fetched. */
  readonly staleWhileRevalidateMs?: number;
  /** How long after `ttlMs` it is given when the call fails. */
  readonly staleIfErrorMs?: number;
  /** Keys that make replies differ; empty: the request and who calls. */
  readonly vary: readonly string[];
  /** Calls for the same share one. */
  readonly coalesce: boolean;
  readonly side: "CLIENT" | "SERVER";
  /** What all replies of the method may take up, with their keys. */
  readonly maxBytes: number;
}

/** The trailer that tells a caller that its reply is not of its own call: `hit`, `stale` or `coalesced`. */
export const cacheTrailer = "x-mesh-cache";

/** The trailer with the age of such a reply, in whole seconds; absent for `coalesced`, which is new. */
export const ageTrailer = "x-mesh-age";
