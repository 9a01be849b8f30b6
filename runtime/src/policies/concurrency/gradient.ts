/** What bounds the limit. */
interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Where the limit starts, unless `min` or `max` forbid it. */
const initialLimit = 20;
/** Calls that are let in beyond what the latency justifies; without them a limit could never rise. */
const headroom = 4;
/** How much slower than usual is no sign of a queue. */
const tolerance = 1.5;
/** The weight of the newest window. */
const smoothing = 0.2;
/** A window is over after so many answers and so much time: one slow answer says nothing, and Envoy samples as often. */
const windowCalls = 10;
const windowMs = 100;
/** The windows that make up the usual latency: ten minutes of steady traffic. */
const longWindows = 6000;
/** The first windows count alike, so that the first one alone does not stand for what is usual. */
const warmUpWindows = 10;

/**
 * A limit that follows the latency: it falls while answers take longer than usual, because then calls queue somewhere below,
 * and rises slowly while they do not. It does not rise while less than half of it is used, which would prove nothing.
 *
 * Knows no clock and no calls: whoever does tells it what was measured.
 * Source: Netflix concurrency-limits, Gradient2Limit under WindowedLimit.
 */
export class Gradient {
  readonly #bounds: Bounds;
  #limit: number;
  /** What latency is usual, in milliseconds. */
  #usual = 0;
  #windows = 0;
  #windowFrom = Number.NEGATIVE_INFINITY;
  #calls = 0;
  #sum = 0;
  #mostRunning = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#limit = this.#bounded(initialLimit);
  }

  /** How many calls may run at once: a whole number within the bounds. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /**
   * Learns from a call that is over: how long it took, how many ran when it began (itself included), and when that is
   * said. True when the limit has changed.
   */
  add(ms: number, running: number, now: number): boolean {
    if (this.#calls === 0) this.#windowFrom = now;
    this.#calls++;
    this.#sum += ms;
    if (running > this.#mostRunning) this.#mostRunning = running;
    if (this.#calls < windowCalls || now - this.#windowFrom < windowMs) return false;
    const before = this.limit;
    this.#learn(this.#sum / this.#calls, this.#mostRunning);
    this.#calls = 0;
    this.#sum = 0;
    this.#mostRunning = 0;
    return this.limit !== before;
  }

  #learn(latest: number, running: number): void {
    this.#windows++;
    const weight = this.#windows <= warmUpWindows ? 1 / this.#windows : 2 / (longWindows + 1);
    this.#usual += (latest - this.#usual) * weight;
    // After a long time of trouble what is usual must come down faster than its average would.
    if (this.#usual > 2 * latest) this.#usual *= 0.95;
    if (running < this.#limit / 2) return;
    // Answers that take no time at all, as in tests, are no slower than usual.
    const gradient = latest > 0 ? Math.max(0.5, Math.min(1, (tolerance * this.#usual) / latest)) : 1;
    const target = this.#limit * gradient + headroom;
    this.#limit = this.#bounded(this.#limit * (1 - smoothing) + target * smoothing);
  }

  #bounded(limit: number): number {
    return Math.max(this.#bounds.min, Math.min(this.#bounds.max, limit));
  }
}
