import { fnv1a, spread } from "../core/hash.ts";

/** Points of one address. The shares of addresses differ by about a tenth, and building a ring of a hundred stays cheap. */
const pointsPerAddress = 128;
/** A point and whose it is in one number that compares by the point: 32 bits and 20 bits. */
const owners = 2 ** 20;

/** Where a key is on every ring. */
export const placeOf = (key: string): number => spread(fnv1a(key));

/**
 * A ring with points of each address; a key belongs to the next point. It depends on the addresses alone, so all clients
 * agree, and without an address only its own keys move.
 */
export class Ring<T> {
  readonly #members: readonly T[];
  readonly #points: Float64Array;

  /** Members by their addresses, at least one. */
  constructor(members: ReadonlyMap<string, T>) {
    // Two addresses with one point: the order must not depend on who connected first.
    const sorted = [...members].sort(([a], [b]) => (a < b ? -1 : 1));
    this.#members = sorted.map(([, member]) => member);
    this.#points = new Float64Array(sorted.length * pointsPerAddress);
    let at = 0;
    for (const [owner, [address]] of sorted.entries()) {
      for (let point = 0; point < pointsPerAddress; point++)
        this.#points[at++] = placeOf(`${address}#${point}`) * owners + owner;
    }
    this.#points.sort();
  }

  /** The member that keys at this place belong to. */
  at(place: number): T {
    const points = this.#points;
    const wanted = place * owners;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    const point = points[low === points.length ? 0 : low] as number;
    return this.#members[point % owners] as T;
  }
}
