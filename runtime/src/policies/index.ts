import type { Policy } from "../core/policy.ts";
import { auth } from "./auth.ts";
import { balance } from "./balance.ts";
import { cache } from "./cache.ts";
import { circuitBreaker } from "./circuit-breaker.ts";
import { compression } from "./compression.ts";
import { concurrency } from "./concurrency.ts";
import { fallback } from "./fallback.ts";
import { hedge } from "./hedge.ts";
import { http } from "./http.ts";
import { idempotency } from "./idempotency.ts";
import { limits } from "./limits.ts";
import { objective } from "./objective.ts";
import { rateLimit } from "./rate-limit.ts";
import { retry } from "./retry.ts";
import { timeout } from "./timeout.ts";
import { validation } from "./validation.ts";

/** Every policy that a proto file can set, by its key in generated literals: the one registry. */
export const policies = {
  timeout,
  retry,
  hedge,
  idempotency,
  rateLimit,
  concurrency,
  circuitBreaker,
  balance,
  auth,
  cache,
  fallback,
  limits,
  compression,
  validation,
  http,
  objective,
} as const;

type ConfigOf<Row> = Row extends Policy<string, infer Config> ? Config : never;

/** The resolved policy of a method: the kinds that are set. */
export type MethodPolicy = { readonly [Name in keyof typeof policies]?: ConfigOf<(typeof policies)[Name]> };

export type { BudgetConfig } from "../core/budget.ts";
export { type Field, OptionError, type OptionRecord, type OptionValue, parseFields } from "../core/fields.ts";
export { fit } from "../core/fit.ts";
export type { FieldFacts, MethodFacts, Policy, Reference, Rule, SiblingFacts } from "../core/policy.ts";
export { type FactsOptions, factsOf } from "../messages/facts.ts";
export type { AuthConfig } from "./auth.ts";
export type { BalanceConfig } from "./balance.ts";
export type { CacheConfig } from "./cache.ts";
export type { CircuitBreakerConfig } from "./circuit-breaker.ts";
export type { CompressionConfig } from "./compression.ts";
export type { ConcurrencyConfig } from "./concurrency.ts";
export type { FallbackConfig } from "./fallback.ts";
export type { HedgeConfig } from "./hedge.ts";
export type { HttpConfig } from "./http.ts";
export type { IdempotencyConfig } from "./idempotency.ts";
export type { LimitsConfig } from "./limits.ts";
export type { ObjectiveConfig } from "./objective.ts";
export { type Quota, quotasOf, type RateLimitConfig } from "./rate-limit.ts";
export { backoff, type RetryConfig } from "./retry.ts";
export { longestCall, type TimeoutConfig } from "./timeout.ts";
export type { ValidationConfig } from "./validation.ts";
