/** Pseudo-random choices that a seed repeats. The generator is mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number, stream: number) {
    this.#state = (seed ^ Math.imul(stream + 1, 0x9e3779b1)) >>> 0;
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number below the limit. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** The bytes with some of them changed, dropped, doubled or cut off. */
  mutate(bytes: Buffer): Buffer {
    let result = Buffer.from(bytes);
    for (let changes = 1 + this.below(3); changes > 0 && result.length > 0; changes--) {
      const at = this.below(result.length);
      const to = Math.min(result.length, at + 1 + this.below(8));
      switch (this.below(4)) {
        case 0:
          result[at] = this.below(256);
          break;
        case 1:
          result = Buffer.concat([result.subarray(0, at), result.subarray(to)]);
          break;
        case 2:
          result = Buffer.concat([result.subarray(0, to), result.subarray(at)]);
          break;
        default:
          result = result.subarray(0, at);
      }
    }
    return result;
  }
}
