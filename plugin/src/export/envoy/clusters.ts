import { isIP } from "node:net";
import type { RetryConfig } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import type { Upstream } from "../deployment.ts";
import { inSeconds } from "../shared/durations.ts";
import type { Losses } from "../shared/losses.ts";
import { balancerOf } from "./balance.ts";
import { admissionOf, ejectionOf } from "./breaker.ts";
import { upstreamTls } from "./keys.ts";
import { extension, type Part, socketAddress } from "./part.ts";

/** As good as no limit: what a proto file does not limit, Envoy's own 1024 must not. */
const unlimited = 2 ** 31 - 1;

interface Cluster {
  readonly upstream: Upstream;
  readonly config: Part;
  readonly filters: readonly Part[];
  readonly maxRequests: number | undefined;
  /** Of the methods that are sent again. */
  readonly budgets: { readonly method: MethodContract; readonly budget: RetryConfig["budget"] }[];
}

/**
 * The clusters of all methods. Breakers and limits are a method's own, but in Envoy a cluster's: such a method has a cluster to
 * itself. Source: envoy.config.cluster.v3.Cluster.
 */
export class Clusters {
  readonly #byName = new Map<string, Cluster>();
  readonly #losses: Losses;

  constructor(losses: Losses) {
    this.#losses = losses;
  }

  /** The name of the cluster that a method's route leads to. */
  of(method: MethodContract, upstream: Upstream): string {
    const { circuitBreaker, concurrency, balance, retry, hedge } = method.policy;
    const forced = circuitBreaker?.force ?? "NONE";
    const breaker = forced === "CLOSED" ? undefined : circuitBreaker;
    const max = concurrency?.adaptive === "GRADIENT" ? undefined : concurrency?.max;
    const own = breaker !== undefined || max !== undefined;
    const picker = balance && balance.picker !== "ROUND_ROBIN" ? balance.picker.toLowerCase() : undefined;
    const name = own ? `${upstream.name}${method.path}` : [upstream.name, ...(picker ? [picker] : [])].join("/");
    const cluster: Cluster = this.#byName.get(name) ?? {
      upstream,
      config: {
        ...(balance && balancerOf(balance)),
        ...(breaker && !breaker.adaptive && ejectionOf(method, breaker, this.#losses)),
      },
      filters: breaker?.adaptive ? [admissionOf(breaker)] : [],
      maxRequests: max,
      budgets: [],
    };
    const budget = retry?.budget ?? hedge?.budget;
    if (budget) cluster.budgets.push({ method, budget });
    this.#byName.set(name, cluster);
    return name;
  }

  all(): Part[] {
    return [...this.#byName]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, cluster]) => clusterOf(name, cluster, this.#budgetOf(cluster)));
  }

  /** The strictest counts. */
  #budgetOf({ budgets }: Cluster): RetryConfig["budget"] | undefined {
    const [strictest] = [...budgets].sort((a, b) => a.budget.ratio - b.budget.ratio);
    for (const { method, budget } of budgets)
      if (strictest && budget.ratio !== strictest.budget.ratio)
        this.#losses.add(
          method,
          "retry.budget",
          `is that of ${strictest.method.path.slice(1)}, ${strictest.budget.ratio}: a cluster has one budget, the strictest`,
        );
    return strictest?.budget;
  }
}

function clusterOf(
  name: string,
  { upstream, config, filters, maxRequests }: Cluster,
  budget: RetryConfig["budget"] | undefined,
): Part {
  const { addresses, tls, serverName, caFile, certFile, keyFile, host } = upstream;
  return {
    name,
    // By itself Envoy prefers IPv6, at which what listens at localhost mostly is not; with all, half of the calls would go there.
    ...(addresses.every((one) => isIP(one.host))
      ? { type: "STATIC" }
      : { type: "STRICT_DNS", dns_lookup_family: "V4_PREFERRED" }),
    connect_timeout: inSeconds(upstream.connectTimeoutMs ?? 5000),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: addresses.map((one) => ({ endpoint: socketAddress(one.host, one.port) })) }],
    },
    ...config,
    circuit_breakers: {
      thresholds: [
        {
          max_connections: unlimited,
          max_pending_requests: unlimited,
          max_requests: maxRequests ?? unlimited,
          ...(budget
            ? {
                retry_budget: {
                  budget_percent: { value: Number((budget.ratio * 100).toPrecision(12)) },
                  min_retry_concurrency: Math.max(1, budget.floorPerSecond),
                },
              }
            : { max_retries: unlimited }),
        },
      ],
    },
    ...(tls && { transport_socket: upstreamTls({ serverName: serverName ?? host, caFile, certFile, keyFile }) }),
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": extension("upstreams.http.v3.HttpProtocolOptions", {
        explicit_http_config: { http2_protocol_options: {} },
        ...(filters.length > 0 && {
          http_filters: [
            ...filters,
            {
              name: "envoy.filters.http.upstream_codec",
              typed_config: extension("filters.http.upstream_codec.v3.UpstreamCodec"),
            },
          ],
        }),
      }),
    },
  };
}
