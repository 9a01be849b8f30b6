import { Lru } from "../../core/lru.ts";

/** The whole state of one bucket: the time at which it is full again. */
export interface Bucket {
  fullAt: number;
  /** What calls have taken that may still be refused elsewhere. */
  held: Set<Held> | undefined;
}

/** What one call took, and may give back. */
interface Held {
  readonly ms: number;
  /** What later calls were still kept waiting by when they took theirs: more cannot be given back. */
  most: number;
}

const emptyBucket = (): Bucket => ({ fullAt: Number.NEGATIVE_INFINITY, held: undefined });

/** Lets a call take what it costs; `fullAt` is what `Gcra.after` said. */
export function take(bucket: Bucket, fullAt: number, now: number): void {
  if (bucket.held) for (const held of bucket.held) held.most = Math.min(held.most, Math.max(0, bucket.fullAt - now));
  bucket.fullAt = fullAt;
}

/**
 * Holds what a call has just taken for as long as it may still be refused elsewhere. Returns how to end that: true gives
 * back what time has not given back by itself, so that the bucket never admits more than without the call.
 */
export function hold(bucket: Bucket, ms: number): (giveBack: boolean) => void {
  const held: Held = { ms, most: Number.POSITIVE_INFINITY };
  bucket.held ??= new Set();
  bucket.held.add(held);
  return (giveBack) => {
    bucket.held?.delete(held);
    if (!giveBack) return;
    const back = Math.min(held.ms, held.most);
    bucket.fullAt -= back;
    for (const other of bucket.held ?? []) other.most = Math.max(0, other.most - back);
  };
}

/** A caller pauses for longer than this only by computing with rounded numbers. */
const roundingMs = 1e-3;

/**
 * The generic cell rate algorithm: exact, no timers, one number per bucket. It admits what a token bucket of size
 * `burst` does, and never more than `burst + rate * t` in any span t. Source: ITU-T I.371, "Virtual scheduling".
 */
export class Gcra {
  /** Time that one unit of cost takes up. */
  readonly unitMs: number;
  readonly #burstMs: number;

  constructor(perSecond: number, burst: number) {
    this.unitMs = 1000 / perSecond;
    this.#burstMs = this.unitMs * burst;
  }

  /** When the bucket would be full again after such a call. Storing it is admitting the call. */
  after({ fullAt }: Pick<Bucket, "fullAt">, cost: number, now: number): number {
    return Math.max(fullAt, now) + cost * this.unitMs;
  }

  /** How long the call must wait to fit, in milliseconds; 0 or less when it fits now. `after` is what `after` said. */
  wait(after: number, now: number): number {
    const wait = after - this.#burstMs - now;
    return wait > roundingMs ? wait : 0;
  }
}

/** How many keys of one limit are remembered. */
const capacity = 10_000;

/**
 * The buckets of one limit. Of more than 10,000 keys those unused for longest are forgotten, which gives their callers
 * full buckets: memory stays bounded whatever callers send. The 5,000 used last are always there.
 */
export class Buckets {
  readonly #byKey = new Lru<string, Bucket>(capacity);
  /** Of a limit without keys. */
  readonly only: Bucket = emptyBucket();

  of(key: string): Bucket {
    let bucket = this.#byKey.get(key);
    if (!bucket) {
      bucket = emptyBucket();
      this.#byKey.set(key, bucket);
    }
    return bucket;
  }

  /** How many keys are remembered now. */
  get size(): number {
    return this.#byKey.size;
  }
}
