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

/** A file is seldom written by one step, and half a file can be a configuration too: it is read when it rests for so long. */
const quietMs = 200;
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
  /** Of the file as it was read last, and as it was at the last look. */
  #signature: string | undefined;
  #polled: string | undefined;
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
    try {
      this.#events = watch(dirname(this.#file), { persistent: false }, () => this.#soon());
      // Where there are no events any more, looking at the file remains.
      this.#events.on("error", () => this.#events?.close());
    } catch {
      // No folder, or no more watches to be had: the same.
    }
  }

  #soon(): void {
    this.#stopQuiet?.();
    this.#stopQuiet = this.#closed ? undefined : this.#clock.schedule(quietMs, () => void this.#look());
  }

  async #poll(): Promise<void> {
    const signature = await this.#sign();
    const changed = signature !== this.#signature;
    const rests = signature === this.#polled;
    this.#polled = signature;
    if (changed && rests) await this.#look();
    if (this.#closed) return;
    this.#stopPoll = this.#clock.schedule(changed && !rests ? quietMs : pollMs, () => void this.#poll());
  }

  /** What changes when the file does; undefined for what is no file, such as a pipe, which says everything once. */
  #sign(): Promise<string | undefined> {
    return stat(this.#file).then(
      (found) => (found.isFile() ? `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}` : undefined),
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
    const signature = await this.#sign();
    this.#signature = signature;
    if (signature === undefined) return;
    let text: string;
    try {
      text = await readText(this.#file);
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#problem && !this.#closed) this.#options.onError(error as Error);
      this.#problem = message;
      return;
    }
    // Written while it was read: what was read may be of two versions.
    if ((await this.#sign()) !== signature) return this.#soon();
    if (this.#closed || (text === this.#seen && this.#problem === undefined)) return;
    this.#problem = undefined;
    this.#seen = text;
    await this.#options.onText(text);
  }
}
