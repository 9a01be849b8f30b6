import { type Waiter, Waiting } from "./waiting.ts";

/** What a layer says about the gate while it is in force. */
export interface GateRules {
  /** How many may be inside for one of this rank to be let in. At least 1 for every rank when nobody is inside, or nobody comes in. */
  places(rank: number): number;
  /** How many may wait. */
  readonly queue: number;
}

/** A call that waits at the gate. Exactly one of the two is called, unless it leaves before. */
export interface Guest extends Waiter {
  /** It has a place now, and must give it back by `leave`. Must not throw. */
  enter(): void;
  /** It had to make room for one that matters more. */
  evicted(): void;
}

/**
 * Who is inside and who waits, for one method of one server. It outlives the layers: when a configuration is loaded anew, the
 * next layer brings its own rules, and the calls that are inside still count.
 */
export class Gate<G extends Guest = Guest> {
  readonly #waiting = new Waiting<G>();
  #inside = 0;
  #waking = false;
  #rules: GateRules;

  constructor(rules: GateRules) {
    this.#rules = rules;
  }

  /** How many have a place. */
  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a place if there is one; then `leave` must follow, once. The rules hold from now on. */
  tryEnter(rank: number, rules: GateRules): boolean {
    if (this.#rules !== rules) {
      this.#rules = rules;
      this.wake();
    }
    if (this.#inside >= rules.places(rank)) return false;
    this.#inside++;
    return true;
  }

  /** Whether one of this rank may wait, if need be instead of one that matters less. */
  hasRoomFor(rank: number): boolean {
    const { queue } = this.#rules;
    return this.#waiting.size < queue || (queue > 0 && this.#waiting.lesserThan(rank) !== undefined);
  }

  /** Waits for a place. Only for one that there is room for. */
  wait(guest: G): void {
    if (this.#waiting.size >= this.#rules.queue) {
      const lesser = this.#waiting.lesserThan(guest.rank) as G;
      this.#waiting.remove(lesser);
      lesser.evicted();
    }
    this.#waiting.add(guest);
  }

  /** Stops waiting. Only for one that waits. */
  giveUp(guest: G): void {
    this.#waiting.remove(guest);
  }

  /** Gives a place back. */
  leave(): void {
    this.#inside--;
    this.wake();
  }

  /** Lets in who fits: if the first does not, nobody does, because those behind it have fewer places. */
  wake(): void {
    // A guest that leaves as soon as it enters comes back here; the loop that let it in goes on.
    if (this.#waking) return;
    this.#waking = true;
    try {
      for (let guest = this.#waiting.first(); guest; guest = this.#waiting.first()) {
        if (this.#inside >= this.#rules.places(guest.rank)) return;
        this.#waiting.remove(guest);
        this.#inside++;
        guest.enter();
      }
    } finally {
      this.#waking = false;
    }
  }
}
