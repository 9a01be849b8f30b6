const second = 1000;
const hour = 3_600_000;
const stepsOfTime = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * second,
);

/** Where an axis from 0 to `max` milliseconds has its ticks, 0 included: round times, at most `most` steps. */
export function ticks(max: number, most: number): number[] {
  const step = stepFor(max / most);
  // Not by adding up, so that no error adds up.
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, n) => Number((n * step).toPrecision(12)));
}

/** The shortest round time that is not below `least`: 1, 2 or 5 times a power of ten, but seconds, minutes and hours as clocks have them. */
function stepFor(least: number): number {
  if (least > second && least <= 24 * hour) return stepsOfTime.find((step) => step >= least) as number;
  const unit = least > second ? 24 * hour : 1;
  const power = 10 ** Math.floor(Math.log10(least / unit));
  const factor = [1, 2, 5, 10].find((one) => one * power * unit >= least * (1 - 1e-9)) as number;
  return factor * power * unit;
}
