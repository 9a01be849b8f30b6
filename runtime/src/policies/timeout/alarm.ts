import type { Clock } from "../../core/clock.ts";

/**
 * Runs the function once when the clock has reached `due()`, which may move on while the alarm waits: one timer then
 * serves any number of messages. Returns how to call it off.
 */
export function alarm(clock: Clock, due: () => number, run: () => void): () => void {
  const check = () => {
    const left = due() - clock.now();
    // Timers come early too: by a fraction of a millisecond, or when the wait is longer than they can hold.
    if (left > 0) stop = clock.schedule(left, check);
    else run();
  };
  let stop = clock.schedule(due() - clock.now(), check);
  return () => stop();
}
