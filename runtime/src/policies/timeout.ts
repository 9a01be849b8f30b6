import { duration } from "../core/fields.ts";
import type { Policy, Rule } from "../core/policy.ts";
import type { TimeoutConfig } from "./timeout/config.ts";
import { limitAttempt, limitCall, limitServing } from "./timeout/layers.ts";

export { longestCall, type TimeoutConfig } from "./timeout/config.ts";

const rules: readonly Rule<TimeoutConfig>[] = [
  {
    id: "timeout/attempt-below-total",
    severity: "error",
    purpose: "The timeout of an attempt is below that of the call.",
    check: ({ attemptMs, totalMs }) =>
      attemptMs !== undefined && totalMs !== undefined && attemptMs >= totalMs
        ? `attempt (${attemptMs} ms) is not below total (${totalMs} ms), so it never cuts an attempt: lower attempt or remove it`
        : undefined,
  },
  {
    id: "timeout/total-within-max",
    severity: "error",
    purpose: "The timeout of a call is within the longest that is accepted.",
    check: ({ totalMs, maxMs }) =>
      totalMs !== undefined && maxMs !== undefined && totalMs > maxMs
        ? `total (${totalMs} ms) is above max (${maxMs} ms): raise max or lower total`
        : undefined,
  },
  {
    id: "timeout/attempt-of-stream",
    severity: "error",
    purpose: "Only unary methods have a timeout for attempts.",
    field: "attempt",
    whenInherited: ({ attemptMs: _, ...others }) => others,
    check: ({ attemptMs }, { kind }) =>
      attemptMs !== undefined && kind !== "unary"
        ? "attempt would cut a stream that is well: use idle for streams, and keep attempt for unary methods"
        : undefined,
  },
];

/** How long a call may last. Source: gRPC over HTTP/2, "Timeout"; gRFC A6. */
export const timeout: Policy<"timeout", TimeoutConfig> = {
  name: "timeout",
  option: "timeout",
  fields: {
    totalMs: duration("total"),
    maxMs: duration("max"),
    attemptMs: duration("attempt"),
    idleMs: duration("idle"),
    reserveMs: duration("reserve"),
  },
  client: limitCall,
  server: limitServing,
  rules,
  reference: {
    example: 'timeout: { total: "2s" attempt: "500ms" }',
    errors: {
      DEADLINE_EXCEEDED:
        "the time of the call, of the attempt or between two messages of a stream is over. `refusedBy: timeout` when a server drops a call that came after its deadline",
    },
    outcomes: {},
    exports: {
      "gRPC service config": "`total` is `timeout`",
      Envoy:
        "the shorter of `total` and `max` is `max_stream_duration` and `grpc_timeout_header_max` of the route, `attempt` is `per_try_timeout`, `idle` is `idle_timeout`, `reserve` is `grpc_timeout_header_offset`",
      Istio: "`total` is `timeout` of the route, `attempt` is `perTryTimeout`",
      "Gateway API": "`total` and `attempt` are `timeouts.request` and `timeouts.backendRequest` of an HTTPRoute",
    },
  },
};

/** The part of `timeout` that stands inside retry. */
export const attemptTimeout: Pick<Policy<"timeout", TimeoutConfig>, "name" | "client"> = {
  name: "timeout",
  client: limitAttempt,
};
