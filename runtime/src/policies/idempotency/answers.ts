import { AgedMap } from "../../core/aged-map.ts";
import type { Answer } from "./answer.ts";
import type { Run } from "./run.ts";

/** An answer, and to what. */
export interface Answered {
  readonly path: string;
  /** Hash of the request. */
  readonly request: string;
  readonly answer: Answer;
}

/** An answer as it is kept. */
export interface Remembered extends Answered {
  readonly until: number;
  readonly size: number;
}

/** About what an entry takes besides its answer: the maps' slots, the objects, the hash. */
const overhead = 400;

/**
 * The answers of one server by key, and the calls that will have one. Bounded in bytes: what is expired goes first, then
 * what was answered longest ago. A repetition follows its call closely, so being read makes no answer worth more.
 */
export class Answers {
  readonly #maxBytes: number;
  /** By window, so that each map is in the order of expiry. There are as many as configs differ in it: a few. */
  readonly #byWindow = new Map<number, AgedMap<string, Remembered>>();
  #bytes = 0;
  /** Calls that run, by key. */
  readonly running = new AgedMap<string, Run>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What the answers take up together, in bytes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The answer under a key, while it is remembered. */
  get(key: string, now: number): Remembered | undefined {
    for (const map of this.#byWindow.values()) {
      const found = map.get(key);
      if (found && found.until > now) return found;
    }
    return undefined;
  }

  /** Takes note of a call that runs. Forgets those that have run for longer than their window: they may never end. */
  start(key: string, run: Run, now: number): void {
    for (let old = this.running.oldest; old && old.value.until <= now; old = this.running.oldest)
      this.running.delete(old.key);
    this.running.set(key, run);
  }

  /** Remembers an answer. Returns those that had to make room before their time; itself, when it is too large to keep. */
  set(key: string, answered: Answered, windowMs: number, now: number): Remembered[] {
    for (const map of this.#byWindow.values()) this.#delete(key, map);
    const size = overhead + 2 * key.length + sizeOf(answered.answer);
    const entry = { ...answered, until: now + windowMs, size };
    if (size > this.#maxBytes) return [entry];
    let map = this.#byWindow.get(windowMs);
    if (!map) {
      map = new AgedMap();
      this.#byWindow.set(windowMs, map);
    }
    map.set(key, entry);
    this.#bytes += size;
    return this.#makeRoom(now);
  }

  #makeRoom(now: number): Remembered[] {
    for (const map of this.#byWindow.values())
      for (let old = map.oldest; old && old.value.until <= now; old = map.oldest) this.#delete(old.key, map);
    const gone: Remembered[] = [];
    while (this.#bytes > this.#maxBytes) {
      const [, { key, value }, map] = [...this.#byWindow]
        .flatMap(([windowMs, map]) =>
          map.oldest ? [[map.oldest.value.until - windowMs, map.oldest, map] as const] : [],
        )
        .reduce((one, other) => (other[0] < one[0] ? other : one));
      gone.push(value);
      this.#delete(key, map);
    }
    return gone;
  }

  #delete(key: string, map: AgedMap<string, Remembered>): void {
    this.#bytes -= map.delete(key)?.size ?? 0;
  }
}

const sizeOf = (answer: Answer): number =>
  typeof answer === "string"
    ? answer.length
    : answer.details.reduce((sum, { type, value }) => sum + 2 * type.length + value.byteLength, 2 * answer.text.length);
