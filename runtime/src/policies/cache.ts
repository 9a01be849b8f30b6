import { choice, duration, flag, list, number, parseKey } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** Which replies are kept, where, and for how long. */
export interface CacheConfig {
  /** How long a reply is fresh. */
  readonly ttlMs: number;
  /** How long after that it is given while a new one is fetched. */
  readonly staleWhileRevalidateMs?: number;
  /** How long after that it is given when the call fails. */
  readonly staleIfErrorMs?: number;
  /** Keys that make replies differ; empty: the request and who calls. */
  readonly vary: readonly string[];
  /** Calls for the same share one. */
  readonly coalesce: boolean;
  readonly side: "CLIENT" | "SERVER";
  /** What all replies of the method may take up. */
  readonly maxBytes: number;
}

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
  reference: { example: "", errors: {}, outcomes: {}, exports: {} },
};
