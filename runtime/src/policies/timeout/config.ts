/** How long a call, an attempt or a silent stream may last, in milliseconds. */
export interface TimeoutConfig {
  /** Client: the call's time, unless the caller asks for less. Covers all attempts and the waits between them. */
  readonly totalMs?: number;
  /** Client and server: the longest deadline accepted; a longer one is cut to it. */
  readonly maxMs?: number;
  /** Client: per attempt. */
  readonly attemptMs?: number;
  /**
   * Streams, client and server: the longest gap between two messages, in whichever direction they go. The time to
   * the first message counts, and so does a reader that does not read.
   */
  readonly idleMs?: number;
  /** Server: held back when the deadline travels to the next hop, so that an answer can still be sent. */
  readonly reserveMs?: number;
}

/** The longest that a client lets a call take, in milliseconds. Infinity: for ever. */
export const longestCall = ({ totalMs, maxMs }: TimeoutConfig): number =>
  Math.min(totalMs ?? Number.POSITIVE_INFINITY, maxMs ?? Number.POSITIVE_INFINITY);
