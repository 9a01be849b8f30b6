import type { Call } from "../src/core/call.ts";
import type { Policy } from "../src/core/policy.ts";
import { type SiteOptions, siteFactory } from "../src/core/site.ts";
import type { CacheConfig } from "../src/policies/cache.ts";
import { FakeClock, type MountOptions, mount } from "../src/testing.ts";
import { Dish, GetDishRequest } from "./kitchen/kitchen.ts";
import { Kitchen } from "./kitchen/kitchen_mesh.ts";

/** A cache that does nothing special. */
export const plainCache: CacheConfig = {
  ttlMs: 1000,
  vary: [],
  coalesce: true,
  side: "CLIENT",
  maxBytes: 100_000,
};

/** What a test of a policy that handles replies may choose. */
export interface Kept extends Pick<SiteOptions, "credentials" | "sibling" | "report"> {
  readonly side?: "client" | "server";
  readonly policy?: NonNullable<MountOptions["method"]>["policy"];
  readonly handler?: (call: Call) => unknown;
}

/** Mounts a policy on GetDish of the kitchen, whose messages can be encoded. */
export function mountOnGetDish<Name extends string, Config>(
  row: Policy<Name, Config>,
  config: NoInfer<Config>,
  { side = "client", policy = {}, handler = ({ request }) => dishOf(request), ...options }: Kept = {},
) {
  const clock = new FakeClock();
  const site = siteFactory({ clock, random: () => 0.5, ...options });
  const { getDish } = Kitchen.methods as { getDish: (typeof Kitchen.methods)[string] };
  const mounted = mount(row, config, {
    side,
    clock,
    handler,
    method: { path: getDish.path, idempotency: "NO_SIDE_EFFECTS", policy },
    site: (method) => site({ ...getDish, policy: method.policy }, Kitchen),
  });
  return {
    ...mounted,
    /** Asks for a dish by its name. */
    get: (name: string, options?: Parameters<typeof mounted.send>[1]) =>
      mounted.send(GetDishRequest.create({ name }), options) as Promise<Dish>,
  };
}

/** The dish that a request asks for. */
export const dishOf = (request: unknown): Dish => Dish.create({ name: (request as GetDishRequest).name });
