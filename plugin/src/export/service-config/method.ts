import { longestCall } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import { isSet, type Losses } from "../shared/losses.ts";
import type { Dialect } from "./dialect.ts";

/** An entry of `methodConfig` without its names. Source: grpc/service_config/service_config.proto, MethodConfig. */
export interface MethodConfig {
  readonly timeout?: string;
  readonly maxRequestMessageBytes?: number;
  readonly maxResponseMessageBytes?: number;
  readonly retryPolicy?: {
    readonly maxAttempts: number;
    readonly initialBackoff: string;
    readonly maxBackoff: string;
    readonly backoffMultiplier: number;
    readonly retryableStatusCodes: readonly string[];
  };
  readonly hedgingPolicy?: {
    readonly maxAttempts: number;
    readonly hedgingDelay: string;
    readonly nonFatalStatusCodes: readonly string[];
  };
}

/** The most attempts that clients make, whatever the config says. Source: gRFC A6. */
const mostAttempts = 5;

/** What a client does for one method; empty where the contract says nothing of it. */
export function methodConfig(method: MethodContract, dialect: Dialect, losses: Losses): MethodConfig {
  return {
    ...timeoutOf(method, dialect, losses),
    ...sizesOf(method, dialect, losses),
    ...retryOf(method, dialect, losses),
    ...hedgeOf(method, dialect, losses),
  };
}

function timeoutOf(method: MethodContract, dialect: Dialect, losses: Losses): MethodConfig {
  const { timeout, retry, hedge } = method.policy;
  if (!timeout) return {};
  const once = !retry && hedge?.delayMs === undefined;
  const limit = Math.min(longestCall(timeout), (once && timeout.attemptMs) || Number.POSITIVE_INFINITY);
  if (timeout.attemptMs !== undefined && !once)
    losses.add(method, "timeout.attempt", "a service config has no time for one attempt: only the call's is left");
  if (timeout.idleMs !== undefined)
    losses.add(method, "timeout.idle", "a service config has no time for a silent stream: it is left to the server");
  if (timeout.reserveMs !== undefined)
    losses.add(method, "timeout.reserve", "a service config has no reserve: it is left to the server");
  return Number.isFinite(limit) ? { timeout: dialect.duration(limit) } : {};
}

function sizesOf(method: MethodContract, dialect: Dialect, losses: Losses): MethodConfig {
  const { requestBytes, responseBytes, messages } = method.policy.limits ?? {};
  if (messages !== undefined)
    losses.add(method, "limits.messages", "a service config does not count messages: it is left to the server");
  const sizes = {
    ...(requestBytes !== undefined && { maxRequestMessageBytes: requestBytes }),
    ...(responseBytes !== undefined && { maxResponseMessageBytes: responseBytes }),
  };
  if (dialect.sizes || Object.keys(sizes).length === 0) return sizes;
  losses.add(
    method,
    "limits",
    "@grpc/grpc-js does not obey sizes of a service config: set grpc.max_send_message_length and grpc.max_receive_message_length of the channel",
  );
  return {};
}

function retryOf(method: MethodContract, dialect: Dialect, losses: Losses): MethodConfig {
  const { retry } = method.policy;
  if (!retry) return {};
  const { attempts, initialMs, maxMs, multiplier, on, jitter, attemptTimeout } = retry;
  if (attempts > mostAttempts)
    losses.add(method, "retry.attempts", `clients make ${mostAttempts} attempts at most, not ${attempts}`);
  if (isSet(method, "retry.jitter") && jitter !== "PROPORTIONAL")
    losses.add(method, "retry.jitter", "a service config has no jitter: waits are spread by 20 %, as PROPORTIONAL");
  if (attemptTimeout)
    losses.add(method, "retry.attempt_timeout", "a service config has no time for one attempt: none is cut off");
  return {
    retryPolicy: {
      maxAttempts: Math.min(attempts, mostAttempts),
      initialBackoff: dialect.duration(initialMs),
      maxBackoff: dialect.duration(maxMs),
      backoffMultiplier: multiplier,
      retryableStatusCodes: on,
    },
  };
}

function hedgeOf(method: MethodContract, dialect: Dialect, losses: Losses): MethodConfig {
  const { hedge } = method.policy;
  if (!hedge) return {};
  const { attempts, delayMs, keepGoingOn } = hedge;
  if (delayMs === undefined) {
    losses.add(method, "hedge.percentile", "a service config knows no measured delay: the method is not hedged");
    return {};
  }
  if (!dialect.boundedHedging)
    losses.add(
      method,
      "hedge",
      "@grpc/grpc-js hedges without regard to retryThrottling, and gives up at a pushback of -1 while others run",
    );
  return {
    hedgingPolicy: {
      maxAttempts: Math.min(attempts, mostAttempts),
      hedgingDelay: dialect.duration(delayMs),
      nonFatalStatusCodes: keepGoingOn,
    },
  };
}
