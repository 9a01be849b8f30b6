import type { RetryConfig } from "@protomesh/runtime/policies";

type Code = RetryConfig["on"][number];

/**
 * How Envoy, and so Istio and Envoy Gateway, name the failures that gRPC calls UNAVAILABLE and so on. It reads codes from
 * headers only: a failure after the first message is not retried, as here. Connections that fail are UNAVAILABLE to a gRPC
 * client. Source: Envoy's `x-envoy-retry-grpc-on` and `x-envoy-retry-on`.
 */
const conditions: { readonly [code in Code]?: readonly string[] } = {
  CANCELLED: ["cancelled"],
  DEADLINE_EXCEEDED: ["deadline-exceeded"],
  RESOURCE_EXHAUSTED: ["resource-exhausted"],
  INTERNAL: ["internal"],
  UNAVAILABLE: ["unavailable", "connect-failure", "refused-stream"],
};

/** When Envoy sends a call again. */
export interface RetryConditions {
  /** Sorted. Empty: it cannot retry what the policy retries. */
  readonly on: readonly string[];
  /** Codes that the policy retries and Envoy does not know. */
  readonly lost: readonly Code[];
}

/** What of a policy's codes Envoy can retry. */
export function retryConditions({ on, attemptTimeout }: Pick<RetryConfig, "on" | "attemptTimeout">): RetryConditions {
  const known = on.flatMap((code) => conditions[code] ?? []);
  return {
    // An attempt that was cut off is a reset stream to Envoy.
    on: [...new Set([...known, ...(attemptTimeout ? ["reset"] : [])])].sort(),
    lost: on.filter((code) => conditions[code] === undefined),
  };
}

/** Waits of Envoy: they double, are spread over 0 to the whole wait, and end at `maxMs`. */
export const envoyWaits = { multiplier: 2, jitter: "FULL" } as const;
