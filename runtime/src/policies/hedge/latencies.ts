const remembered = 500;
const enough = 20;
const shortestMs = 1;

/**
 * How long the last answers took: 500 of them, in constant memory. The percentile is exact when it is worked out, which
 * happens anew each time that a tenth of the known answers has changed: sorting for every call would cost more than it.
 *
 * Source: Finagle's BackupRequestFilter.
 */
export class Latencies {
  readonly #share: number;
  readonly #ring = new Float64Array(remembered);
  #known = 0;
  #next = 0;
  #untilSorted = enough;
  #delayMs: number | undefined;

  /** `percentile` is above 0 and at most 100. */
  constructor(percentile: number) {
    this.#share = percentile / 100;
  }

  /** The percentile in milliseconds, at least 1; undefined while fewer than 20 answers are known. */
  get delayMs(): number | undefined {
    return this.#delayMs;
  }

  /** Remembers how long an answer took, in milliseconds. */
  add(ms: number): void {
    this.#ring[this.#next] = ms;
    this.#next = (this.#next + 1) % remembered;
    if (this.#known < remembered) this.#known++;
    if (--this.#untilSorted > 0) return;
    this.#untilSorted = Math.ceil(this.#known / 10);
    const sorted = this.#ring.slice(0, this.#known).sort();
    this.#delayMs = Math.max(shortestMs, sorted[Math.ceil(this.#share * this.#known) - 1] as number);
  }
}
