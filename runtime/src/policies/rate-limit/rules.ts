import { type Key, parseKey } from "../../core/fields.ts";
import type { FieldFacts, MethodFacts, Rule } from "../../core/policy.ts";
import type { RateLimitConfig } from "./config.ts";
import { parseCost } from "./cost.ts";

type Check = (limit: RateLimitConfig, method: MethodFacts) => string | undefined;

/** A rule on each limit: the first finding, with the limit's name. */
const each = (
  id: string,
  severity: "error" | "warning",
  purpose: string,
  check: Check,
): Rule<readonly RateLimitConfig[]> => ({
  id: `rate-limit/${id}`,
  severity,
  purpose,
  check(limits, method) {
    for (const limit of limits) {
      const finding = check(limit, method);
      if (finding !== undefined) return limit.name ? `limit "${limit.name}": ${finding}` : finding;
    }
    return undefined;
  },
});

const keysOf = ({ by }: RateLimitConfig): Key[] => by.map(parseKey);

const fixedCost = ({ cost }: RateLimitConfig): number | undefined => {
  const parsed = parseCost(cost);
  return typeof parsed === "number" ? parsed : undefined;
};

const costField = ({ cost }: RateLimitConfig): string | undefined => {
  const parsed = parseCost(cost);
  return typeof parsed === "number" ? undefined : parsed.field;
};

const notAKey = ({ scalar, repeated, map }: FieldFacts): string | undefined => {
  if (map) return "a map";
  if (repeated) return "repeated";
  return scalar === "float" || scalar === "message" ? `a ${scalar}` : undefined;
};

const isPublic = (auth: unknown): boolean => {
  const { access, providers } = (auth ?? {}) as { readonly access?: string; readonly providers?: readonly string[] };
  return access === "PUBLIC" && !providers?.length;
};

/** What must hold for rate limits. */
export const rules: readonly Rule<readonly RateLimitConfig[]>[] = [
  each("name", "error", "A rate limit has a name, one of its own at its level.", ({ name }) =>
    name ? undefined : "a rate limit has no name: give it one",
  ),
  each("rate", "error", "A rate limit has a rate above zero.", ({ perSecond }) =>
    perSecond > 0 ? undefined : 'rate is missing: write one such as "100/s"',
  ),
  {
    id: "rate-limit/name-twice",
    severity: "error",
    purpose: "The rate limits of a method have different names.",
    check(limits) {
      const names = limits.map(({ name }) => name);
      const twice = names.find((name, n) => names.indexOf(name) !== n);
      return twice === undefined ? undefined : `two limits are called "${twice}": rename one`;
    },
  },
  each(
    "fail-closed",
    "error",
    "Only a shared rate limit says what happens without its store.",
    ({ shared, failClosed }) =>
      failClosed && !shared
        ? "fail_closed is about the store of a shared limit: set shared, or remove fail_closed"
        : undefined,
  ),
  each("key-field", "error", "A field key of a rate limit names a request field that makes a key.", (limit, method) => {
    for (const { kind, name } of keysOf(limit)) {
      if (kind !== "field") continue;
      const field = method.field(name);
      if (!field) return `the request has no field ${name}: correct the key field:${name}`;
      const problem = notAKey(field);
      if (problem) return `field ${name} is ${problem}, which makes no key: use a string, bytes, bool, enum or integer`;
    }
    return undefined;
  }),
  each(
    "cost-field",
    "error",
    "The cost of a rate limit names a request field that counts something.",
    (limit, method) => {
      const path = costField(limit);
      if (path === undefined) return undefined;
      const field = method.field(path);
      if (!field) return `the request has no field ${path}: correct the cost field:${path}`;
      const counts = !field.map && (field.repeated || field.scalar === "int" || field.scalar === "float");
      return counts ? undefined : `field ${path} is neither a number nor repeated: cost needs one that is`;
    },
  ),
  each(
    "field-of-stream",
    "error",
    "A rate limit reads no request field of a method with a stream of requests.",
    (limit, { kind }) => {
      const reads = costField(limit) !== undefined || keysOf(limit).some((key) => key.kind === "field");
      return reads && (kind === "clientStream" || kind === "bidi")
        ? "it reads a request field, but the method has a stream of requests: use another key or cost"
        : undefined;
    },
  ),
  each(
    "key-of-public",
    "error",
    "A rate limit of a PUBLIC method has no key that needs a known caller.",
    (limit, { policy }) => {
      const personal = limit.by.find((text) => text === "principal" || text.startsWith("claim:"));
      return personal !== undefined && isPublic(policy.auth)
        ? `nobody is known on a PUBLIC method, so all callers share the bucket of ${personal}: use peer, or name auth providers`
        : undefined;
    },
  ),
  each("cost-above-burst", "error", "What a call costs fits into the bucket of its rate limit.", (limit) => {
    const cost = fixedCost(limit);
    return cost !== undefined && cost > limit.burst
      ? `a call costs ${cost} and the bucket holds ${limit.burst}, so none is admitted: raise burst or lower cost`
      : undefined;
  }),
  each("slow-for-all", "warning", "A rate limit below one call per second has keys.", ({ by, perSecond }) =>
    perSecond < 1 && by.every((text) => text === "all")
      ? "all callers together get less than one call per second: name keys in by if that is meant per caller"
      : undefined,
  ),
];
