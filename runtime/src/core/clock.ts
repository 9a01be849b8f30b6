/** Time as the layers see it: the only door to timers, so that tests can hold the hands. */
export interface Clock {
  /** Milliseconds on a clock that only goes forward. Its zero means nothing. */
  now(): number;
  /** Milliseconds since 1970, for times that come from outside, such as a token's `exp`. */
  wallNow(): number;
  /** Runs the function once after the delay in milliseconds. Returns how to call that off. */
  schedule(delayMs: number, run: () => void): () => void;
}

/** setTimeout overflows above this and would fire at once. */
const longestDelayMs = 2 ** 31 - 1;

/** The real time. What is scheduled keeps the process alive: somebody waits for it, or it would have been called off. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  schedule(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, Math.ceil(delayMs)), longestDelayMs));
    return () => clearTimeout(timer);
  },
};
