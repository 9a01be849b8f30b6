import type { MethodContract } from "../../contract/contract.ts";
import { inSeconds } from "../shared/durations.ts";
import { isSet, type Losses } from "../shared/losses.ts";
import { envoyWaits, retryConditions } from "../shared/retry.ts";
import type { Part } from "./part.ts";

/** A call that is a retry already is not multiplied here: its caller retries. Source: gRFC A6. */
const onlyFirstAttempts = [{ name: "grpc-previous-rpc-attempts", present_match: true, invert_match: true }];

/** What of a method Envoy sends again. */
export interface Again {
  /** What the RouteAction says. */
  readonly action: Part;
  /** What the route says besides. */
  readonly route: Part;
}

/**
 * Where Envoy sends again whatever the policy sends again, a failure tells the caller's library not to do the same. A server's own
 * word stays. Source: gRFC A6, "Pushback".
 */
const standDown: Part = {
  response_headers_to_add: [{ header: { key: "grpc-retry-pushback-ms", value: "-1" }, append_action: "ADD_IF_ABSENT" }],
};

/** The retries of a RouteAction; undefined for none. Source: envoy.config.route.v3.RetryPolicy. */
export function retryOf(method: MethodContract, losses: Losses): Again | undefined {
  const { retry, timeout } = method.policy;
  if (!retry) return undefined;
  const { on, lost } = retryConditions(retry);
  if (lost.length > 0)
    losses.add(method, "retry.on", `Envoy cannot retry ${lost.join(", ")}: such a failure goes to the caller`);
  if (retry.on.includes("RESOURCE_EXHAUSTED"))
    losses.add(method, "retry.on", "Envoy retries RESOURCE_EXHAUSTED also where a server does not say when");
  if (on.length === 0) return undefined;
  if (isSet(method, "retry.multiplier") && retry.multiplier !== envoyWaits.multiplier)
    losses.add(method, "retry.multiplier", "Envoy's waits double");
  if (isSet(method, "retry.jitter") && retry.jitter !== envoyWaits.jitter)
    losses.add(method, "retry.jitter", "Envoy spreads a wait over 0 to the whole of it, as FULL does");
  if (isSet(method, "retry.budget"))
    losses.add(method, "retry.budget", "becomes a share of the calls under way, not of those of a window");
  const action = {
    retry_policy: {
      retry_on: on.join(","),
      num_retries: retry.attempts - 1,
      ...(timeout?.attemptMs !== undefined && { per_try_timeout: inSeconds(timeout.attemptMs) }),
      retry_back_off: { base_interval: inSeconds(retry.initialMs), max_interval: inSeconds(retry.maxMs) },
      retriable_request_headers: onlyFirstAttempts,
    },
  };
  return { action, route: lost.length === 0 ? standDown : {} };
}

/**
 * A hedge as Envoy has it: an attempt that takes longer than `delay` goes on while another is sent. Undefined for none.
 * Source: envoy.config.route.v3.HedgePolicy.
 */
export function hedgeOf(method: MethodContract, losses: Losses): Again | undefined {
  const { hedge } = method.policy;
  if (!hedge) return undefined;
  if (hedge.delayMs === undefined) {
    losses.add(method, "hedge.percentile", "Envoy knows no measured delay: the method is not hedged");
    return undefined;
  }
  const { on, lost } = retryConditions({ on: hedge.keepGoingOn, attemptTimeout: true });
  if (lost.length > 0)
    losses.add(method, "hedge.keep_going_on", `Envoy cannot go on after ${lost.join(", ")}: it goes to the caller`);
  if (method.policy.timeout?.attemptMs !== undefined)
    losses.add(method, "timeout.attempt", "Envoy has no time for one attempt of a hedge: only the call's is left");
  const action = {
    retry_policy: {
      retry_on: on.join(","),
      num_retries: hedge.attempts - 1,
      per_try_timeout: inSeconds(hedge.delayMs),
      retriable_request_headers: onlyFirstAttempts,
    },
    hedge_policy: { hedge_on_per_try_timeout: true },
  };
  return { action, route: lost.length === 0 ? standDown : {} };
}
