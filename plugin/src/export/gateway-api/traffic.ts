import { longestCall } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import { gepDuration } from "../shared/durations.ts";
import { isSet, type Losses } from "../shared/losses.ts";
import { envoyWaits, retryConditions } from "../shared/retry.ts";
import type { Claims } from "./claims.ts";
import { rateLimitOf } from "./rate-limit.ts";
import { balancerOf, breakerOf } from "./upstream.ts";

type Retry = NonNullable<MethodContract["policy"]["retry"]>;

/** What a method's BackendTrafficPolicy says, without its targets. */
export type Traffic = { readonly [field: string]: unknown };

/** Timeouts of a rule of an HTTPRoute. */
export interface Timeouts {
  readonly request: string;
}

/** What Envoy Gateway does with calls of a method. */
export function trafficOf(method: MethodContract, claims: Claims, losses: Losses): Traffic {
  const retry = method.policy.retry && retryOf(method, method.policy.retry, losses);
  const rateLimit = rateLimitOf(method, claims, losses);
  const loadBalancer = balancerOf(method, losses);
  const requestBuffer = bufferOf(method, losses);
  return {
    timeout: { http: timeoutOf(method, losses) },
    ...(retry && { retry }),
    ...breakerOf(method, retry !== undefined, losses),
    ...(loadBalancer && { loadBalancer }),
    ...(rateLimit && { rateLimit }),
    ...(requestBuffer && { requestBuffer }),
  };
}

/**
 * The same for an HTTPRoute, whose timeouts go first. "0s" is none. The time of an attempt is not among them: to Envoy Gateway
 * `backendRequest` is the time of all attempts, unless the route itself retries.
 */
export function timeoutsOf(method: MethodContract): Timeouts {
  const longest = longestOf(method);
  return { request: longest === undefined ? "0s" : gepDuration(longest) };
}

/** Without retries an attempt is the call. */
function longestOf(method: MethodContract): number | undefined {
  const { timeout = {}, retry } = method.policy;
  const again = retry !== undefined && conditionsOf(method, retry).some;
  const longest = Math.min(
    longestCall(timeout),
    again ? Number.POSITIVE_INFINITY : (timeout.attemptMs ?? Number.POSITIVE_INFINITY),
  );
  return longest === Number.POSITIVE_INFINITY ? undefined : longest;
}

function timeoutOf(method: MethodContract, losses: Losses) {
  const { timeout = {} } = method.policy;
  const longest = longestOf(method);
  if (timeout.reserveMs !== undefined)
    losses.add(
      method,
      "timeout.reserve",
      "is not exported: Envoy Gateway passes on the caller's deadline as it came; the server holds it back",
    );
  const upload = method.kind === "clientStream" || method.kind === "bidi";
  return {
    // Envoy's own default is 15 s, and it counts from the end of the requests.
    requestTimeout: longest === undefined || upload ? "0s" : gepDuration(longest),
    ...(longest !== undefined && upload && { maxStreamDuration: gepDuration(longest) }),
    ...(timeout.idleMs !== undefined && { streamIdleTimeout: gepDuration(timeout.idleMs) }),
  };
}

/** HTTP statuses of the codes that a REST caller's request is worth sending again for. Source: google/rpc/code.proto. */
const statuses: { readonly [code in Retry["on"][number]]?: number } = {
  CANCELLED: 499,
  UNKNOWN: 500,
  DEADLINE_EXCEEDED: 504,
  RESOURCE_EXHAUSTED: 429,
  ABORTED: 409,
  INTERNAL: 500,
  UNAVAILABLE: 503,
};

/** When calls are sent again: by gRPC, and those of REST by status as well. */
function conditionsOf({ routes }: MethodContract, retry: Retry) {
  const { on, lost } = retryConditions(retry);
  const rest = routes.length > 0 ? [...new Set(retry.on.flatMap((code) => statuses[code] ?? []))].sort() : [];
  return { on, lost, rest, some: on.length + rest.length > 0 };
}

function retryOf(method: MethodContract, retry: Retry, losses: Losses) {
  const { on, lost, rest, some } = conditionsOf(method, retry);
  if (lost.length > 0)
    losses.add(
      method,
      "retry.on",
      `loses ${lost.join(", ")}: of gRPC, Envoy Gateway retries CANCELLED, DEADLINE_EXCEEDED, INTERNAL, RESOURCE_EXHAUSTED and UNAVAILABLE alone${on.length === 0 ? ", so it retries nothing" : ""}`,
    );
  if (!some) return undefined;
  if (isSet(method, "retry.multiplier") && retry.multiplier !== envoyWaits.multiplier)
    losses.add(method, "retry.multiplier", `becomes ${envoyWaits.multiplier}: waits of Envoy Gateway double`);
  if (isSet(method, "retry.jitter") && retry.jitter !== envoyWaits.jitter)
    losses.add(
      method,
      "retry.jitter",
      `becomes ${envoyWaits.jitter}: Envoy Gateway waits anything between nothing and the whole wait`,
    );
  const { attemptMs } = method.policy.timeout ?? {};
  return {
    numRetries: retry.attempts - 1,
    perRetry: {
      ...(attemptMs !== undefined && { timeout: gepDuration(attemptMs) }),
      backOff: { baseInterval: gepDuration(retry.initialMs), maxInterval: gepDuration(retry.maxMs) },
    },
    retryOn: {
      triggers: [...on, ...(rest.length > 0 ? ["retriable-status-codes"] : [])].sort(),
      ...(rest.length > 0 && { httpStatusCodes: rest }),
    },
  };
}

/** A request of gRPC has five bytes before its message. JSON has a size of its own. */
function bufferOf(method: MethodContract, losses: Losses) {
  const { limits } = method.policy;
  if (!limits) return undefined;
  if (limits.responseBytes !== undefined || limits.messages !== undefined)
    losses.add(
      method,
      "limits",
      "measures requests alone: Envoy Gateway does not look at replies, nor count messages; client and server do",
    );
  if (limits.requestBytes === undefined) return undefined;
  if (method.kind !== "unary" || method.routes.length > 0) {
    const why = method.kind === "unary" ? "JSON of REST has another size" : "Envoy Gateway measures whole streams";
    losses.add(method, "limits.request_bytes", `is not exported: ${why}; the server measures`);
    return undefined;
  }
  losses.add(
    method,
    "limits.request_bytes",
    "refuses with UNKNOWN, not RESOURCE_EXHAUSTED: to Envoy Gateway it is HTTP 413",
  );
  return { limit: String(limits.requestBytes + 5) };
}
