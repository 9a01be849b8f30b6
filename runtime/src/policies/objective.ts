import { decided } from "../core/decision.ts";
import { type Code, RpcError } from "../core/error.ts";
import { duration, number } from "../core/fields.ts";
import type { Layer } from "../core/layer.ts";
import type { Policy, Rule, Site } from "../core/policy.ts";
import { isStream, onEnd } from "../core/stream.ts";

/** What a method promises to its callers. */
export interface ObjectiveConfig {
  /** Share of calls that succeed. */
  readonly availability?: number;
  /** Calls of the quantile are answered within this time, in milliseconds: unary ones in full, others until their reply begins. */
  readonly latencyMs?: number;
  /** Share of calls that `latencyMs` is for. Set where that is. */
  readonly quantile?: number;
}

/**
 * Codes that say the server failed; all others are about the caller. RESOURCE_EXHAUSTED is not among them: a caller gets it
 * for asking beyond its quota or a size, and a server that is full says UNAVAILABLE. Source: OpenTelemetry's semantic
 * conventions for gRPC, the status of server spans.
 */
const failures: ReadonlySet<Code> = new Set<Code>([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);

/** What is not an RpcError reaches the caller as INTERNAL. */
const isFailure = (error: unknown): boolean => !(error instanceof RpcError) || failures.has(error.code);

/** Which timer rings first at a deadline, the caller's or ours, is chance: a caller that leaves so long before it has waited in vain. */
const earlyMs = 25;

/** Server: says which calls missed the promise, and changes none. */
function watch({ availability, latencyMs }: ObjectiveConfig, { clock, method: { path } }: Site): Layer | undefined {
  if (availability === undefined && latencyMs === undefined) return undefined;
  return (next) => (call) => {
    const startedAt = latencyMs === undefined ? 0 : clock.now();
    let over = false;
    let leave: (() => void) | undefined;
    const end = (error?: unknown, failed = error !== undefined && isFailure(error)) => {
      if (over) return;
      over = true;
      leave?.();
      if (failed) decided("objective", "failed", path);
    };
    // The deadline of a call is a failure when it passes, not when the implementation notices: that may be never.
    leave = call.cancellation?.onCancel((reason) =>
      end(reason, isFailure(reason) || call.deadline - clock.now() <= earlyMs),
    );
    return next(call).then(
      (reply) => {
        if (over) return reply;
        if (latencyMs !== undefined) {
          const ms = clock.now() - startedAt;
          if (ms > latencyMs) decided("objective", "slow", path, { ms });
        }
        if (isStream(reply)) return onEnd(reply, (error) => end(error));
        end();
        return reply;
      },
      (error) => {
        end(error);
        throw error;
      },
    );
  };
}

const rules: readonly Rule<ObjectiveConfig>[] = [
  {
    id: "objective/promises-nothing",
    severity: "error",
    purpose: "An objective promises availability or latency.",
    check: ({ availability, latencyMs, quantile }) =>
      availability === undefined && latencyMs === undefined && quantile === undefined
        ? "it promises nothing: set availability or latency, or remove it"
        : undefined,
  },
  {
    id: "objective/quantile-without-latency",
    severity: "error",
    purpose: "An objective with a quantile has a latency.",
    check: ({ latencyMs, quantile }) =>
      quantile !== undefined && latencyMs === undefined
        ? `quantile (${quantile}) says for how many calls latency holds, and there is none: set latency or remove quantile`
        : undefined,
  },
  {
    id: "objective/latency-beyond-timeout",
    severity: "warning",
    purpose: "The latency of an objective is shorter than the call's timeout.",
    check({ latencyMs }, { policy }) {
      const { totalMs, maxMs } = (policy.timeout ?? {}) as { readonly totalMs?: number; readonly maxMs?: number };
      const longest = Math.min(totalMs ?? Number.POSITIVE_INFINITY, maxMs ?? Number.POSITIVE_INFINITY);
      return latencyMs !== undefined && latencyMs >= longest
        ? `a call fails at ${longest} ms by its timeout, so none is ever slower than latency (${latencyMs} ms): lower latency or raise the timeout`
        : undefined;
    },
  },
];

/** What a method promises, and which calls miss it. Source: Google SRE book, "Service Level Objectives". */
export const objective: Policy<"objective", ObjectiveConfig> = {
  name: "objective",
  option: "objective",
  fields: {
    availability: number("availability", { min: 0.000001, max: 0.999999999 }),
    latencyMs: duration("latency"),
    quantile: number("quantile", {
      min: 0.000001,
      max: 0.999999999,
      fallback: ({ latencyMs }) => (latencyMs === undefined ? undefined : 0.99),
    }),
  },
  server: watch,
  rules,
  reference: {
    example: 'objective: { availability: 0.999 latency: "200ms" quantile: 0.99 }',
    errors: {},
    outcomes: {
      slow: "The answer took longer than `latency`; `ms` is how long. A streamed reply counts when it begins.",
      failed:
        "The caller got UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE or DATA_LOSS, from the implementation or from a policy: no answer, so it misses a promised latency as well. A streamed reply can be slow and fail later.",
    },
    exports: {},
  },
};
