import type { Layer } from "./core/layer.ts";
import type { Policy, Site } from "./core/policy.ts";
import { auth } from "./policies/auth.ts";
import type { MethodPolicy } from "./policies/index.ts";
import { rateLimit } from "./policies/rate-limit.ts";
import { retry } from "./policies/retry.ts";
import { attemptTimeout, timeout } from "./policies/timeout.ts";

// biome-ignore lint/suspicious/noExplicitAny: the config's type belongs to the row; the name ties the two together
type Row = Pick<Policy<keyof MethodPolicy, any>, "name" | "client" | "server" | "absent">;

/** One layer's place in the order, and why it stands there. */
interface Place {
  readonly row: Row;
  readonly why: string;
}

/** The layers of a client, outermost first. */
export const clientOrder: readonly Place[] = [
  { row: timeout, why: "one time budget covers all attempts and the waits between them" },
  { row: retry, why: "repeats everything below it, so each attempt gets its own time and its own stream" },
  { row: attemptTimeout, why: "bounds one attempt; inside retry, so that a cut attempt can be followed by another" },
  { row: auth, why: "a fresh credential for each attempt, got within the attempt's time" },
];

/** The layers of a server, outermost first. */
export const serverOrder: readonly Place[] = [
  { row: timeout, why: "drops calls that nobody waits for before any work is spent on them" },
  { row: auth, why: "says who calls; before the limits, because quotas belong to callers" },
  { row: rateLimit, why: "after auth: an unknown caller must not use up a known one's quota" },
];

/** The layers of a resolved policy. A policy that is not set, or needs nothing on this side, has no layer. */
export function layersOf(side: "client" | "server", site: Site): Layer[] {
  const policy = site.method.policy as MethodPolicy;
  const layers: Layer[] = [];
  for (const { row } of side === "client" ? clientOrder : serverOrder) {
    const config = policy[row.name] ?? row.absent;
    const layer = config === undefined ? undefined : row[side]?.(config, site);
    if (layer) layers.push(layer);
  }
  return layers;
}
