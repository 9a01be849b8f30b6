import type { Clock } from "./clock.ts";
import type { Layer } from "./layer.ts";
import type { MethodSpec } from "./spec.ts";

/** What a layer of one's own may know about the method that it is built for. */
export interface LayerSite {
  readonly method: MethodSpec;
  /** The only time that tests can hold. */
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * A layer of one's own, and where it goes.
 *
 * `layer` runs once per method, when the client or server is built, and anew when a run-time configuration changes the
 * method's policy, which may also split its calls: then it runs once per target. Undefined: this method needs none.
 */
export interface UserLayer<Place extends string = string> {
  /** `outermost`, `innermost`, or `before` or `after` the place of a policy, which need not be set for the method. */
  readonly at: "outermost" | "innermost" | `before ${Place}` | `after ${Place}`;
  /** Patterns of methods: `*`, `shop.v1.*`, `shop.v1.Orders`, `shop.v1.Orders/GetOrder`. Default: all. */
  readonly methods?: readonly string[] | undefined;
  readonly layer: (site: LayerSite) => Layer | undefined;
}
