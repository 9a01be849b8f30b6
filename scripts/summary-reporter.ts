import type { Reporter, TestModule } from "vitest/node";

/** Ends the run with one line that any CI can read: `N passed, N failed`. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      // A file that does not load has no tests to fail.
      if (module.state() === "failed" && [...module.children.allTests()].length === 0) count.failed += 1;
    }
    const skipped = count.skipped + count.pending;
    // After the default reporter's own summary.
    process.on("exit", () =>
      console.log(`${count.passed} passed, ${count.failed} failed${skipped ? `, ${skipped} skipped` : ""}`),
    );
  }
}
