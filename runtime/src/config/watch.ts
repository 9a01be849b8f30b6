import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type Clock, systemClock } from "../core/clock.ts";
import { readText } from "./read.ts";

/** What a watcher tells. */
export interface WatchOptions {
  /** What is in the file as it is. */
  readonly seen: string;
  /** Told of each text that differs from the one before, one at a time. */
  readonly onText: (text: string) => Promise<void>;
  /** Told once when the file cannot be read any more. */
  readonly onError: (error: Error) => void;
  /** Default: the system's, with timers that let the process end. */
  readonly clock?: Clock | undefined;
}

/** Nobody waits for the next look at a file. */
const background: Clock = {
  ...systemClock,
  schedule(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

/** Events about the folder are gathered for so long: a file is seldom written by one of them. */
const quietMs = 100;
const pollMs = 1_000;

/**
 * Watches a file until it is closed. Never fails, and never keeps the process alive.
 *
 * The folder is watched, which survives editors that replace the file and Kubernetes that swaps the symlink `..data`; every
 * second the file itself is looked at, which survives everything else, such as network file systems and links into folders
 * elsewhere.
 */
export class Watcher {
  readonly #file: string;
  readonly #options: WatchOptions;
  readonly #clock: Clock;
  #seen: string;
  #problem: string | undefined;
  #signature: string | undefined;
  #events: FSWatcher | undefined;
  #stopPoll: (() => void) | undefined;
  #stopQuiet: (() => void) | undefined;
  #looking: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(file: string, options: WatchOptions) {
    this.#file = file;
    this.#options = options;
    this.#clock = options.clock ?? background;
    this.#seen = options.seen;
    this.#watchFolder();
    // The file may have changed since it was read.
    this.#stopPoll = this.#clock.schedule(0, () => void this.#poll());
  }

  close(): void {
    this.#closed = true;
    this.#events?.close();
    this.#stopPoll?.();
    this.#stopQuiet?.();
  }

  #watchFolder(): void {
    const quiet = () => {
      this.#stopQuiet?.();
      this.#stopQuiet = this.#closed ? undefined : this.#clock.schedule(quietMs, () => void this.#look());
    };
    try {
      this.#events = watch(dirname(this.#file), { persistent: false }, quiet);
      // Where there are no events any more, looking at the file remains.
      this.#events.on("error", () => this.#events?.close());
    } catch {
      // No folder, or no more watches to be had: the same.
    }
  }

  async #poll(): Promise<void> {
    const signature = await this.#sign();
    if (signature !== this.#signature) await this.#look();
    if (!this.#closed) this.#stopPoll = this.#clock.schedule(pollMs, () => void this.#poll());
  }

  /** What changes when the file does. */
  #sign(): Promise<string> {
    return stat(this.#file).then(
      ({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`,
      (error: NodeJS.ErrnoException) => `${error.code}`,
    );
  }

  /** Looks at the file; a look that is asked for meanwhile follows. */
  #look(): Promise<void> {
    this.#again = this.#looking !== undefined;
    this.#looking ??= this.#once().finally(() => {
      this.#looking = undefined;
      if (this.#again && !this.#closed) return this.#look();
    });
    return this.#looking;
  }

  async #once(): Promise<void> {
    this.#signature = await this.#sign();
    let text: string;
    try {
      text = await readText(this.#file);
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#problem && !this.#closed) this.#options.onError(error as Error);
      this.#problem = message;
      return;
    }
    if (this.#closed || (text === this.#seen && this.#problem === undefined)) return;
    this.#problem = undefined;
    this.#seen = text;
    await this.#options.onText(text);
  }
}
