import type { CircuitBreakerConfig } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import { inSeconds } from "../shared/durations.ts";
import { isSet, type Losses } from "../shared/losses.ts";
import { extension, type Part } from "./part.ts";

/** Numbers of codes. Source: google.rpc.Code. */
const numbers: { readonly [code: string]: number } = Object.fromEntries(
  (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED " +
    "FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"
  )
    .split(" ")
    .map((code, number) => [code, number]),
);

/**
 * A breaker as a cluster of the method's own has it: an address whose calls fail gets none for a while, and when no address is
 * left, calls fail at once. Source: envoy.config.cluster.v3.OutlierDetection.
 */
export function ejectionOf(method: MethodContract, breaker: CircuitBreakerConfig, losses: Losses): Part {
  const { ratio, minCalls, windowMs, openMs, slowMs } = breaker;
  const lose = (field: string, text: string) => {
    if (isSet(method, `circuit_breaker.${field}`)) losses.add(method, `circuit_breaker.${field}`, text);
  };
  losses.add(
    method,
    "circuit_breaker",
    "becomes outlier detection: Envoy leaves out single addresses, one window late",
  );
  lose("on", "Envoy's outlier detection counts what HTTP calls 5xx, whichever codes are named");
  lose("probes", "Envoy gives all calls back to an address at once, without probes");
  if (slowMs !== undefined) lose("slow", "Envoy's outlier detection does not measure time");
  return {
    outlier_detection: {
      interval: inSeconds(windowMs),
      base_ejection_time: inSeconds(openMs),
      max_ejection_time: inSeconds(openMs * 6),
      max_ejection_percent: 100,
      // At 0 an address would be left out that fails nothing.
      failure_percentage_threshold: Math.max(1, Math.round(ratio * 100)),
      failure_percentage_request_volume: minCalls,
      failure_percentage_minimum_hosts: 1,
      enforcing_failure_percentage: 100,
      enforcing_success_rate: 0,
      enforcing_consecutive_5xx: 0,
      enforcing_consecutive_gateway_failure: 0,
    },
    // Otherwise an address that is left out gets calls again as soon as half of them are.
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
  };
}

/** An adaptive breaker: a filter of the method's own cluster. Source: envoy.extensions.filters.http.admission_control.v3. */
export function admissionOf({ ratio, minCalls, windowMs, on }: CircuitBreakerConfig): Part {
  const windowSeconds = Math.max(1, Math.round(windowMs / 1000));
  const successes = Object.keys(numbers).filter((code) => !(on as readonly string[]).includes(code));
  return {
    name: "envoy.filters.http.admission_control",
    typed_config: extension("filters.http.admission_control.v3.AdmissionControl", {
      enabled: { default_value: true, runtime_key: "protomesh.admission_control" },
      sampling_window: `${windowSeconds}s`,
      // Envoy takes no less than 1.
      sr_threshold: {
        default_value: { value: Math.max(1, Math.round((1 - ratio) * 100)) },
        runtime_key: "protomesh.sr_threshold",
      },
      rps_threshold: {
        default_value: Math.ceil(minCalls / windowSeconds),
        runtime_key: "protomesh.rps_threshold",
      },
      success_criteria: {
        http_criteria: { http_success_status: [{ start: 100, end: 600 }] },
        grpc_criteria: { grpc_success_status: successes.map((code) => numbers[code]) },
      },
    }),
  };
}
