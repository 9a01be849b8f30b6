import type { BudgetConfig } from "./config.ts";

const slices = 10;

/**
 * Bounds retries to a share of the calls, so that a peer in trouble is not drowned by them: in the window that ends
 * with a retry there are at most `ratio` retries per call, and `floorPerSecond` on top.
 *
 * Time goes round in ten slices, which makes the memory constant; a call counts for nine tenths of the window to the
 * whole of it. Source: Finagle's RetryBudget.
 */
export class Budget {
  readonly #ratio: number;
  readonly #reserve: number;
  readonly #sliceMs: number;
  /** What each slice has earned by calls, less what its retries cost. */
  readonly #balances = new Float64Array(slices);
  #slice = Number.NEGATIVE_INFINITY;

  constructor({ ratio, floorPerSecond, windowMs }: BudgetConfig) {
    this.#ratio = ratio;
    this.#reserve = (floorPerSecond * windowMs) / 1000;
    this.#sliceMs = windowMs / slices;
  }

  /** Counts a call. */
  deposit(now: number): void {
    const at = this.#at(now);
    this.#balances[at] = (this.#balances[at] as number) + this.#ratio;
  }

  /** Takes a retry out of the budget, or says that there is none left. */
  withdraw(now: number): boolean {
    const at = this.#at(now);
    let balance = this.#reserve;
    for (const one of this.#balances) balance += one;
    // A ratio such as 0.1 adds up to a little less than it should.
    if (balance < 1 - 1e-9) return false;
    this.#balances[at] = (this.#balances[at] as number) - 1;
    return true;
  }

  /** The place of the current slice, after those that are over were emptied. */
  #at(now: number): number {
    const slice = Math.floor(now / this.#sliceMs);
    const passed = Math.min(slice - this.#slice, slices);
    for (let step = 0; step < passed; step++) this.#balances[place(slice - step)] = 0;
    this.#slice = slice;
    return place(slice);
  }
}

/** Where a slice is kept; the clock's zero means nothing, so slices may be negative. */
const place = (slice: number): number => ((slice % slices) + slices) % slices;
