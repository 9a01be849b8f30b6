import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";

/** Kinds of policy that Envoy Gateway has nothing for, with what becomes of them. */
const kinds: readonly (readonly [kind: keyof MethodContract["policy"], option: string, text: string])[] = [
  ["hedge", "hedge", "is not exported: Envoy Gateway sends every call once; clients hedge"],
  ["idempotency", "idempotency", "is not exported: Envoy Gateway does not remember answers; client and server do"],
  ["cache", "cache", "is not exported: Envoy Gateway keeps no replies; client or server does"],
  ["fallback", "fallback", "is not exported: Envoy Gateway answers with the failure; clients replace it"],
  ["compression", "compression", "is not exported: Envoy Gateway leaves messages as they are; clients compress"],
  ["objective", "objective", "is not exported: alert on Envoy Gateway's own metrics, or on those of the server"],
  ["validation", "validation", "is not exported: Envoy Gateway does not read requests; the server checks them"],
];

/** Reports what of a method Envoy Gateway does not do at all. */
export function reportLeftOut(method: MethodContract, losses: Losses): void {
  for (const [kind, option, text] of kinds)
    if (method.policy[kind] !== undefined && method.origins.has(option)) losses.add(method, option, text);
}
