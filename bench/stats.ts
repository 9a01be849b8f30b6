/** The middle of some numbers and how far they spread. */
export interface Spread {
  readonly median: number;
  /** First and third quartile: half of the numbers lie between them. */
  readonly low: number;
  readonly high: number;
}

/** Median and quartiles, by linear interpolation between the nearest ranks. At least one number. */
export function spread(numbers: readonly number[]): Spread {
  if (numbers.length === 0) throw new RangeError("spread needs at least one number");
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (share: number): number => {
    const rank = share * (sorted.length - 1);
    const below = sorted[Math.floor(rank)] as number;
    const above = sorted[Math.ceil(rank)] as number;
    return below + (above - below) * (rank - Math.floor(rank));
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** Each number of one series divided by the number of the same round in the other. */
export const ratios = (numbers: readonly number[], base: readonly number[]): number[] =>
  numbers.map((number, round) => number / (base[round] as number));
