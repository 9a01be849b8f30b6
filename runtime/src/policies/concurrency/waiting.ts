import { criticalities } from "../../core/criticality.ts";

/** Something that waits. In one line at a time. */
export interface Waiter {
  /** Position in `criticalities`. */
  readonly rank: number;
  /** Kept by `Waiting`. */
  older?: Waiter | undefined;
  newer?: Waiter | undefined;
}

/**
 * Who waits: a line for each criticality. The newest of the most critical goes first, the oldest of the least critical
 * is the first to give way. Every operation takes constant time, leaving from the middle included.
 */
export class Waiting<W extends Waiter> {
  readonly #newest: (W | undefined)[] = criticalities.map(() => undefined);
  readonly #oldest: (W | undefined)[] = criticalities.map(() => undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(waiter: W): void {
    const newest = this.#newest[waiter.rank];
    waiter.older = newest;
    if (newest) newest.newer = waiter;
    else this.#oldest[waiter.rank] = waiter;
    this.#newest[waiter.rank] = waiter;
    this.#size++;
  }

  /** Takes out one that is in. */
  remove(waiter: W): void {
    const { older, newer, rank } = waiter;
    if (newer) newer.older = older;
    else this.#newest[rank] = older as W | undefined;
    if (older) older.newer = newer;
    else this.#oldest[rank] = newer as W | undefined;
    waiter.older = undefined;
    waiter.newer = undefined;
    this.#size--;
  }

  /** The one whose turn it is. */
  first(): W | undefined {
    if (this.#size === 0) return undefined;
    return this.#newest.find((waiter) => waiter !== undefined);
  }

  /** The one that must give way to a newcomer of this rank: it matters less. Undefined when nobody does. */
  lesserThan(rank: number): W | undefined {
    for (let lowest = criticalities.length - 1; lowest > rank; lowest--) {
      const oldest = this.#oldest[lowest];
      if (oldest) return oldest;
    }
    return undefined;
  }
}
