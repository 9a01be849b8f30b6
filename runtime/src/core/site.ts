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

/** Makes sites. */
export interface SiteFactory {
  /** The site of a method; `target` names where the calls of a client go. */
  (method: MethodSpec, service?: ServiceSpec, target?: string): Site;
  /** Runs what builds a method's handler. State that only the method's handler before has asked for is let go. */
  building<T>(method: MethodSpec, build: () => T): T;
}

/** What policies share under one key, and in which round of building each method has asked for it last. */
interface State {
  readonly value: unknown;
  readonly rounds: Map<string, number>;
}

/** Makes the sites of one client or server; they share the state that policies ask to share. */
export function siteFactory(options: SiteOptions): SiteFactory {
  const states = new Map<string, State>();
  const rounds = new Map<string, number>();
  const common = {
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    authProviders: options.authProviders ?? new Map<string, AuthProvider>(),
    credentials: options.credentials,
    store: options.store,
    sibling: options.sibling,
    report: options.report,
  };
  const sharedBy =
    ({ path }: MethodSpec) =>
    <T>(key: string, create: () => T): T => {
      const state = states.get(key) ?? { value: create(), rounds: new Map() };
      state.rounds.set(path, rounds.get(path) ?? 0);
      states.set(key, state);
      return state.value as T;
    };
  const site = (method: MethodSpec, service?: ServiceSpec, target = ""): Site => ({
    ...common,
    shared: sharedBy(method),
    method,
    service,
    target,
  });
  const building = <T>({ path }: MethodSpec, build: () => T): T => {
    const round = (rounds.get(path) ?? 0) + 1;
    rounds.set(path, round);
    const built = build();
    // Otherwise a process whose configuration changes for months keeps the buckets of all its versions.
    if (round > 1) for (const [key, state] of states) letGo(key, state, path, round);
    return built;
  };
  const letGo = (key: string, state: State, path: string, round: number) => {
    if ((state.rounds.get(path) ?? round) >= round) return;
    state.rounds.delete(path);
    if (state.rounds.size === 0) states.delete(key);
  };
  return Object.assign(site, { building });
}
