const slices = 10;

/**
 * Counts calls, and those of them that are marked, over the last while. What is older is gone, however long nobody looked.
 *
 * Time goes round in ten slices, which makes the memory constant; a call counts for nine tenths of the window to the
 * whole of it.
 */
export class Window {
  /** Calls within the window, as of the last `advance`. */
  calls = 0;
  /** The marked ones among them. */
  marked = 0;
  readonly #sliceMs: number;
  readonly #calls = new Float64Array(slices);
  readonly #marked = new Float64Array(slices);
  #slice = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / slices;
  }

  /** Lets go of what is too old now. Comes before everything else that is asked at a time. */
  advance(now: number): void {
    const slice = Math.floor(now / this.#sliceMs);
    if (slice <= this.#slice) return;
    const passed = Math.min(slice - this.#slice, slices);
    for (let step = 0; step < passed; step++) this.#empty(place(slice - step));
    this.#slice = slice;
  }

  /** Adds to what happened at a time, which may have passed by now; what is outside the window changes nothing. */
  add(at: number, calls: number, marked: number): void {
    if (!this.holds(at)) return;
    const index = place(Math.floor(at / this.#sliceMs));
    this.#calls[index] = (this.#calls[index] as number) + calls;
    this.#marked[index] = (this.#marked[index] as number) + marked;
    this.calls += calls;
    this.marked += marked;
  }

  /** Whether what happened at a time still counts. */
  holds(at: number): boolean {
    return Math.floor(at / this.#sliceMs) > this.#slice - slices;
  }

  /** Forgets everything. */
  clear(): void {
    for (let index = 0; index < slices; index++) this.#empty(index);
  }

  #empty(index: number): void {
    this.calls -= this.#calls[index] as number;
    this.marked -= this.#marked[index] as number;
    this.#calls[index] = 0;
    this.#marked[index] = 0;
  }
}

/** Where a slice is kept; the clock's zero means nothing, so slices may be negative. */
const place = (slice: number): number => ((slice % slices) + slices) % slices;
