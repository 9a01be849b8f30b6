/** How Envoy reaches services, by what is exported. Needs Envoy; without it the tests are skipped, but never in CI. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { Client, credentials, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exported, rpc } from "../../plugin/test/exported.ts";
import { envoy, freePort, startEnvoy } from "./envoy.ts";

const certificates = fileURLToPath(new URL("../../runtime/test/tls/", import.meta.url));
const file = (name: string) => readFileSync(`${certificates}${name}`);

describe.skipIf(envoy.problem)("TLS to a service", () => {
  let server: Http2SecureServer;

  beforeAll(async () => {
    server = createSecureServer({ cert: file("server.pem"), key: file("server.key") }, (_, response) => {
      response.stream.respond(
        { ":status": 200, "content-type": "application/grpc", "grpc-status": String(status.ABORTED) },
        { endStream: true },
      );
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(() => server.close());

  // What answers says ABORTED. Its certificate is for localhost, kitchen.test and 127.0.0.1.
  test.each([
    ["localhost", "", "ABORTED"],
    ["127.0.0.1", "", "ABORTED"],
    ["127.0.0.1", "server_name: kitchen.test,", "ABORTED"],
    ["127.0.0.1", "server_name: shop.example,", "UNAVAILABLE"],
    ["127.0.0.1", "server_name: 127.0.0.2,", "UNAVAILABLE"],
  ])(
    "at %s, with the name that it needs: %s %s",
    async (host, name, expected) => {
      const listen = await freePort();
      const { port } = server.address() as AddressInfo;
      const { files } = exported(
        "envoy",
        `service Shop { ${rpc("Get", "auth: { access: PUBLIC }")} }`,
        `server: { listen: "localhost:${listen}" }
targets: [{ name: shop, address: "${host}:${port}", tls: { ${name} ca_file: "${certificates}ca.pem" } }]`,
      );
      const proxy = await startEnvoy(files["envoy.yaml"] as string, listen);
      const client = new Client(`127.0.0.1:${listen}`, credentials.createInsecure());
      try {
        const code = await new Promise<status>((resolve) => {
          const call = client.makeUnaryRequest("/acme.Shop/Get", Buffer.from, Buffer.from, Buffer.alloc(0), () => {});
          call.on("status", ({ code }) => resolve(code));
        });
        expect(status[code]).toBe(expected);
      } finally {
        client.close();
        await proxy.stop();
      }
    },
    60_000,
  );
});
