import type { MethodContract } from "../../contract/contract.ts";
import { isSet, type Losses } from "../shared/losses.ts";
import { extension, filterNames, type Part } from "./part.ts";

/** Limits that follow the latency: a filter for each method, which only its route switches on. */
export class AdaptiveConcurrency {
  readonly #filters: Part[] = [];
  readonly #losses: Losses;

  constructor(losses: Losses) {
    this.#losses = losses;
  }

  /** What a method's route says. Source: envoy.extensions.filters.http.adaptive_concurrency.v3. */
  of(method: MethodContract): Part {
    const { concurrency } = method.policy;
    if (!concurrency) return {};
    const { max = 200, min = 20, queue, adaptive } = concurrency;
    if (queue > 0)
      this.#losses.add(method, "concurrency.queue", "Envoy has no queue: calls beyond the limit fail at once");
    if (isSet(method, "concurrency.criticality"))
      this.#losses.add(method, "concurrency.criticality", "Envoy treats calls alike, however much they matter");
    if (adaptive !== "GRADIENT") return {};
    if (method.routes.length > 0)
      this.#losses.add(method, "concurrency.adaptive", "Envoy limits gRPC calls this way, not those of HTTP routes");
    const name = `${filterNames.concurrency}.${method.path.slice(1)}`;
    this.#filters.push({
      name,
      disabled: true,
      typed_config: extension("filters.http.adaptive_concurrency.v3.AdaptiveConcurrency", {
        gradient_controller_config: {
          sample_aggregate_percentile: { value: 50 },
          concurrency_limit_params: { max_concurrency_limit: max, concurrency_update_interval: "0.1s" },
          min_rtt_calc_params: { interval: "60s", request_count: 50, min_concurrency: min, jitter: { value: 15 } },
        },
        enabled: { default_value: true, runtime_key: "protomesh.adaptive_concurrency" },
      }),
    });
    return { [name]: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", config: {} } };
  }

  filters(): readonly Part[] {
    return this.#filters;
  }
}
