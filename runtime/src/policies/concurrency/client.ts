import { criticalityOf, lowerCriticality, withCriticality } from "../../core/criticality.ts";
import type { Layer } from "../../core/layer.ts";
import type { ConcurrencyConfig } from "./config.ts";

/**
 * Says how much the call matters: as much as the method allows, unless caller or context claim less. CRITICAL is what
 * servers assume, so it takes no layer.
 */
export function claimCriticality({ criticality }: ConcurrencyConfig): Layer | undefined {
  if (criticality === "CRITICAL") return undefined;
  return (next) => (call) => {
    const claimed = criticalityOf(call.metadata);
    const effective = lowerCriticality(claimed, criticality);
    return next(effective === claimed ? call : { ...call, metadata: withCriticality(call.metadata, effective) });
  };
}
