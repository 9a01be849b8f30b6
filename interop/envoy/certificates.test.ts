/** The mirror suite for callers with certificates. Needs Envoy; without it the tests are skipped, but never in CI. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Backend, startBackend } from "./backend.ts";
import { certified, contractSpecs, type Mirrored, mirrored } from "./contract.ts";
import { envoy, freePort } from "./envoy.ts";
import { type ClientTls, envoyPoint, type Point, runtimePoint } from "./points.ts";

const certificates = fileURLToPath(new URL("../../runtime/test/tls/", import.meta.url));
const file = (name: string) => readFileSync(join(certificates, name));
const waiter: ClientTls = { ca: file("ca.pem"), key: file("waiter.key"), cert: file("waiter.pem") };

describe.skipIf(envoy.problem)("callers with certificates", () => {
  const folder = mkdtempSync(join(tmpdir(), "mesh-certificates-"));
  const points = new Map<string, Point>();
  let backend: Backend;
  let contract: Mirrored;

  beforeAll(async () => {
    const specs = contractSpecs(certified);
    backend = await startBackend(specs);
    const port = await freePort();
    const options = { port, backend: backend.port, text: certified, certificates };
    contract = await mirrored(specs, folder, options);
    points.set("runtime", await runtimePoint(contract, backend, waiter));
    points.set("Envoy", await envoyPoint(contract, backend, port, waiter));
  }, 120_000);

  afterAll(async () => {
    for (const point of points.values()) await point.stop();
    backend?.stop();
    rmSync(folder, { recursive: true });
  });

  const bearer = async (claims: object) => ({ authorization: `Bearer ${await contract.token({ ...claims })}` });

  describe.each(["runtime", "Envoy"])("at %s", (name) => {
    const ask = async (method: string, headers = {}) =>
      (await (points.get(name) as Point).grpc(method, { id: name }, headers)).code;

    test("a SPIFFE id is a credential, with the scopes that the configuration gives it", async () => {
      expect(await ask("Any")).toBe("OK");
      expect(await ask("Read")).toBe("OK");
      expect(await ask("Write")).toBe("PERMISSION_DENIED");
    });

    test("a certificate is for no audience, and no token", async () => {
      expect(await ask("Meant")).toBe("PERMISSION_DENIED");
      expect(await ask("Token")).toBe("UNAUTHENTICATED");
      expect(await ask("Token", await bearer({}))).toBe("OK");
    });
  });
});
