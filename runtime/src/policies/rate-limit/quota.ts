import { QuotaFailure } from "../../messages/details.ts";
import { findDetail } from "../../messages/status.ts";
import type { RateLimitConfig } from "./config.ts";

/** One rate limit as a caller sees it: so much per window, both whole numbers. */
export interface Quota {
  readonly name: string;
  readonly amount: number;
  readonly windowSeconds: number;
}

/** Marks the violations that are rate limits of this policy. */
const metric = "mesh.v1.rate_limit";

/** A second, a minute, an hour, a day. */
const windows = [1, 60, 3600, 86_400] as const;

/** The largest integer that a structured header holds. Source: RFC 9651, 3.3.1. */
const largest = 999_999_999_999_999;

/** A rate in the shortest usual window that makes it a whole number, else rounded down: no caller is promised more. */
export function quotaOf({ name, perSecond }: RateLimitConfig): Quota {
  // Rates come as quotients, such as 24 / 60, whose last digits are rounded.
  const per = (seconds: number) => Number((perSecond * seconds).toPrecision(12));
  const usual = windows.find((seconds) => Number.isInteger(per(seconds)));
  const windowSeconds = usual ?? Math.max(1, Math.ceil(1 / perSecond));
  return { name, windowSeconds, amount: Math.min(largest, Math.max(1, Math.floor(per(windowSeconds)))) };
}

/** The part of a `QuotaFailure.Violation` that programs read. */
export const quotaFields = ({ name, amount, windowSeconds }: Quota) => ({
  quotaMetric: metric,
  quotaId: name,
  quotaDimensions: { window: `${windowSeconds}s` },
  quotaValue: BigInt(amount),
});

/**
 * The rate limits that refused a call, by its error, wherever that was; the one that takes longest comes first. Empty
 * for every other error.
 */
export function quotasOf(error: unknown): Quota[] {
  const violations = findDetail(error, QuotaFailure)?.violations ?? [];
  return violations.flatMap(({ quotaMetric, quotaId, quotaDimensions, quotaValue }) => {
    const window = /^(\d{1,15})s$/.exec(quotaDimensions.window ?? "")?.[1];
    if (quotaMetric !== metric || window === undefined || quotaValue < 1n || quotaValue > largest) return [];
    return { name: quotaId, amount: Number(quotaValue), windowSeconds: Number(window) };
  });
}
