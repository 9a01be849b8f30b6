import type { RpcError } from "../core/error.ts";
import { RetryInfo } from "./details.ts";
import { findDetail } from "./status.ts";

const trailer = "grpc-retry-pushback-ms";

/** Beyond this a peer's word would only hold calls in memory: Envoy discards longer intervals too (`max_interval`). */
const longestMs = 300_000;

/**
 * What the peer says about trying again: after so many milliseconds, not at all (`"stop"`), or nothing (undefined).
 *
 * A trailer that is negative, not a number, or there several times means "stop", and so does a delay of more than five
 * minutes. Source: gRFC A6, "Pushback"; google.rpc.RetryInfo, which the trailer goes before.
 */
export function pushback(error: RpcError): number | "stop" | undefined {
  const values = error.metadata?.all(trailer) ?? [];
  if (values.length > 0) {
    const [value] = values;
    const ms = typeof value === "string" && /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
    return values.length === 1 && ms <= longestMs ? ms : "stop";
  }
  if (error.details.length === 0) return undefined;
  const delay = findDetail(error, RetryInfo)?.retryDelay;
  if (!delay) return undefined;
  const ms = Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  return ms >= 0 && ms <= longestMs ? ms : "stop";
}
