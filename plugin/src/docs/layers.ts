import { longestCall, type MethodPolicy } from "@protomesh/runtime/policies";
import type { MethodContract } from "../contract/contract.ts";
import { duration, percent, rate } from "./format.ts";

/** A layer that a call passes. */
export interface PassedLayer {
  /** Its place, as layers of one's own are put beside it. */
  readonly at: string;
  /** What it does for this method, in a few words. */
  readonly does: string;
  /** True when it depends on how the client or server is set up whether it is there. */
  readonly maybe?: boolean;
}

/** The layers that a call of a method passes, outermost first. */
export interface PassedLayers {
  /** On the client, once for each call. */
  readonly call: readonly PassedLayer[];
  /** On the client, for each attempt. */
  readonly attempt: readonly PassedLayer[];
  readonly server: readonly PassedLayer[];
}

/** A method, as far as its layers depend on it. */
export type Layered = Pick<MethodContract, "kind"> & { readonly policy: MethodPolicy };

type Place = (method: Layered) => string | { readonly maybe: string } | undefined;

/**
 * What stands at each place, in the order of the runtime's `stack.ts`; undefined for methods that have no such layer. Faults are
 * left out: they come from a configuration, never from a contract.
 */
export const places: { readonly [group in keyof PassedLayers]: { readonly [at: string]: Place } } = {
  call: {
    timeout({ policy }) {
      const longest = longestCall(policy.timeout ?? {});
      return longest === Number.POSITIVE_INFINITY ? undefined : `deadline ${duration(longest)}`;
    },
    fallback: ({ kind, policy: { fallback } }) =>
      fallback && kind === "unary"
        ? fallback.method !== undefined
          ? `else asks ${fallback.method}`
          : fallback.stale
            ? "else last good reply"
            : "else a fixed reply"
        : undefined,
    cache: (method) => kept(method, "CLIENT"),
    limits: messages,
    concurrency: ({ policy: { concurrency } }) =>
      concurrency && concurrency.criticality !== "CRITICAL" ? `says ${concurrency.criticality}` : undefined,
    idempotency: ({ kind, policy: { idempotency } }) =>
      idempotency && kind === "unary" ? `fills in ${idempotency.key}` : undefined,
    retry: ({ kind, policy: { retry } }) =>
      retry && sendsOne(kind) ? `at most ${retry.attempts} attempts` : undefined,
    hedge: ({ kind, policy: { hedge } }) =>
      hedge && sendsOne(kind) ? `at most ${hedge.attempts} requests` : undefined,
  },
  attempt: {
    circuitBreaker: ({ policy: { circuitBreaker } }) =>
      circuitBreaker &&
      (circuitBreaker.adaptive ? `refuses more as more fail` : `opens at ${percent(circuitBreaker.ratio)} failures`),
    attemptTimeout({ kind, policy: { timeout } }) {
      const silence = kind === "unary" ? undefined : timeout?.idleMs;
      if (timeout?.attemptMs !== undefined) return `${duration(timeout.attemptMs)} for each`;
      return silence === undefined ? undefined : `silence of ${duration(silence)}`;
    },
    fault: () => undefined,
    auth: ({ policy: { auth } }) => (asksWho(auth) ? { maybe: "client's token, if any" } : undefined),
  },
  server: {
    objective: ({ policy: { objective } }) =>
      objective && (objective.availability !== undefined || objective.latencyMs !== undefined)
        ? "counts missed promises"
        : undefined,
    timeout: ({ policy: { timeout } }) =>
      timeout && (timeout.maxMs === undefined ? "drops late calls" : `at most ${duration(timeout.maxMs)}`),
    concurrency: ({ policy: { concurrency } }) =>
      concurrency && (concurrency.max === undefined ? concurrency.criticality : `at most ${concurrency.max} at once`),
    auth({ policy: { auth } }) {
      if (auth === undefined || auth.access === "DENY") return "lets nobody in";
      if (!asksWho(auth)) return undefined;
      if (auth.access === "PUBLIC") return "everybody, some known";
      return auth.scopes.length > 0 ? `who calls, ${auth.scopes.join(" ")}` : "who calls";
    },
    rateLimit: ({ policy: { rateLimit = [] } }) =>
      rateLimit.length > 0 ? rateLimit.map(({ perSecond }) => rate(perSecond)).join(", ") : undefined,
    limits: messages,
    validation: ({ policy: { validation } }) => validation && "rules of the request",
    authRule: ({ policy: { auth } }) =>
      auth?.rule !== undefined && auth.access !== "DENY" ? "who may ask for what" : undefined,
    fault: () => undefined,
    idempotency: ({ kind, policy: { idempotency } }) =>
      idempotency && kind === "unary" ? `answers again for ${duration(idempotency.windowMs)}` : undefined,
    cache: (method) => kept(method, "SERVER"),
  },
};

/** The layers of a method. */
export function layersOf(method: Layered): PassedLayers {
  const of = (group: keyof PassedLayers): PassedLayer[] =>
    Object.entries(places[group]).flatMap(([at, place]) => {
      const found = place(method);
      if (found === undefined) return [];
      return typeof found === "string" ? { at, does: found } : { at, does: found.maybe, maybe: true };
    });
  return { call: of("call"), attempt: of("attempt"), server: of("server") };
}

function messages({ kind, policy: { limits } }: Layered): string | undefined {
  return limits?.messages !== undefined && kind !== "unary" ? `${limits.messages} each way` : undefined;
}

function kept({ kind, policy: { cache } }: Layered, side: "CLIENT" | "SERVER"): string | undefined {
  return cache && cache.side === side && kind === "unary" ? `fresh for ${duration(cache.ttlMs)}` : undefined;
}

const sendsOne = (kind: Layered["kind"]): boolean => kind === "unary" || kind === "serverStream";

const asksWho = (auth: MethodPolicy["auth"]): boolean =>
  auth !== undefined && (auth.access === "AUTHENTICATED" || (auth.access === "PUBLIC" && auth.providers.length > 0));
