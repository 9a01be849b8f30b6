import { type Criticality, criticalities } from "../../core/criticality.ts";

/** Position in `criticalities`: 0 matters most. */
export const rankOf = (criticality: Criticality): number => criticalities.indexOf(criticality);

/** Which part of the limit each criticality may fill, in the order of `criticalities`: what matters less is refused earlier. */
const shares = [1, 0.95, 0.85, 0.7] as const;

/**
 * How many calls may run for a call of this rank to be let in. The most that the method allows gets the whole limit, because
 * nobody could use the rest; whatever matters less gets its share, rounded down, but one place at least.
 */
export function placesFor(rank: number, limit: number, highest: number): number {
  if (rank <= highest) return limit;
  // 0.7 of 90 is not quite 63 to a computer.
  return Math.max(1, Math.floor(limit * (shares[rank] as number) + 1e-9));
}
