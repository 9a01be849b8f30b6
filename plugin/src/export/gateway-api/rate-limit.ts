import type { RateLimitConfig } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";
import { type WholeRate, wholeRate } from "../shared/rate.ts";
import { type Claims, claimOf } from "./claims.ts";

/** Rules of a BackendTrafficPolicy: in each proxy, and by the rate limit service that all proxies share. */
export interface RateLimit {
  readonly local?: { readonly rules: readonly Rule[] };
  readonly global?: { readonly rules: readonly Rule[] };
}

interface Rule {
  readonly clientSelectors?: readonly object[];
  readonly limit: WholeRate;
  readonly shadowMode?: true;
}

/** The rate limits of a method that Envoy Gateway can keep. `claims` are those that it can tell callers apart by. */
export function rateLimitOf(method: MethodContract, claims: Claims, losses: Losses): RateLimit | undefined {
  const local: Rule[] = [];
  const global: Rule[] = [];
  for (const limit of method.policy.rateLimit ?? [])
    (limit.shared ? global : local).push(...rulesOf(method, limit, claims, losses));
  if (local.length + global.length === 0) return undefined;
  return {
    ...(local.length > 0 && { local: { rules: selecting(local) } }),
    ...(global.length > 0 && { global: { rules: global } }),
  };
}

/** Whether a limit counts a method by itself, so that it must not share a rule of a route with others. */
export const countsAlone = ({ scope, by }: RateLimitConfig): boolean => scope === "method" || by.includes("method");

/** Envoy Gateway takes one local rule without a selector, and only with a unit that divides those of the others. */
function selecting(rules: readonly Rule[]): readonly Rule[] {
  if (rules.length === 1) return rules;
  const everything = [{ path: { type: "PathPrefix", value: "/" } }];
  return rules.map((rule) => ({ clientSelectors: everything, ...rule }));
}

function rulesOf(method: MethodContract, limit: RateLimitConfig, claims: Claims, losses: Losses): Rule[] {
  const { name, perSecond, burst, by, cost, shared, failClosed, shadow } = limit;
  const lose = (field: string, text: string) => losses.add(method, `rate_limit[${name}].${field}`, `"${name}" ${text}`);
  if (shadow && !shared) {
    lose("shadow", "is not exported: Envoy Gateway only counts where a limit is shared; the server counts");
    return [];
  }
  if (Number.isNaN(Number(cost))) {
    lose("cost", "is not exported: Envoy Gateway does not read requests; the server limits");
    return [];
  }
  const headers = by.flatMap((key) => {
    const name = key.startsWith("metadata:") ? key.slice("metadata:".length) : claims.get(claimOf(key) ?? "")?.header;
    return name === undefined ? [] : [{ key, name }];
  });
  const unknown = by.filter((key) => !/^(peer|method|all)$/.test(key) && !headers.some((header) => header.key === key));
  if (unknown.length > 0) {
    lose(
      "by",
      `is not exported: Envoy Gateway does not tell callers of this method apart by ${unknown.join(", ")}; the server limits`,
    );
    return [];
  }
  // A call that always costs the same is a lower rate.
  const rate = wholeRate(perSecond / Number(cost));
  lose(
    "rate",
    "is refused with UNAVAILABLE by gRPC, not RESOURCE_EXHAUSTED, and each rule of a route counts for itself",
  );
  if (Math.floor(burst / Number(cost)) !== rate.requests)
    lose(
      "burst",
      `lets ${rate.requests} calls pass at once: the burst of Envoy Gateway is all of one ${rate.unit.toLowerCase()}`,
    );
  if (failClosed)
    lose("fail_closed", "is decided by the EnvoyGateway configuration, rateLimit.failClosed, for all limits");
  if (headers.length > 0)
    lose(
      "by",
      `does not limit calls without ${headers.map(({ key }) => key).join(", ")}: Envoy Gateway counts those that have it`,
    );
  // A selector for addresses needs a network: all of IPv4, and all of IPv6.
  const sources = by.includes("peer") ? ["0.0.0.0/0", "::/0"] : [undefined];
  return sources.map((value) => {
    const selector = {
      ...(headers.length > 0 && { headers: headers.map((header) => ({ name: header.name, type: "Distinct" })) }),
      ...(value !== undefined && { sourceCIDR: { type: "Distinct", value } }),
    };
    return {
      ...(Object.keys(selector).length > 0 && { clientSelectors: [selector] }),
      limit: rate,
      ...(shadow && { shadowMode: true }),
    };
  });
}
