import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";

/** What clients of plain gRPC do not do, and what that comes to. The server's own policies stay with the server. */
const left: { readonly [kind: string]: string } = {
  circuit_breaker: "a service config has no circuit breaker: a client calls on what fails",
  cache: "a service config has no cache: every call goes to the server",
  fallback: "a service config has no fallback: callers get the failure",
  idempotency: "a client by service config fills in no key: what callers send themselves counts",
  compression: "a service config compresses nothing: set it for the channel",
};

/** Reports what a service config leaves out of a method's policy, where somebody asked for it. */
export function reportLeft(method: MethodContract, losses: Losses): void {
  for (const [kind, text] of Object.entries(left)) if (method.origins.has(kind)) losses.add(method, kind, text);
}
