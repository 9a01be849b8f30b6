import { duration } from "../core/fields.ts";
import type { Policy } from "../core/policy.ts";

/** How long a call, an attempt or a silent stream may last, in milliseconds. */
export interface TimeoutConfig {
  /** Client: used when the caller gives no time. Covers all attempts and the waits between them. */
  readonly totalMs?: number;
  /** Client and server: the longest deadline accepted. */
  readonly maxMs?: number;
  /** Client: per attempt. */
  readonly attemptMs?: number;
  /** Streams: the longest gap between two messages. */
  readonly idleMs?: number;
  /** Server: held back when the deadline travels to the next hop. */
  readonly reserveMs?: number;
}

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
};

/** The part of `timeout` that stands inside retry. */
export const attemptTimeout: Pick<Policy<"timeout", TimeoutConfig>, "name" | "client"> = { name: "timeout" };
