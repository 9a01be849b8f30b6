import { longestCall } from "@protomesh/runtime/policies";
import type { MethodContract } from "../../contract/contract.ts";
import { inSeconds } from "../shared/durations.ts";
import type { Part } from "./part.ts";

/**
 * The times of a RouteAction. The longest call is that of the whole stream, attempts and waits included; a caller's `grpc-timeout`
 * counts where it is shorter. Envoy's own 15 seconds are off. `once`: Envoy sends no call again, so that an attempt is the call. Source: envoy.config.route.v3.RouteAction.
 */
export function timesOf({ policy: { timeout = {} } }: MethodContract, once: boolean): Part {
  const { attemptMs, idleMs, reserveMs } = timeout;
  const longest = Math.min(longestCall(timeout), (once && attemptMs) || Number.POSITIVE_INFINITY);
  const limit = Number.isFinite(longest) ? inSeconds(longest) : "0s";
  return {
    timeout: "0s",
    max_stream_duration: {
      max_stream_duration: limit,
      // 0 takes what callers say as it is.
      grpc_timeout_header_max: limit,
      ...(reserveMs !== undefined && { grpc_timeout_header_offset: inSeconds(reserveMs) }),
    },
    ...(idleMs !== undefined && { idle_timeout: inSeconds(idleMs) }),
  };
}
