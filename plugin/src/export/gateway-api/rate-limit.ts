import type { RateLimitConfig } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import type { Losses } from "../shared/losses.ts";
import { wholeRate } from "../shared/rate.ts";

/** Rules of a BackendTrafficPolicy: in each proxy, and by the rate limit service that all proxies share. */
export interface RateLimit {
  readonly local?: { readonly rules: readonly object[] };
  readonly global?: { readonly rules: readonly object[] };
}

/** The rate limits of a method that Envoy Gateway can keep. */
export function rateLimitOf(method: MethodContract, losses: Losses): RateLimit | undefined {
  const local: object[] = [];
  const global: object[] = [];
  for (const limit of method.policy.rateLimit ?? [])
    (limit.shared ? global : local).push(...rulesOf(method, limit, losses));
  if (local.length + global.length === 0) return undefined;
  return {
    ...(local.length > 0 && { local: { rules: local } }),
    ...(global.length > 0 && { global: { rules: global } }),
  };
}

/** Whether a limit counts a method by itself, so that it must not share a rule of a route with others. */
export const countsAlone = ({ scope, by }: RateLimitConfig): boolean => scope === "method" || by.includes("method");

function rulesOf(method: MethodContract, limit: RateLimitConfig, losses: Losses): object[] {
  const { name, perSecond, burst, by, cost, shared, failClosed, shadow } = limit;
  const lose = (field: string, text: string) => losses.add(method, `rate_limit[${name}].${field}`, `"${name}" ${text}`);
  if (shadow && !shared) {
    lose("shadow", "is not exported: Envoy Gateway only counts where a limit is shared; the server counts");
    return [];
  }
  if (!/^\d+$/.test(cost)) {
    lose("cost", "is not exported: Envoy Gateway does not read requests; the server limits");
    return [];
  }
  const unknown = by.filter((key) => !/^(metadata:|peer$|method$|all$)/.test(key));
  if (unknown.length > 0) {
    lose(
      "by",
      `is not exported: Envoy Gateway does not tell callers apart by ${unknown.join(", ")}; the server limits`,
    );
    return [];
  }
  const rate = wholeRate(perSecond);
  lose(
    "rate",
    "is refused with UNAVAILABLE by gRPC, not RESOURCE_EXHAUSTED, and each rule of a route counts for itself",
  );
  if (burst !== rate.requests)
    lose(
      "burst",
      `lets ${rate.requests} calls pass at once: the burst of Envoy Gateway is all of one ${rate.unit.toLowerCase()}`,
    );
  if (failClosed)
    lose("fail_closed", "is decided by the EnvoyGateway configuration, rateLimit.failClosed, for all limits");
  const headers = by.flatMap((key) =>
    key.startsWith("metadata:") ? [{ name: key.slice("metadata:".length), type: "Distinct" }] : [],
  );
  if (headers.length > 0)
    lose(
      "by",
      `does not limit calls without ${headers.map((header) => header.name).join(", ")}: Envoy Gateway counts those that have it`,
    );
  const rest = {
    limit: rate,
    ...(cost !== "1" && { cost: { request: { from: "Number", number: Number(cost) } } }),
    ...(shadow && { shadowMode: true }),
  };
  // A selector for addresses needs a network: all of IPv4, and all of IPv6.
  const sources = by.includes("peer") ? ["0.0.0.0/0", "::/0"] : [undefined];
  return sources.map((value) => {
    const selector = {
      ...(headers.length > 0 && { headers }),
      ...(value !== undefined && { sourceCIDR: { type: "Distinct", value } }),
    };
    return { ...(Object.keys(selector).length > 0 && { clientSelectors: [selector] }), ...rest };
  });
}
