/** The signals by which operators ask a process to stop. */
export const stopSignals = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;

/** A request to stop that reaches the process from outside. */
export type StopSignal = (typeof stopSignals)[number];

/** Stops one server; called again at each further signal. Resolves when it has stopped. */
type Stop = (signal: StopSignal) => Promise<void>;

/** One listener per signal for all servers of the process, because Node.js warns of more than ten. */
const waiting = new Map<StopSignal, Set<Stop>>();

/**
 * Stops a server at these signals. Returns how to stop listening.
 *
 * Whoever listens for such a signal takes from the process its usual end. So when all servers that listened have
 * stopped, the process is ended, unless it ends by itself: `exitMs` later, with `process.exitCode`.
 */
export function stopAt(signals: readonly StopSignal[], exitMs: number, stop: Stop): () => void {
  const run: Stop = async (signal) => {
    await stop(signal);
    // Unref'd: when nothing else is alive the process does not wait for it.
    if ([...waiting.values()].every((stops) => stops.size === 0)) setTimeout(() => process.exit(), exitMs).unref();
  };
  for (const signal of signals) {
    let stops = waiting.get(signal);
    if (!stops) {
      stops = new Set();
      waiting.set(signal, stops);
    }
    if (stops.size === 0) process.on(signal, dispatch);
    stops.add(run);
  }
  return () => {
    for (const signal of signals) {
      const stops = waiting.get(signal);
      if (stops?.delete(run) && stops.size === 0) process.off(signal, dispatch);
    }
  };
}

function dispatch(signal: NodeJS.Signals): void {
  for (const stop of waiting.get(signal as StopSignal) ?? []) void stop(signal as StopSignal);
}
