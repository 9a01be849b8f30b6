import type { BalanceConfig } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import { inSeconds } from "../shared/durations.ts";
import type { KubernetesObject } from "../shared/kubernetes.ts";
import { isSet, type Losses } from "../shared/losses.ts";
import { groupBy, type Workload } from "../shared/workloads.ts";

/** Connections to a workload: what Istio knows of hosts, not of methods. Undefined when there is nothing to say. */
export function destinationRule(
  { methods, upstream }: Workload,
  metadata: KubernetesObject["metadata"],
  host: string,
  retries: (method: MethodContract) => boolean,
  losses: Losses,
): KubernetesObject | undefined {
  const connectionPool = poolOf(methods, losses);
  const loadBalancer = balancerOf(methods, losses);
  const outlierDetection = outliersOf(methods, losses);
  const retryBudget = budgetOf(methods.filter(retries), losses);
  const trafficPolicy = {
    ...(connectionPool && { connectionPool }),
    ...(loadBalancer && { loadBalancer }),
    ...(outlierDetection && { outlierDetection }),
    ...(retryBudget && { retryBudget }),
    ...(upstream.tls && {
      tls: {
        mode: "SIMPLE",
        // Without a name it is that of the call's host.
        ...(upstream.serverName !== undefined && { sni: upstream.serverName, subjectAltNames: [upstream.serverName] }),
      },
    }),
  };
  if (Object.keys(trafficPolicy).length === 0) return undefined;
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata,
    spec: { host, trafficPolicy },
  };
}

/** Limits of methods become one of the host: their sum, so that none is tighter than it says. */
function poolOf(methods: readonly MethodContract[], losses: Losses) {
  const limited = methods.filter(({ policy }) => policy.concurrency?.max !== undefined);
  for (const method of limited) {
    const { concurrency } = method.policy;
    if (limited.length < methods.length)
      losses.add(
        method,
        "concurrency.max",
        "is not exported: Istio limits a host, and other methods of this host have no limit; the server limits",
      );
    else
      losses.add(
        method,
        "concurrency.max",
        "becomes a part of http2MaxRequests, the sum over all methods of the host, which each calling proxy counts for itself",
      );
    if (concurrency?.adaptive === "GRADIENT")
      losses.add(method, "concurrency.adaptive", "is not exported: Istio does not measure; the server does");
    if (isSet(method, "concurrency.queue") && (concurrency?.queue ?? 0) > 0)
      losses.add(method, "concurrency.queue", "is not exported: in Istio no call waits for a place");
  }
  for (const method of methods)
    if (isSet(method, "concurrency.criticality"))
      losses.add(method, "concurrency.criticality", "is not exported: to Istio all calls matter the same");
  if (limited.length === 0 || limited.length < methods.length) return undefined;
  const most = limited.reduce((sum, { policy }) => sum + (policy.concurrency?.max ?? 0), 0);
  return { http: { http2MaxRequests: Math.min(most, 2 ** 31 - 1) } };
}

/** The balance that most methods of the host have. */
function balancerOf(methods: readonly MethodContract[], losses: Losses) {
  const groups = groupBy(
    methods.filter(({ policy }) => policy.balance),
    ({ policy }) => policy.balance,
  ).sort((a, b) => b.length - a.length);
  const [most = [], ...others] = groups;
  const [first] = most;
  for (const method of others.flat())
    losses.add(
      method,
      "balance.picker",
      `becomes that of ${first?.name}: Istio balances a host, and more of its methods have that`,
    );
  const { picker, hashBy = "" } = first?.policy.balance ?? ({} as Partial<BalanceConfig>);
  const lose = (option: string, text: string) => {
    for (const method of most) losses.add(method, option, text);
  };
  switch (picker) {
    case "ROUND_ROBIN":
    case "LEAST_REQUEST":
      return { simple: picker };
    case "WEIGHTED":
      lose("balance.picker", "becomes ROUND_ROBIN: Istio does not read the load that servers report");
      return { simple: "ROUND_ROBIN" };
    case "PICK_FIRST":
      lose("balance.picker", "is not exported: Istio spreads calls over all addresses, by its default");
      return undefined;
    case "RING_HASH":
      if (hashBy.startsWith("metadata:"))
        return {
          consistentHash: { httpHeaderName: hashBy.slice("metadata:".length), ringHash: { minimumRingSize: 1024 } },
        };
      lose(
        "balance.hash_by",
        "is not exported: Istio does not read requests, only metadata; its default spreads the calls",
      );
      return undefined;
    default:
      return undefined;
  }
}

/** The most lenient breaker of the host's methods, as far as addresses that fail in a row are like it. */
function outliersOf(methods: readonly MethodContract[], losses: Losses) {
  const breakers = methods.flatMap((method) => {
    const { circuitBreaker } = method.policy;
    if (!circuitBreaker) return [];
    if (circuitBreaker.adaptive) {
      losses.add(method, "circuit_breaker", "is not exported: Istio does not refuse a share of the calls; clients do");
      return [];
    }
    losses.add(
      method,
      "circuit_breaker",
      "becomes outlierDetection: Istio leaves an address alone that fails min_calls times in a row, for `open`; it counts no ratio and no methods",
    );
    return [circuitBreaker];
  });
  if (breakers.length === 0) return undefined;
  return {
    consecutive5xxErrors: Math.max(...breakers.map(({ minCalls }) => minCalls)),
    interval: inSeconds(Math.max(...breakers.map(({ windowMs }) => windowMs))),
    baseEjectionTime: inSeconds(Math.min(...breakers.map(({ openMs }) => openMs))),
    maxEjectionPercent: 100,
  };
}

/** The strictest budget of the host's methods. */
function budgetOf(methods: readonly MethodContract[], losses: Losses) {
  const budgets = methods.flatMap(({ policy }) => (policy.retry ? [policy.retry.budget] : []));
  if (budgets.length === 0) return undefined;
  const ratio = Math.min(...budgets.map((budget) => budget.ratio));
  // 0 is Istio's default, 3.
  const floor = Math.max(1, Math.min(...budgets.map((budget) => budget.floorPerSecond)));
  for (const method of methods) {
    if (method.policy.retry?.budget.ratio !== ratio)
      losses.add(method, "retry.budget", `becomes the strictest of its host, ${ratio}: Istio has one for all methods`);
    if (isSet(method, "retry.budget.floor_per_second"))
      losses.add(
        method,
        "retry.budget.floor_per_second",
        `becomes minRetryConcurrency, ${floor} retries at once instead of in a second`,
      );
  }
  return {
    percent: Number((ratio * 100).toPrecision(12)),
    minRetryConcurrency: floor,
    budgetInterval: inSeconds(Math.max(...budgets.map(({ windowMs }) => windowMs))),
  };
}
