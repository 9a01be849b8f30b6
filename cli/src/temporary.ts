import { mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Works in a folder of its own, which is gone afterwards, also when the work fails or a signal ends the command. */
export function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "protomesh-"));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  const end = (signal: (typeof signals)[number]) => {
    clean();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of signals) process.once(signal, end);
  try {
    return work(folder);
  } finally {
    clean();
    // Signals that came during the work are delivered after it.
    setImmediate(() => {
      for (const signal of signals) process.off(signal, end);
    });
  }
}
