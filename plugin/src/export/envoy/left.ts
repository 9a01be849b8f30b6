import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";

/** What Envoy does not do for gRPC, and what that comes to. */
const left: { readonly [kind: string]: string } = {
  cache: "Envoy keeps no gRPC replies: every call goes to the server",
  fallback: "Envoy has no stand-in for a gRPC reply: callers get the failure",
  idempotency: "Envoy knows no idempotency keys: they pass, and the server must heed them",
  compression: "Envoy compresses no gRPC requests: they go on as they come",
  objective: "Envoy holds no objectives: alert on its metrics",
};

/** Reports what Envoy leaves out of a method's policy, where somebody asked for it. */
export function reportLeft(method: MethodContract, losses: Losses): void {
  for (const [kind, text] of Object.entries(left)) if (method.origins.has(kind)) losses.add(method, kind, text);
}
