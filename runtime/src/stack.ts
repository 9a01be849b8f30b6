import type { Call } from "./core/call.ts";
import type { Layer } from "./core/layer.ts";
import { methodMatcher } from "./core/match.ts";
import type { Policy, Site } from "./core/policy.ts";
import type { UserLayer } from "./core/user-layer.ts";
import { auth, authRule } from "./policies/auth.ts";
import { cache } from "./policies/cache.ts";
import { circuitBreaker } from "./policies/circuit-breaker.ts";
import { concurrency } from "./policies/concurrency.ts";
import { fallback } from "./policies/fallback.ts";
import { fault } from "./policies/fault.ts";
import { hedge } from "./policies/hedge.ts";
import { idempotency } from "./policies/idempotency.ts";
import type { MethodPolicy } from "./policies/index.ts";
import { limits } from "./policies/limits.ts";
import { objective } from "./policies/objective.ts";
import { rateLimit } from "./policies/rate-limit.ts";
import { retry } from "./policies/retry.ts";
import { attemptTimeout, timeout } from "./policies/timeout.ts";
import { validation } from "./policies/validation.ts";

// biome-ignore lint/suspicious/noExplicitAny: the config's type belongs to the row; the name ties the two together
type Row = Pick<Policy<string, any>, "name" | "client" | "server" | "absent">;

/** One layer's place in the order, and why it stands there. */
interface Place<Name extends string = string> {
  /** By which layers of one's own are put beside it. */
  readonly at: Name;
  readonly row: Row;
  readonly why: string;
}

const place = <const Name extends string>(at: Name, row: Row, why: string): Place<Name> => ({ at, row, why });

/** The layers of a client that see a call once, outermost first. */
export const callOrder = [
  place("timeout", timeout, "one time budget covers everything below, also what stands in for a failure"),
  place(
    "fallback",
    fallback,
    "acts on the final failure, never on the first attempt; outside the cache, which so never keeps a substitute",
  ),
  place("cache", cache, "a hit costs no attempt, no credential and no place in anybody's budget"),
  place("limits", limits, "counts what the caller sends and gets, not what attempts repeat"),
  place("concurrency", concurrency, "says how much the call matters, the same on all attempts"),
  place("idempotency", idempotency, "one key for all attempts, so it is made before the first"),
  place("retry", retry, "repeats everything below, so each attempt gets its own time, breaker and stream"),
  place("hedge", hedge, "takes the place of retry: gRFC A6 allows one or the other"),
] as const;

/** The layers of a client that see each attempt at each target, outermost first. */
export const attemptOrder = [
  place(
    "circuitBreaker",
    circuitBreaker,
    "sees each attempt, cut ones included; an open one ends the retries, because it refuses here",
  ),
  place("attemptTimeout", attemptTimeout, "inside retry, so that a cut attempt can be followed by another"),
  place("fault", fault, "looks like the peer's: breaker, retry and timeouts must take it for real"),
  place("auth", auth, "a fresh credential for each attempt, got within the attempt's time"),
] as const;

/** All layers of a client. */
export const clientOrder = [...callOrder, ...attemptOrder] as const;

/** The layers of a server, outermost first. */
export const serverOrder = [
  place("objective", objective, "sees what the caller sees, refusals of all others included"),
  place("timeout", timeout, "drops calls that nobody waits for before any work is spent on them"),
  place(
    "concurrency",
    concurrency,
    "the cheapest protection of all that follows, auth included; inside timeout, whose deadline bounds the queue",
  ),
  place("auth", auth, "says who calls; before the limits, because quotas belong to callers"),
  place("rateLimit", rateLimit, "after auth: an unknown caller must not use up a known one's quota"),
  place("limits", limits, "before anything reads the stream"),
  place(
    "validation",
    validation,
    "after the quota, which so also bounds wrong requests; before whatever reads the request's fields",
  ),
  place("authRule", authRule, "reads the request, so the request must be valid"),
  place("fault", fault, "after all refusals, so that only calls that would run are disturbed"),
  place("idempotency", idempotency, "after auth: only who may call learns what a key was answered with"),
  place("cache", cache, "after auth: nobody reads another caller's reply"),
] as const;

