import type { ChannelOptions } from "@grpc/grpc-js";

/** Pings on an idle or silent connection. */
export interface Keepalive {
  /** Time without a sign of life after which to ping, in milliseconds. */
  readonly timeMs: number;
  /** How long to wait for the answer before the connection counts as dead, in milliseconds. Default: 20000. */
  readonly timeoutMs?: number | undefined;
  /** Also ping while no call is running. Default: false. */
  readonly withoutCalls?: boolean | undefined;
}

/** The number, or undefined when it is not set. Throws a TypeError that names the option when it is not above 0. */
export function positive(value: number | undefined, option: string, where: string): number | undefined {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return value;
  throw new TypeError(`${where}: ${option} is ${value}, it must be a number above 0`);
}

/** Message size limits of both sides. */
export function sizeOptions(
  options: { readonly maxReceiveBytes?: number | undefined; readonly maxSendBytes?: number | undefined },
  where: string,
): ChannelOptions {
  const receive = positive(options.maxReceiveBytes, "maxReceiveBytes", where) ?? 4 * 1024 * 1024;
  const send = positive(options.maxSendBytes, "maxSendBytes", where) ?? -1; // -1: no limit
  return { "grpc.max_receive_message_length": receive, "grpc.max_send_message_length": send };
}

/** Keepalive of both sides. */
export function keepaliveOptions(keepalive: Keepalive | undefined, where: string): ChannelOptions {
  if (!keepalive) return {};
  const time = positive(keepalive.timeMs, "keepalive.timeMs", where);
  const timeout = positive(keepalive.timeoutMs, "keepalive.timeoutMs", where);
  return {
    ...(time && { "grpc.keepalive_time_ms": time }),
    ...(timeout && { "grpc.keepalive_timeout_ms": timeout }),
    ...(keepalive.withoutCalls && { "grpc.keepalive_permit_without_calls": 1 }),
  };
}
