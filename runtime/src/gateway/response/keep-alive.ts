import type { Clock } from "../../core/clock.ts";

/**
 * Runs `ping` whenever nothing was written for `everyMs`, until it is stopped. One timer, however much is written: it
 * looks when it fires how long ago that was.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #ping: () => void;
  #writtenAt: number;
  #stop: () => void;

  constructor(clock: Clock, everyMs: number, ping: () => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#ping = ping;
    this.#writtenAt = clock.now();
    this.#stop = clock.schedule(everyMs, this.#look);
  }

  /** Something was written. */
  wrote(): void {
    this.#writtenAt = this.#clock.now();
  }

  stop(): void {
    this.#stop();
  }

  readonly #look = (): void => {
    const silentMs = this.#clock.now() - this.#writtenAt;
    const due = silentMs >= this.#everyMs;
    if (due) this.wrote();
    this.#stop = this.#clock.schedule(due ? this.#everyMs : this.#everyMs - silentMs, this.#look);
    // Last, for it may stop this.
    if (due) this.#ping();
  };
}
