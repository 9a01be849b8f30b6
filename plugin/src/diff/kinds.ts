import type { MethodPolicy } from "@protomesh/runtime/policies";
import { auth } from "./kinds/auth.ts";
import { balance } from "./kinds/balance.ts";
import { cache } from "./kinds/cache.ts";
import { circuitBreaker } from "./kinds/circuit-breaker.ts";
import { compression } from "./kinds/compression.ts";
import { concurrency } from "./kinds/concurrency.ts";
import { fallback } from "./kinds/fallback.ts";
import { hedge } from "./kinds/hedge.ts";
import { http } from "./kinds/http.ts";
import { idempotency } from "./kinds/idempotency.ts";
import { limits } from "./kinds/limits.ts";
import { objective } from "./kinds/objective.ts";
import { rateLimit } from "./kinds/rate-limit.ts";
import { retry } from "./kinds/retry.ts";
import { timeout } from "./kinds/timeout.ts";
import { validation } from "./kinds/validation.ts";
import type { Kind, ListKind } from "./verdict.ts";

/** What changes of every policy mean, by its key in resolved policies: the one registry. */
export const kinds: { readonly [Name in keyof MethodPolicy]-?: KindOf<NonNullable<MethodPolicy[Name]>> } = {
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
};

type KindOf<Config> = Config extends readonly (infer Item)[] ? ListKind<Item> : Kind<Config>;
