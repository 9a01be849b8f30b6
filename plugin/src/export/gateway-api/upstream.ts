import type { CircuitBreakerConfig } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import { gepDuration } from "../shared/durations.ts";
import { isSet, type Losses } from "../shared/losses.ts";

/** All codes but OK, as Envoy Gateway's admission control names them. */
const codes = {
  CANCELLED: "Cancelled",
  UNKNOWN: "Unknown",
  INVALID_ARGUMENT: "InvalidArgument",
  DEADLINE_EXCEEDED: "DeadlineExceeded",
  NOT_FOUND: "NotFound",
  ALREADY_EXISTS: "AlreadyExists",
  PERMISSION_DENIED: "PermissionDenied",
  RESOURCE_EXHAUSTED: "ResourceExhausted",
  FAILED_PRECONDITION: "FailedPrecondition",
  ABORTED: "Aborted",
  OUT_OF_RANGE: "OutOfRange",
  UNIMPLEMENTED: "Unimplemented",
  INTERNAL: "Internal",
  UNAVAILABLE: "Unavailable",
  DATA_LOSS: "DataLoss",
  UNAUTHENTICATED: "Unauthenticated",
} as const;

/** How a method's calls are spread over addresses. */
export function balancerOf(method: MethodContract, losses: Losses): object | undefined {
  const { balance } = method.policy;
  switch (balance?.picker) {
    case "ROUND_ROBIN":
      return { type: "RoundRobin" };
    case "LEAST_REQUEST":
      return { type: "LeastRequest" };
    case "WEIGHTED":
      return { type: "BackendUtilization", backendUtilization: {} };
    case "PICK_FIRST":
      losses.add(
        method,
        "balance.picker",
        "is not exported: Envoy Gateway spreads calls over all addresses, by its default",
      );
      return undefined;
    case "RING_HASH": {
      const { hashBy = "" } = balance;
      if (hashBy.startsWith("metadata:")) {
        const headers = [{ name: hashBy.slice("metadata:".length) }];
        return { type: "ConsistentHash", consistentHash: { type: "Headers", headers } };
      }
      losses.add(
        method,
        "balance.hash_by",
        "is not exported: Envoy Gateway does not read requests, only metadata; its default spreads the calls",
      );
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Limits and breakers of a method: a rule of a route has connections of its own, so they do not mix with those of others. */
export function breakerOf(
  method: MethodContract,
  retries: boolean,
  losses: Losses,
): { readonly [field: string]: unknown } {
  const { concurrency, circuitBreaker, retry } = method.policy;
  if (concurrency?.max !== undefined)
    losses.add(method, "concurrency.max", "becomes maxParallelRequests, which each proxy counts for itself");
  if (concurrency?.adaptive === "GRADIENT")
    losses.add(method, "concurrency.adaptive", "is not exported: Envoy Gateway does not measure; the server does");
  if (isSet(method, "concurrency.queue") && (concurrency?.queue ?? 0) > 0)
    losses.add(method, "concurrency.queue", "is not exported: in Envoy Gateway no call waits for a place");
  if (isSet(method, "concurrency.criticality"))
    losses.add(method, "concurrency.criticality", "is not exported: to Envoy Gateway all calls matter the same");
  if (retries && isSet(method, "retry.budget.floor_per_second"))
    losses.add(
      method,
      "retry.budget.floor_per_second",
      "becomes minRetryConcurrency, retries at once instead of in a second",
    );
  const limits = {
    ...(concurrency?.max !== undefined && { maxParallelRequests: concurrency.max }),
    ...(retries &&
      retry && {
        retryBudget: {
          percent: fraction(retry.budget.ratio),
          minRetryConcurrency: Math.max(1, retry.budget.floorPerSecond),
        },
      }),
  };
  return {
    ...(Object.keys(limits).length > 0 && { circuitBreaker: limits }),
    ...(circuitBreaker &&
      (circuitBreaker.adaptive ? admission(method, circuitBreaker, losses) : outliers(method, circuitBreaker, losses))),
  };
}

/** Both refuse a growing share as more calls fail. Source: Google SRE book, "Client-Side Throttling". */
function admission(method: MethodContract, { ratio, windowMs, on, minCalls }: CircuitBreakerConfig, losses: Losses) {
  losses.add(method, "circuit_breaker", "becomes admissionControl, in which each proxy counts for itself");
  const failures: readonly string[] = on;
  return {
    admissionControl: {
      minSuccessRate: Math.max(1, Math.round((1 - ratio) * 100)),
      samplingWindow: gepDuration(Math.max(1000, windowMs)),
      minRequestRate: Math.floor((minCalls * 1000) / windowMs),
      successCriteria: {
        grpc: {
          statusCodes: [
            "Ok",
            ...Object.entries(codes).flatMap(([code, name]) => (failures.includes(code) ? [] : [name])),
          ],
        },
      },
    },
  };
}

function outliers(method: MethodContract, { minCalls, windowMs, openMs }: CircuitBreakerConfig, losses: Losses) {
  losses.add(
    method,
    "circuit_breaker",
    "becomes healthCheck.passive: Envoy Gateway leaves an address alone that fails min_calls times in a row, for `open`; it counts no ratio",
  );
  return {
    healthCheck: {
      passive: {
        consecutive5XxErrors: minCalls,
        interval: gepDuration(windowMs),
        baseEjectionTime: gepDuration(openMs),
        maxEjectionPercent: 100,
      },
    },
  };
}

/** A share as a fraction of whole numbers. */
function fraction(ratio: number) {
  const thousandths = Math.max(1, Math.round(ratio * 1000));
  return thousandths % 10 === 0 ? { numerator: thousandths / 10 } : { numerator: thousandths, denominator: 1000 };
}
