/**
 * Collects chunks into one piece. The first one is kept as it is, which is all that most bodies have; then one buffer
 * grows by doubling, so that a body in pieces of a byte takes no more memory than one in a single piece.
 */
export class Bytes {
  #buffer: Buffer | undefined;
  #length = 0;
  #owned = false;

  /** In bytes. */
  get length(): number {
    return this.#length;
  }

  append(chunk: Buffer): void {
    const before = this.#length;
    this.#length += chunk.length;
    if (!this.#buffer || before === 0) {
      this.#buffer = chunk;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#length * 2, 1024));
      this.#buffer.copy(larger, 0, 0, before);
      this.#buffer = larger;
      this.#owned = true;
    }
    chunk.copy(this.#buffer, before);
  }

  /** What was collected, and begins anew. */
  take(): Buffer {
    const bytes = this.#buffer?.subarray(0, this.#length) ?? Buffer.alloc(0);
    this.#buffer = undefined;
    this.#length = 0;
    return bytes;
  }
}
