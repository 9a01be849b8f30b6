const units = [
  { ms: 3_600_000, name: "h" },
  { ms: 60_000, name: "min" },
  { ms: 1000, name: "s" },
  { ms: 1, name: "ms" },
  { ms: 0.001, name: "µs" },
] as const;

/** A number without the noise of binary fractions: at most nine digits count. */
export const plain = (value: number): string => {
  const [whole = "", fraction] = String(Number(value.toPrecision(9))).split(".");
  if (/e/.test(whole)) return whole;
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") : whole;
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
};

/** Milliseconds as readers say it: in the unit that needs the fewest digits, after a no-break space, such as `1.5 s`, `90 s` or `250 µs`. */
export function duration(ms: number): string {
  const before = told.get(ms);
  if (before !== undefined) return before;
  const text = tell(ms);
  told.set(ms, text);
  return text;
}

/** Methods share their policies, so that few durations are told over and over. */
const told = new Map<number, string>();

function tell(ms: number): string {
  if (ms === 0) return "0";
  const possible = units
    .filter((unit) => ms >= unit.ms)
    .map(({ ms: size, name }) => ({
      text: plain(ms / size),
      name,
      digits: String(Number((ms / size).toPrecision(9))),
    }));
  const [largest = { text: plain(ms / 0.001), name: "µs" }] = possible;
  const short = possible.filter(({ digits }) => /^\d{1,4}(\.\d{1,2})?$/.test(digits));
  // Of equally short ones the first, which is the largest.
  const { text, name } = short.sort((a, b) => a.digits.length - b.digits.length)[0] ?? largest;
  return `${text}\u00a0${name}`;
}

/** Like `duration`, but where that takes many digits with three of them: for what is computed. */
export function roughly(ms: number): string {
  const exact = duration(ms);
  if (exact.length <= 7) return exact;
  const { ms: size, name } = units.find((unit) => ms >= unit.ms) ?? { ms: 0.001, name: "µs" };
  return `${plain(Number((ms / size).toPrecision(3)))}\u00a0${name}`;
}

/** Bytes, in binary units where they are whole. */
export function bytes(count: number): string {
  for (const [size, name] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ] as const)
    if (count >= size && count % size === 0) return `${count / size} ${name}`;
  return `${plain(count)} bytes`;
}

/** Calls per second, as a rate with few digits: `200/s`, `90/m`, `20/h`. */
export function rate(perSecond: number): string {
  for (const [seconds, name] of [
    [1, "s"],
    [60, "m"],
    [3600, "h"],
  ] as const) {
    const count = Number((perSecond * seconds).toPrecision(9));
    if (Number.isInteger(count)) return `${plain(count)}/${name}`;
  }
  return `${plain(perSecond)}/s`;
}

/** A share as percent. */
export const percent = (share: number): string => `${plain(share * 100)}\u00a0%`;
