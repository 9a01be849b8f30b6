/**
 * A map that forgets what was unused for longest: it holds at most `capacity` entries, and always the half of them
 * that was used last.
 *
 * Two generations instead of an exact order: a look-up of what is in use then writes nothing.
 */
export class Lru<K, V> {
  readonly #half: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(capacity: number) {
    this.#half = Math.ceil(capacity / 2);
  }

  /** The value, which counts as a use. */
  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }

  /** How many entries are held; one that was used in both generations counts twice. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
