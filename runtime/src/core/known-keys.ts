/**
 * Throws a TypeError when an object has a key that nobody reads: what is silently ignored is believed to be in force.
 * `where` says what the object is, such as `serve` or `serve: drain`.
 */
export function checkKeys(value: object, known: readonly string[], where: string): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new TypeError(`${where}: ${unknownKey(key, known)}`);
  }
}

/** Every key of an interface; the compiler refuses a list that has one too few or too many. */
export const keysOf = <T>(keys: { readonly [K in keyof Required<T>]: true }): readonly string[] => Object.keys(keys);

/** What to tell whoever wrote a key that does not exist. */
export function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return `unknown key ${JSON.stringify(key)}${meant ? `, did you mean ${meant}?` : "."} Known keys: ${known.join(", ")}`;
}

/** The candidate that a typing mistake turns into the word; undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let least = limit + 1;
  for (const candidate of candidates) {
    const [typed, known] = [word.toLowerCase(), candidate.toLowerCase()];
    // A forgotten ending, most often a unit, is one mistake however long it is.
    const away =
      word.length > 2 && known.startsWith(typed) ? Math.min(1, known.length - typed.length) : distance(typed, known);
    if (away < least) {
      best = candidate;
      least = away;
    }
  }
  return best;
}

/** How many letters must be added, removed, replaced or swapped with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((row[j - 1] as number) + 1, (last[j] as number) + 1, (last[j - 1] as number) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] as number;
}
