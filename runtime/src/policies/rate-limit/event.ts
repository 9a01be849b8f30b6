import { channel } from "node:diagnostics_channel";

/** The `node:diagnostics_channel` on which every call over a limit is reported. Free while nobody subscribes. */
export const rateLimitChannel = "protomesh:rate_limit";

/** A call that was over a limit. */
export interface RateLimitEvent {
  /** Path of the method. */
  readonly method: string;
  /** Name of the limit. */
  readonly limit: string;
  /** True: the limit is a shadow, so this alone did not refuse the call. */
  readonly shadow: boolean;
  readonly cost: number;
  /** When the same call would fit; Infinity when it never does. */
  readonly waitMs: number;
}

const reports = channel(rateLimitChannel);

/** Tells the subscribers, if there are any. */
export function report(method: string, limit: string, shadow: boolean, cost: number, waitMs: number): void {
  if (reports.hasSubscribers) reports.publish({ method, limit, shadow, cost, waitMs } satisfies RateLimitEvent);
}
