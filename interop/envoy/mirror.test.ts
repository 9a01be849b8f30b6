/**
 * The mirror suite: the same contract enforced by our runtime and by Envoy with what is exported, and one table of cases. Needs
 * Envoy; without it the tests are skipped, but never in CI.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Backend, startBackend } from "./backend.ts";
import { cases } from "./cases.ts";
import { contractSpecs, type Mirrored, mirrored } from "./contract.ts";
import { envoy, freePort, refused } from "./envoy.ts";
import { envoyPoint, type Point, runtimePoint } from "./points.ts";

const { problem } = envoy;
if (problem) console.warn(`\n*** exports for Envoy are NOT tested: ${problem} ***\n`);

test.runIf(problem && process.env.CI)("CI has Envoy", () => {
  throw new Error(`${problem}: CI must test exports for Envoy`);
});

describe.skipIf(problem)("one contract, two enforcement points", () => {
  const folder = mkdtempSync(join(tmpdir(), "mesh-mirror-"));
  let backend: Backend;
  let contract: Mirrored;
  let port: number;
  const points = new Map<string, Point>();

  beforeAll(async () => {
    const specs = contractSpecs();
    backend = await startBackend(specs);
    port = await freePort();
    contract = await mirrored(specs, folder, { port, backend: backend.port });
    points.set("runtime", await runtimePoint(contract, backend));
    points.set("Envoy", await envoyPoint(contract, backend, port));
  }, 120_000);

  afterAll(async () => {
    for (const point of points.values()) await point.stop();
    backend?.stop();
    rmSync(folder, { recursive: true });
  });

  test("Envoy takes what is exported", () => {
    expect(refused(contract.envoy)).toBeUndefined();
  });

  describe.each(Object.entries(cases))("%s", (chapter, table) => {
    describe.each(["runtime", "Envoy"])("at %s", (name) => {
      test.each(table.map((one, index) => [one.name, one, index] as const))(
        "%s",
        async (_, { run, expected, envoy }, index) => {
          const id = `${chapter}-${name}-${index}`;
          const outcome = await run(points.get(name) as Point, id);
          const seen = JSON.parse(JSON.stringify(outcome).replaceAll(`"${id}"`, '"ID"'));
          expect(seen).toEqual(name === "Envoy" && envoy ? envoy.expected : expected);
        },
        120_000,
      );
    });
  });
});
