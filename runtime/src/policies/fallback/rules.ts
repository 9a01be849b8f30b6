import type { Rule } from "../../core/policy.ts";
import { callersOwn, type FallbackConfig } from "./config.ts";

/** What must hold for a method whose failures are replaced. */
export const rules: readonly Rule<FallbackConfig>[] = [
  {
    id: "fallback/unary",
    severity: "error",
    purpose: "Only unary methods have a fallback.",
    whenInherited: () => undefined,
    check: (_, { kind }) =>
      kind === "unary"
        ? undefined
        : "nothing can stand in for a stream: drop the fallback here with off: FALLBACK, or set it on unary methods only",
  },
  {
    id: "fallback/value",
    severity: "error",
    purpose: "A fallback names exactly one thing to answer.",
    check({ json, stale, method }) {
      const named = [json !== undefined, stale === true, method !== undefined].filter(Boolean).length;
      return named === 1 ? undefined : `it says ${named} things to answer: set one of json, stale: true and method`;
    },
  },
  {
    id: "fallback/on-empty",
    severity: "error",
    purpose: "A fallback names the codes that it replaces.",
    check: ({ on }) =>
      on.length === 0 ? "on names no code, so nothing is ever replaced: name one or remove fallback" : undefined,
  },
  {
    id: "fallback/callers-own",
    severity: "error",
    purpose: "A fallback hides no failure that the caller must see.",
    check({ on }) {
      const wrong = on.filter((code) => callersOwn.has(code));
      return wrong.length > 0
        ? `${wrong.join(", ")} must reach the caller, who alone can do something about it: remove it from on`
        : undefined;
    },
  },
  {
    id: "fallback/json",
    severity: "error",
    purpose: "The value of a fallback is the method's reply in ProtoJSON.",
    check({ json }, method) {
      const problem = json === undefined ? undefined : method.replyProblem(json);
      return problem === undefined ? undefined : `json is not the method's reply in ProtoJSON: ${problem}`;
    },
  },
  {
    id: "fallback/static-after-side-effects",
    severity: "warning",
    purpose: "A constant reply does not hide whether a call took effect.",
    check: ({ json }, { idempotency }) =>
      json !== undefined && idempotency !== "NO_SIDE_EFFECTS"
        ? "the caller is told that all is well, whether or not the call took effect: set idempotency_level to NO_SIDE_EFFECTS if it has none, or let the failure through"
        : undefined,
  },
  {
    id: "fallback/stale-without-cache",
    severity: "error",
    purpose: "A fallback to the last good reply has a cache of the client to take it from.",
    whenInherited: (config, lost) => (lost.has("cache") ? undefined : config),
    check({ stale }, { policy }) {
      if (!stale) return undefined;
      const { side } = (policy.cache ?? {}) as { readonly side?: string };
      return side === "CLIENT"
        ? undefined
        : "stale takes replies out of the client's cache, and the method has none: set cache.ttl, with side CLIENT";
    },
  },
  {
    id: "fallback/method",
    severity: "error",
    purpose: "The method of a fallback is another unary method of the service with the same messages.",
    check({ method: name }, method) {
      if (name === undefined) return undefined;
      if (method.path.endsWith(`/${name}`)) return `${name} cannot stand in for itself: name another method`;
      const other = method.sibling(name);
      if (!other) return `the service has no method ${name}: name one by its name in the proto file`;
      if (other.kind !== "unary") return `${name} streams: name a unary method`;
      return other.sameTypes ? undefined : `${name} has another request or reply: name a method with the same messages`;
    },
  },
];
