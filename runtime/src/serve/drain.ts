import type { Clock } from "../core/clock.ts";

/** Where calls come in, as far as stopping is concerned. */
export interface Door {
  /** Asks clients to move elsewhere, while everything still works. */
  leave?(): void;
  /** Accepts no new calls; resolves when none is left and the connections are closed. */
  drain(): Promise<void>;
  /** Ends calls under way with UNAVAILABLE and cancels their work. */
  end(which: "streams" | "all"): void;
  /** Closes every connection at once. */
  destroy(): void;
}

/** What a server is doing: `lameDuck` serves but says it is leaving, `draining` finishes what has begun. */
export type ServerState = "serving" | "lameDuck" | "draining" | "stopped";

/** What stopping needs to know. */
export interface DrainSettings {
  /** How long calls may take to finish, in milliseconds. */
  readonly limitMs: number;
  readonly clock: Clock;
  /** Told of each state as it begins. */
  readonly onState: (state: ServerState) => void;
  /** Told what went wrong on the way; stopping goes on. */
  readonly onError: (error: unknown) => void;
}

/** How long the last words (status, trailers) may take to leave before connections are cut. */
const flushMs = 250;

/** Takes a server out of service, in order and in bounded time. */
export class Drain {
  readonly #doors: readonly Door[];
  readonly #settings: DrainSettings;
  #state: ServerState = "serving";
  #running: Promise<void> | undefined;
  #settle: () => void = () => {};
  #force: () => void = () => {};
  readonly #forced = new Promise<void>((resolve) => {
    this.#force = resolve;
  });
  /** Resolves when the server has stopped. */
  readonly stopped = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  constructor(doors: readonly Door[], settings: DrainSettings) {
    this.#doors = doors;
    this.#settings = settings;
  }

  get state(): ServerState {
    return this.#state;
  }

  /** Begins to stop, once. Resolves when the server has stopped; never fails. */
  start(lameDuckMs: number): Promise<void> {
    this.#running ??= this.#run(lameDuckMs);
    return this.stopped;
  }

  /** Skips all waiting: begins to stop if need be, and ends what is still under way. */
  force(): Promise<void> {
    this.#force();
    return this.start(0);
  }

  async #run(lameDuckMs: number): Promise<void> {
    this.#enter("lameDuck");
    this.#each((door) => door.leave?.());
    // Even without waiting: who watches health hears NOT_SERVING before its stream ends.
    await new Promise(setImmediate);
    if (lameDuckMs > 0) await this.#within(lameDuckMs, this.#forced);

    this.#enter("draining");
    const drained = Promise.all(this.#doors.map((door) => this.#drained(door)));
    this.#each((door) => door.end("streams"));
    if (!(await this.#within(this.#settings.limitMs, drained, this.#forced))) {
      this.#each((door) => door.end("all"));
      await this.#within(flushMs, drained);
    }
    this.#each((door) => door.destroy());
    this.#enter("stopped");
    this.#settle();
  }

  /** True when `wanted` comes first; false when the time is over or `instead` comes first. */
  #within(ms: number, wanted: Promise<unknown>, instead?: Promise<void>): Promise<boolean> {
    return new Promise((resolve) => {
      const stop = this.#settings.clock.schedule(ms, () => resolve(false));
      const settle = (value: boolean) => () => {
        stop();
        resolve(value);
      };
      void wanted.then(settle(true));
      void instead?.then(settle(false));
    });
  }

  #enter(state: ServerState): void {
    this.#state = state;
    try {
      this.#settings.onState(state);
    } catch (error) {
      this.#settings.onError(error);
    }
  }

  async #drained(door: Door): Promise<void> {
    try {
      await door.drain();
    } catch (error) {
      this.#settings.onError(error);
    }
  }

  /** One door that fails must not leave the others open. */
  #each(act: (door: Door) => void): void {
    for (const door of this.#doors) {
      try {
        act(door);
      } catch (error) {
        this.#settings.onError(error);
      }
    }
  }
}
