/** An exported service config in the hands of grpc-go. Needs Go; without it the tests are skipped, but never in CI. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { implement, RpcError, serve } from "@protomesh/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generate } from "../plugin/test/compile.ts";
import { buildGo } from "./build-go.mjs";
import { Interop } from "./gen/interop/v1/interop_mesh.js";
import { interopService } from "./service.ts";
import { goProblem } from "./toolchain.mjs";

const problem = goProblem();
if (problem) console.warn(`\n*** service configs in grpc-go are NOT tested: ${problem} ***\n`);

test.runIf(problem && process.env.CI)("CI has Go", () => {
  throw new Error(`${problem}: CI must test service configs in grpc-go`);
});

const folder = mkdtempSync(join(tmpdir(), "mesh-service-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The service config of a contract for the service that grpc-go's program knows. */
function exported(options: string, parameter = ""): string {
  const safe = "option idempotency_level = NO_SIDE_EFFECTS;";
  const proto = `syntax = "proto3"; package interop.v1; import "mesh/v1/options.proto";
    service Interop {
      option (mesh.v1.service) = { auth: { access: PUBLIC } };
      rpc Unary(Echo) returns (Echo) { ${safe} option (mesh.v1.method) = { ${options} }; }
      rpc Wait(Echo) returns (Echo) { option (mesh.v1.method) = { timeout: { total: "250ms" } }; }
      rpc Small(Echo) returns (Echo) { option (mesh.v1.method) = { limits: { request_bytes: 1000 } }; }
    }
    message Echo { string text = 1; }`;
  const { files, errors } = generate({ "interop.proto": proto }, `target=service-config${parameter}`);
  if (errors.length > 0) throw new Error(errors.join("\n"));
  const file = join(folder, "config.json");
  writeFileSync(file, files["interop_service_config.json"] as string);
  return file;
}

describe.skipIf(problem)("grpc-go with an exported service config", () => {
  let binary: string;
  beforeAll(() => {
    binary = buildGo();
  }, 300_000);

  /** What grpc-go saw, and how often it called, when the first calls failed. */
  async function calls(file: string, failures: number, code: "UNAVAILABLE" | "INTERNAL" = "UNAVAILABLE") {
    const service = interopService();
    let count = 0;
    const server = await serve({
      services: [
        implement(Interop, {
          ...service,
          async unary(request, options) {
            if (++count <= failures) throw new RpcError(code, "not now");
            return service.unary(request, options);
          },
        }),
      ],
      grpc: "127.0.0.1:0",
      signals: false,
      drain: { limitMs: 100 },
    });
    const client = spawn(binary, ["config", `127.0.0.1:${server.grpc?.port}`, file], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, errors, [exit]] = await Promise.all([text(client.stdout), text(client.stderr), once(client, "close")]);
    await server.stop({ force: true });
    if (exit !== 0) throw new Error(`grpc-go failed: ${errors}`);
    return { ...JSON.parse(out), calls: count };
  }

  const retry = 'retry: { attempts: 3 on: [UNAVAILABLE] initial: "20ms" }';
  const others = { wait: "DeadlineExceeded", small: expect.stringContaining("trying to send message larger than max") };

  test("retries as often as it says, for the codes that it says, and obeys timeout and sizes", async () => {
    const file = exported(retry);
    expect(await calls(file, 2)).toEqual({ unary: { code: "OK", text: "retried" }, calls: 3, ...others });
    expect(await calls(file, 3)).toMatchObject({ unary: { code: "Unavailable" }, calls: 3 });
    expect(await calls(file, 1, "INTERNAL")).toMatchObject({ unary: { code: "Internal" }, calls: 1 });
  });

  test.each(["PICK_FIRST", "ROUND_ROBIN", "LEAST_REQUEST", "WEIGHTED", 'RING_HASH hash_by: "metadata:x"'])(
    "accepts balance: { picker: %s }",
    async (picker) => {
      const file = exported(`${retry} balance: { picker: ${picker} }`);
      expect(await calls(file, 1)).toMatchObject({ unary: { code: "OK" }, calls: 2 });
    },
  );

  test("the dialect of @grpc/grpc-js says the same to grpc-go, except the sizes", async () => {
    const file = exported(retry, ",service_config=grpc-js");
    expect(await calls(file, 2)).toMatchObject({ unary: { code: "OK" }, calls: 3, wait: "DeadlineExceeded" });
  });
});
