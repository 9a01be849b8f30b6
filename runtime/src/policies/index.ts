import type { Policy } from "../core/policy.ts";
import { auth } from "./auth.ts";
import { http } from "./http.ts";
import { rateLimit } from "./rate-limit.ts";
import { retry } from "./retry.ts";
import { timeout } from "./timeout.ts";

/** Every policy of the product, by its key in generated literals: the one registry. */
export const policies = { timeout, retry, rateLimit, auth, http } as const;

type ConfigOf<Row> = Row extends Policy<string, infer Config> ? Config : never;

/** The resolved policy of a method: the kinds that are set. */
export type MethodPolicy = { readonly [Name in keyof typeof policies]?: ConfigOf<(typeof policies)[Name]> };

export { type Field, OptionError, type OptionValue, parseFields } from "../core/fields.ts";
export type { FieldFacts, MethodFacts, Policy, Rule } from "../core/policy.ts";
export type { AuthConfig } from "./auth.ts";
export type { HttpConfig } from "./http.ts";
export { type Quota, quotasOf, type RateLimitConfig } from "./rate-limit.ts";
export type { BudgetConfig, RetryConfig } from "./retry.ts";
export { longestCall, type TimeoutConfig } from "./timeout.ts";
