/** Seconds, as JSON of `google.protobuf.Duration` and Go both read them: "0.25s", "90s". Parts of a millisecond are rounded up. */
export const inSeconds = (ms: number): string => `${Number((Math.ceil(ms) / 1000).toFixed(3))}s`;

const units = [
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

/**
 * A duration as the Gateway API has it: whole numbers with units, largest first, such as "1s500ms". Parts of a millisecond are
 * rounded up; what is beyond 99999 hours becomes that. Source: GEP-2257.
 */
export function gepDuration(ms: number): string {
  let left = Math.min(Math.ceil(ms), 99_999 * 3_600_000);
  let text = "";
  for (const [unit, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === "" ? "0s" : text;
}