/** Where layers of one's own can go on a client, besides `outermost` and `innermost`. */
export type ClientPlace = (typeof clientOrder)[number]["at"];

/** Where layers of one's own can go on a server, besides `outermost` and `innermost`. */
export type ServerPlace = (typeof serverOrder)[number]["at"];

/** The layers of a call on a client. A policy that is not set, or needs nothing on this side, has no layer. */
export const callLayers = (site: Site, own: readonly UserLayer[] = []): Layer[] => [
  ...ownAt("outermost", own, site),
  ...layersOf("client", callOrder, site, own),
];

/** All layers of a client with one target. */
export const clientLayers = (site: Site, own: readonly UserLayer[] = []): Layer[] => [
  ...callLayers(site, own),
  ...attemptLayers(site, own),
];

/** The layers of one attempt at one target. */
export const attemptLayers = (site: Site, own: readonly UserLayer[] = []): Layer[] => [
  ...layersOf("client", attemptOrder, site, own),
  ...ownAt("innermost", own, site),
];

/** The layers of a server. */
export const serverLayers = (site: Site, own: readonly UserLayer[] = []): Layer[] => [
  ...ownAt("outermost", own, site),
  ...layersOf("server", serverOrder, site, own),
  ...ownAt("innermost", own, site),
];

function layersOf(side: "client" | "server", order: readonly Place[], site: Site, own: readonly UserLayer[]): Layer[] {
  const policy = site.method.policy as MethodPolicy & { readonly [kind: string]: unknown };
  const layers: Layer[] = [];
  for (const { at, row } of order) {
    const config = policy[row.name] ?? row.absent;
    const layer = config === undefined ? undefined : row[side]?.(config, site);
    layers.push(...ownAt(`before ${at}`, own, site));
    if (layer) layers.push(layer);
    layers.push(...ownAt(`after ${at}`, own, site));
  }
  return layers;
}

/** The caller's own layers of one place that the method has, in the order in which they are listed. */
const ownAt = (at: string, own: readonly UserLayer[], { method, clock, random }: Site): Layer[] =>
  own
    .filter((one) => one.at === at && (one.methods === undefined || methodMatcher(one.methods)(method)))
    .flatMap((one) => {
      const layer = one.layer({ method, clock, random });
      return layer ? settling(layer, `the layer at ${JSON.stringify(at)} of ${method.path}`) : [];
    });

/** Every handler answers with a promise; one that does not, or throws, would leave timers and listeners behind around it. */
const settling =
  (layer: Layer, name: string): Layer =>
  (next) => {
    const run = layer(next);
    return (call) => {
      try {
        const reply = run(call);
        if (typeof (reply as Partial<Promise<unknown>> | undefined)?.then === "function")
          return call.response ? reply.then((message) => afresh(message, call)) : reply;
        throw new TypeError(`${name} returned ${typeof reply} instead of a promise: return next(call)`);
      } catch (error) {
        return Promise.reject(error);
      }
    };
  };

/** A layer of one's own may have changed the reply in place. */
function afresh(reply: unknown, { response }: Call): unknown {
  if (response) response.encoded = undefined;
  return reply;
}

/** Throws a TypeError when a layer of one's own is put where no place is. `where` names the option. */
export function checkOwnLayers(own: readonly UserLayer[], order: readonly Place[], where: string): void {
  const places = order.map(({ at }) => at);
  for (const { at, methods, layer } of own) {
    if (typeof layer !== "function")
      throw new TypeError(`${where}: layer is not a function: give (site) => (next) => (call) => ...`);
    const beside = /^(?:before|after) (.+)$/.exec(at)?.[1];
    if (at !== "outermost" && at !== "innermost" && !(beside && places.includes(beside))) {
      throw new TypeError(
        `${where}: there is no place ${JSON.stringify(at)}: use "outermost", "innermost", or "before" or "after" one of ${places.join(", ")}`,
      );
    }
    methodMatcher(methods ?? []);
  }
}
