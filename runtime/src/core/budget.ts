import { duration, type Field, number } from "./fields.ts";
import type { Site } from "./policy.ts";

/** The share of calls that may be retries or hedges. */
export interface BudgetConfig {
  /** Retries per call over the window. */
  readonly ratio: number;
  /** Retries per second that are always allowed. */
  readonly floorPerSecond: number;
  /** How long a call counts. */
  readonly windowMs: number;
}

/** What `mesh.v1.Budget` says where it says nothing. */
export const budgetDefaults: BudgetConfig = { ratio: 0.2, floorPerSecond: 10, windowMs: 10_000 };

/** The options of `mesh.v1.Budget`. */
export const budgetFields: { readonly [K in keyof BudgetConfig]-?: Field<BudgetConfig[K]> } = {
  ratio: number("ratio", { min: 0.001, max: 1, fallback: () => budgetDefaults.ratio }),
  floorPerSecond: number("floor_per_second", { min: 0, fallback: () => budgetDefaults.floorPerSecond }),
  windowMs: duration("window", { fallback: () => budgetDefaults.windowMs }),
};

const slices = 10;

/**
 * Bounds retries and hedges to a share of the calls, so that a peer in trouble is not drowned by them: in the window that ends
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

/** The one budget that all retries and hedges of a service draw from, within one client, for one target. */
export function serviceBudget({ method: { path }, target, shared }: Site, config: BudgetConfig): Budget {
  const service = path.slice(0, path.lastIndexOf("/"));
  return shared(`retry-budget:${service}:${target}:${JSON.stringify(config)}`, () => new Budget(config));
}
