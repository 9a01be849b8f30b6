import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests run the sources, not a build that may be stale.
  resolve: { conditions: ["@protomesh/source", "node"] },
  ssr: { resolve: { conditions: ["@protomesh/source", "node"] } },
  test: {
    include: [
      "runtime/**/*.test.ts",
      "plugin/**/*.test.ts",
      "cli/**/*.test.ts",
      "scripts/**/*.test.ts",
      "examples/**/*.test.ts",
      "bench/**/*.test.ts",
      "interop/**/*.test.ts",
    ],
    setupFiles: ["./scripts/seed.ts"],
    testTimeout: 20_000,
    reporters: ["default", "./scripts/summary-reporter.ts"],
  },
});
