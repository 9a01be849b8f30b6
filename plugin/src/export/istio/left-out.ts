import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";

/** Kinds of policy that Istio has nothing for, with what becomes of them. */
const kinds: readonly (readonly [kind: keyof MethodContract["policy"], option: string, text: string])[] = [
  ["hedge", "hedge", "is not exported: Istio sends every call once; clients hedge"],
  ["idempotency", "idempotency", "is not exported: Istio does not remember answers; client and server do"],
  ["cache", "cache", "is not exported: Istio keeps no replies; client or server does"],
  ["fallback", "fallback", "is not exported: Istio answers with the failure; clients replace it"],
  ["limits", "limits", "is not exported: Istio does not measure messages without an EnvoyFilter; client and server do"],
  ["compression", "compression", "is not exported: Istio leaves messages as they are; clients compress"],
  ["objective", "objective", "is not exported: alert on Istio's own metrics, or on those of the server"],
];

/** Reports what of a method Istio does not do at all. */
export function reportLeftOut(method: MethodContract, losses: Losses): void {
  for (const [kind, option, text] of kinds)
    if (method.policy[kind] !== undefined && method.origins.has(option)) losses.add(method, option, text);
  for (const { name } of method.policy.rateLimit ?? [])
    losses.add(
      method,
      `rate_limit[${name}]`,
      `"${name}" is not exported: Istio limits no rates without an EnvoyFilter; the server does`,
    );
  if (method.policy.validation !== undefined && method.origins.has("validation"))
    losses.add(method, "validation", "is not exported: Istio does not read requests; the server checks them");
}
