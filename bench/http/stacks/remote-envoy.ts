// Envoy with its filter grpc_json_transcoder, on one worker thread as Node.js has one.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpServer } from "../contender.ts";
import { startBackend } from "../remote/backend.ts";
import { envoyConfig } from "../remote/envoy-config.ts";
import { answering, cpuUsOf, freePort, startProgram } from "../remote/program.ts";

let cpuUs = () => 0;

export const server: HttpServer = {
  checks: true,
  async serve() {
    const port = await freePort();
    const config = join(mkdtempSync(join(tmpdir(), "bench-envoy-")), "envoy.json");
    const descriptors = process.env.BENCH_DESCRIPTORS as string;
    writeFileSync(config, JSON.stringify(envoyConfig({ port, backend: await startBackend(), descriptors })));
    const child = startProgram(process.env.BENCH_ENVOY as string, [
      ...["-c", config, "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"],
    ]);
    cpuUs = () => cpuUsOf(child);
    await answering(port);
    return port;
  },
  cpuUs: () => cpuUs(),
};
