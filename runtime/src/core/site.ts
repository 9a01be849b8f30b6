import { type Clock, systemClock } from "./clock.ts";
import type { Handler } from "./layer.ts";
import type { AuthProvider, Credentials, Site } from "./policy.ts";
import type { MethodSpec, ServiceSpec } from "./spec.ts";
import type { StoreOptions } from "./store.ts";

/** What all methods of one client or server have in common. */
export interface SiteOptions {
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
  readonly store?: StoreOptions | undefined;
  readonly authProviders?: ReadonlyMap<string, AuthProvider> | undefined;
  /**
   * Client: sent as `authorization: Bearer`, unless the caller sets that header itself. Give it only to clients whose
   * target may see it, over TLS or within one machine.
   */
  readonly credentials?: Credentials | undefined;
  /** Client: calls another method of the service, by its name in the proto file. */
  readonly sibling?: ((name: string) => Handler) | undefined;
  /** Server: puts a failure into the log that no caller gets to see. */
  readonly report?: Site["report"];
}

/** Makes the site of a method; `target` names where the attempts of a client go. */
export type SiteFactory = (method: MethodSpec, service?: ServiceSpec, target?: string) => Site;

/** Makes the sites of one client or server; they share the state that policies ask to share. */
export function siteFactory(options: SiteOptions): SiteFactory {
  const states = new Map<string, unknown>();
  const common = {
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    authProviders: options.authProviders ?? new Map<string, AuthProvider>(),
    credentials: options.credentials,
    store: options.store,
    sibling: options.sibling,
    report: options.report,
    shared<T>(key: string, create: () => T): T {
      if (!states.has(key)) states.set(key, create());
      return states.get(key) as T;
    },
  };
  return (method, service, target = "") => ({ ...common, method, service, target });
}
