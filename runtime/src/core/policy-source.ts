import type { MethodSpec, ServiceSpec } from "./spec.ts";
import type { Target } from "./target.ts";

/**
 * Where the policy in force comes from when it is not the generated one alone: the overrides of a run-time
 * configuration, which may change while the process runs.
 */
export interface PolicySource {
  /** Goes up with every change. Clients and servers compare it at each call, so they need not be told. */
  readonly version: number;
  /**
   * Announces that methods of this service will be asked for. Throws when what the source says about them does not fit
   * them; later changes that do not fit, or for which `build` throws, are not taken over. Who gives it keeps `build` alive.
   */
  bind(service: ServiceSpec, build?: (method: MethodSpec) => unknown): void;
  /** The method with the policy in force; the same object as long as that does not change. */
  methodOf(method: MethodSpec): MethodSpec;
  /** Told of a policy that turned out not to work for a method, whose last good one stays in force. */
  failed(method: MethodSpec, error: unknown): void;
  /** The target of a name, for traffic that is split or mirrored. Throws when there is none. */
  target(name: string): Target;
}
